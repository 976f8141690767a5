package idemlambda_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// Whatever an event says, it becomes a request that net/http could have received,
// or an error; and the response is the handler's.
func FuzzHTTP(f *testing.F) {
	for _, event := range sources {
		f.Add(event)
	}
	f.Add(authorized("REST API", `"authorizer":{"claims":null}`))
	respond := idemlambda.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength || !strings.HasPrefix(r.URL.Path, "/") || r.URL.Host != "" {
			panic("no request of a server: " + r.URL.String())
		}
		_ = r.URL.Query()
		for _, scope := range []func(*http.Request) error{
			func(r *http.Request) error { _, err := idemlambda.ClaimScope("sub")(r); return err },
			func(r *http.Request) error { _, err := idemlambda.LambdaAuthorizerScope("sub")(r); return err },
			func(r *http.Request) error { _, err := idemlambda.IAMScope(r); return err },
		} {
			_ = scope(r)
		}
		_, _ = w.Write(body)
	}))
	f.Fuzz(func(t *testing.T, text string) {
		var event idemlambda.HTTPEvent
		if json.Unmarshal([]byte(text), &event) != nil {
			return
		}
		response, err := respond(context.Background(), event)
		if err == nil && response.StatusCode != http.StatusOK {
			t.Errorf("got %+v", response)
		}
	})
}

// Whatever a message says, it is acknowledged only if it was handled.
func FuzzSQSJSON(f *testing.F) {
	for _, text := range []string{tea, `{}`, `[`, `null`, `{"ID":" "}`, notification("1", tea), `{"Type":"Notification","TopicArn":"a","Message":7}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unwrap := range []func([]byte) ([]byte, error){nil, idemlambda.UnwrapSNS, idemlambda.UnwrapEventBridge} {
			w := newWorld(t)
			cfg := ordersOf(w, order.scope, orderID)
			cfg.Unwrap = unwrap
			consume, err := idemlambda.SQSJSON(cfg, func(_ context.Context, o order) error {
				if strings.TrimSpace(o.ID) == "" || o.Customer == "" {
					t.Errorf("handled %+v", o)
				}
				return w.handle(o.ID)
			})
			if err != nil {
				t.Fatal(err)
			}
			response, err := consume(t.Context(), events.SQSEvent{Records: []events.SQSMessage{message("m1", text)}})
			if err != nil || len(response.BatchItemFailures)+len(w.effects) != 1 {
				t.Errorf("%d handled, %v reported, %v", len(w.effects), response.BatchItemFailures, err)
			}
		}
	})
}
