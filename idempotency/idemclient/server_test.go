package idemclient_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

// TestLostAnswerIsReplayed loses the answer to a payment that was made.
func TestLostAnswerIsReplayed(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(http.ResponseWriter, *httptest.ResponseRecorder){
		"nothing arrives": func(http.ResponseWriter, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) },
		"half of it arrives": func(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
			w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes()[:5])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"a gateway gives up": func(w http.ResponseWriter, _ *httptest.ResponseRecorder) { w.WriteHeader(http.StatusGatewayTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var payments atomic.Int64
			server := newAPI(&payments, damage)
			t.Cleanup(server.Close)
			transport, err := idemclient.New(idemclient.Config{Base: server.Client().Transport, BaseDelay: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			client := http.Client{Transport: transport}
			defer client.CloseIdleConnections()
			answer, err := client.Post(server.URL, "text/plain", strings.NewReader("coffee"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusCreated || string(body) != "payment 1" || !idemclient.Replayed(answer) || payments.Load() != 1 {
				t.Errorf("got %v %q, %v; %d payments were made", answer, body, err, payments.Load())
			}

			again, err := client.Post(server.URL, "text/plain", strings.NewReader("coffee"))
			if err != nil {
				t.Fatal(err)
			}
			_ = again.Body.Close()
			if idemclient.Replayed(again) || payments.Load() != 2 {
				t.Errorf("the same once more is a new intent: got %v; %d payments were made", again, payments.Load())
			}
		})
	}
}
