package canonicaljson_test

import (
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
)

// Texts with the same meaning have the same canonical form. Texts that JSON
// implementations read differently have none.
func ExampleTransform() {
	for _, text := range []string{
		`{"currency": "EUR", "amount": 12.50}`,
		`{"amount":12.5,"currency":"EUR"}`,
		`{"amount":1,"amount":2}`,
		`{"id":9007199254740993}`,
		`{"amount":1.000000000000000001}`,
	} {
		canonical, err := canonicaljson.Transform([]byte(text))
		fmt.Println(string(canonical), err != nil)
	}
	// Output:
	// {"amount":12.5,"currency":"EUR"} false
	// {"amount":12.5,"currency":"EUR"} false
	//  true
	//  true
	//  true
}
