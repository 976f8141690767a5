package problem_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

func ExampleWrite() {
	w := httptest.NewRecorder()
	problem.Write(w, &problem.Problem{
		Type:       "https://example.com/problems/out-of-stock",
		Title:      "Out of stock",
		Status:     http.StatusConflict,
		Detail:     "There are 2 left.",
		Extensions: map[string]any{"available": 2},
	})
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	fmt.Println(w.Body)
	// Output:
	// 409 application/problem+json
	// {"type":"https://example.com/problems/out-of-stock","title":"Out of stock","status":409,"detail":"There are 2 left.","available":2}
}
