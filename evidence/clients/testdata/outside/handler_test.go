package outside

import (
	"net/http/httptest"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

func TestCreateOrder(t *testing.T) {
	db := dynamotest.New(t)
	db.CreateTable(t, "orders", "id")
	db.Next("PutItem", dynamolocal.DropReply) // applied, but the SDK does not learn it and tries again
	for _, want := range []int{409, 409} {    // so the handler takes its own write for another's
		response := httptest.NewRecorder()
		CreateOrder(db.Client)(response, httptest.NewRequest("POST", "/orders?id=7", nil))
		if response.Code != want {
			t.Errorf("got %d, want %d", response.Code, want)
		}
	}
}
