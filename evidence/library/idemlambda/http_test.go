package idemlambda_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// sources are events of a POST with a quoted key that has a comma, by a caller
// whom an authorizer has verified.
var sources = map[string]string{
	"HTTP API 2.0": `{"version":"2.0","rawPath":"/images","headers":{"idempotency-key":"\"a, b\""},"body":"e30=","isBase64Encoded":true,
		"requestContext":{"http":{"method":"POST"},"authorizer":{"jwt":{"claims":{"sub":"CALLER"}}}}}`,
	"HTTP API 1.0": `{"version":"1.0","httpMethod":"POST","path":"/images","multiValueHeaders":{"Idempotency-Key":["\"a, b\""]},"body":"{}",
		"requestContext":{"authorizer":{"claims":{"sub":"CALLER"}}}}`,
	"REST API": `{"httpMethod":"POST","path":"/images","multiValueHeaders":{"idempotency-key":["\"a, b\""]},"body":"{}",
		"requestContext":{"stage":"prod","authorizer":{"claims":{"sub":"CALLER"}}}}`,
}

// Each source is replayed a response byte for byte, to its caller alone, and the
// quoted key of one is the bare key of another.
func TestHTTPIdempotent(t *testing.T) {
	t.Parallel()
	for source, event := range sources {
		guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
		protect := idempotency.Must(idemhttp.New(idemhttp.Config{Guard: guard, Operation: "images.draw", Scope: idemlambda.ClaimScope("sub")}))
		runs := 0
		respond := idemlambda.HTTP(protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			runs++
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte{0x89, 'P', 'N', 'G', 0xff, byte(runs)})
		})))
		as := func(caller string) string {
			var e idemlambda.HTTPEvent
			if err := json.Unmarshal([]byte(strings.Replace(event, "CALLER", caller, 1)), &e); err != nil {
				t.Fatal(err)
			}
			response, err := respond(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(response)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		first, again, bobs := as("alice"), as("alice"), as("bob")
		image := func(n byte) string {
			return `"body":"` + base64.StdEncoding.EncodeToString([]byte{0x89, 'P', 'N', 'G', 0xff, n}) + `","isBase64Encoded":true`
		}
		if !strings.Contains(first, image(1)) || !strings.Contains(again, image(1)) || !strings.Contains(bobs, image(2)) || runs != 2 {
			t.Errorf("%s: %d runs; %s, %s, %s", source, runs, first, again, bobs)
		}
		if strings.Contains(first, "Idempotent-Replayed") || !strings.Contains(again, "Idempotent-Replayed") {
			t.Errorf("%s: %s, %s", source, first, again)
		}
	}
}
