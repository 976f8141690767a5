package orders

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
)

// article is something that can be ordered.
type article struct {
	sku string
	// stock is how many there are for each session, before its first order.
	stock int
}

// catalogue is all that can be ordered.
var catalogue = [...]article{
	{"mug", 100},
	{"teapot", 10},
	{"samovar", 1},
}

// find looks an article up in the catalogue.
func find(sku string) (article, bool) {
	for _, a := range catalogue {
		if a.sku == sku {
			return a, true
		}
	}
	return article{}, false
}

// NewOrder is the body of POST /api/orders.
type NewOrder struct {
	// SKU names an article of the catalogue.
	SKU string `json:"sku"`
	// Quantity is the number of articles to order.
	Quantity int `json:"quantity"`
}

const maxQuantity = 100

var skuPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Validate implements [api.Input].
func (o NewOrder) Validate() (invalid []api.FieldError) {
	if !skuPattern.MatchString(o.SKU) {
		invalid = append(invalid, api.FieldError{Field: "sku", Detail: "must have 1 to 40 lower-case letters, digits and hyphens"})
	} else if _, known := find(o.SKU); !known {
		var skus []string
		for _, a := range catalogue {
			skus = append(skus, a.sku)
		}
		invalid = append(invalid, api.FieldError{Field: "sku", Detail: "is not in the catalogue: " + strings.Join(skus, ", ")})
	}
	if o.Quantity < 1 || o.Quantity > maxQuantity {
		invalid = append(invalid, api.FieldError{Field: "quantity", Detail: fmt.Sprintf("must be an integer from 1 to %d", maxQuantity)})
	}
	return invalid
}

// Order is an order that was placed. It does not hold the remaining stock,
// which the transaction does not return.
type Order struct {
	ID        string    `json:"id"`
	SKU       string    `json:"sku"`
	Quantity  int       `json:"quantity"`
	CreatedAt time.Time `json:"createdAt"`
}

// Path implements [api.Resource].
func (o Order) Path() string { return "/api/orders/" + o.ID }

// Detail is the detail of a [datatable.Order].
type Detail struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}
