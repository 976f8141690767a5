package evidence_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// TestCodeOfThePage runs the code that the demo's page shows: sent twice, a
// payment is made once.
func TestCodeOfThePage(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	mux := http.NewServeMux()
	callerOf := func(*http.Request) (idempotency.Scope, error) { return idempotency.NewScope("alice") }
	payments := 0
	createPayment := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "payment %d", payments)
	})

	guard, err := idempotency.New(
		idempotency.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: callerOf, // who is asking
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("POST /payments",
		protect(createPayment))

	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(`{"amount":1250}`))
		r.Header.Set("Idempotency-Key", "k1")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusCreated || w.Body.String() != "payment 1" {
			t.Errorf("got %d %q", w.Code, w.Body)
		}
	}
	if payments != 1 {
		t.Errorf("made %d payments, want 1", payments)
	}
}

var pageSnippet = regexp.MustCompile("(?s)export const protectSnippet = `(.*?)`;")

// TestPageShowsCodeThatRuns compares the Go code on the demo's page with the
// tests and examples, as it is done for the documents.
func TestPageShowsCodeThatRuns(t *testing.T) {
	t.Parallel()
	found := pageSnippet.FindStringSubmatch(readFile(t, "../webapp/src/features/how/snippets.ts"))
	if found == nil {
		t.Fatal("the page shows no Go code")
	}
	block := strings.Split(found[1], "\n")
	if !slices.ContainsFunc(testSources(t), func(source []string) bool { return shows(source, block) }) {
		t.Errorf("the page shows code that is in no test or example:\n%s", found[1])
	}
}
