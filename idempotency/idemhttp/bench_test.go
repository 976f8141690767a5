package idemhttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// BenchmarkMiddleware measures a whole request in process: first calls and
// replays, with both fingerprints, of a body of 1 KB and a response of 150 bytes.
func BenchmarkMiddleware(b *testing.B) {
	body := fmt.Appendf(nil, `{"amount":1250,"currency":"EUR","description":%q}`, bytes.Repeat([]byte("x"), 970))
	for name, fingerprint := range map[string]idemhttp.FingerprintFunc{"raw": idemhttp.RawFingerprint, "json": idemhttp.JSONFingerprint} {
		for _, replay := range []bool{false, true} {
			b.Run(fmt.Sprintf("fingerprint=%s/replay=%v", name, replay), func(b *testing.B) {
				guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
				if err != nil {
					b.Fatal(err)
				}
				protect, err := idemhttp.New(idemhttp.Config{Guard: guard, Operation: "payments.create", Scope: principal, Fingerprint: fingerprint})
				if err != nil {
					b.Fatal(err)
				}
				answer := make([]byte, 150)
				handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusCreated)
					_, _ = w.Write(answer)
				}))
				request := httptest.NewRequest(http.MethodPost, "/payments", bytes.NewReader(body))
				request.Header.Set("Principal", "alice")
				request.Header.Set("Idempotency-Key", "k1")
				request.Header.Set("Content-Type", "application/json")
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if !replay {
						request.Header.Set("Idempotency-Key", fmt.Sprint("k", i))
					}
					request.Body = io.NopCloser(bytes.NewReader(body))
					handler.ServeHTTP(nowhere{header: http.Header{}}, request)
				}
			})
		}
	}
}

type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) WriteHeader(int)             {}
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
