// Package idemhttp_test tries the middleware in a program that routes with chi.
package idemhttp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// recoverer is chi's, without the stack on the standard error.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// protection returns a middleware for any number of routes.
func protection(t *testing.T, configure ...func(*idempotency.Config, *idemhttp.Config)) func(http.Handler) http.Handler {
	t.Helper()
	guardConfig := idempotency.Config{Store: memstore.New()}
	cfg := idemhttp.Config{
		Scope: func(r *http.Request) (idempotency.Scope, error) { return idempotency.NewScope(r.Header.Get("Account")) },
	}
	for _, c := range configure {
		c(&guardConfig, &cfg)
	}
	guard, err := idempotency.New(guardConfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Guard = guard
	protect, err := idemhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return protect
}

// serve returns a function that sends requests to a real server.
func serve(t *testing.T, handler http.Handler) func(method, path, key string, header ...string) *http.Response {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // chi's Timeout responds after the middleware has
	server.Start()
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(client.CloseIdleConnections)
	return func(method, path, key string, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(`{"amount":1}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Account", "alice")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		return response
	}
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// counter counts the executions of each route.
type counter map[string]int

func (c counter) handler(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c[name]++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %d of %s", name, c[name], chi.URLParam(r, "id"))
	}
}

// One middleware protects the routes of a group: each is an operation of its own,
// and reading needs no key.
func TestGroupOfRoutes(t *testing.T) {
	t.Parallel()
	protect := protection(t)
	executed := counter{}
	router := chi.NewRouter()
	router.Group(func(r chi.Router) {
		r.Use(protect)
		r.Get("/payments", executed.handler("list"))
		r.Post("/payments", executed.handler("pay"))
		r.Patch("/payments", executed.handler("change"))
		r.Post("/payments/{id}/refunds", executed.handler("refund"))
		r.Delete("/payments/{id}", executed.handler("delete"))
	})
	router.Route("/tenants/{tenant}/orders", func(r chi.Router) {
		r.With(protect).Post("/", executed.handler("order"))
		r.With(protect).Post("/{id}/refunds", executed.handler("refund an order"))
	})
	send := serve(t, router)
	for range 2 {
		for _, request := range [][2]string{
			{"POST", "/payments"}, {"PATCH", "/payments"}, {"POST", "/payments/1/refunds"},
			{"POST", "/tenants/1/orders"}, {"POST", "/tenants/1/orders/1/refunds"},
		} {
			if response := send(request[0], request[1], "k1"); response.StatusCode != http.StatusCreated {
				t.Errorf("%s: status %d, %s", request, response.StatusCode, body(t, response))
			}
		}
		for _, key := range []string{"", "k1"} {
			send("GET", "/payments", key)
			send("DELETE", "/payments/1", key)
		}
	}
	want := counter{"pay": 1, "change": 1, "refund": 1, "order": 1, "refund an order": 1, "list": 4, "delete": 4}
	if fmt.Sprint(executed) != fmt.Sprint(want) {
		t.Errorf("executed %v, want %v", executed, want)
	}
	if response := send("POST", "/payments/2/refunds", "k1"); response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d for the key of another resource", response.StatusCode)
	}
	if response := send("POST", "/payments", ""); response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d without a key", response.StatusCode)
	}
}

// Before the router has chosen a handler there is no operation: that is told, and
// not guessed.
func TestMiddlewareBeforeRouting(t *testing.T) {
	t.Parallel()
	protect := protection(t)
	executed := counter{}
	outermost := chi.NewRouter()
	outermost.Use(protect)
	outermost.Post("/payments", executed.handler("pay"))
	subrouter := chi.NewRouter()
	subrouter.Route("/payments", func(r chi.Router) {
		r.Use(protect)
		r.Post("/{id}/refunds", executed.handler("refund"))
	})
	for path, router := range map[string]http.Handler{"/payments": outermost, "/payments/1/refunds": subrouter} {
		if response := serve(t, router)("POST", path, "k1"); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d, %s", path, response.StatusCode, body(t, response))
		}
	}
	if len(executed) > 0 {
		t.Errorf("executed %v", executed)
	}
}

// Under chi's Timeout a handler that heeds its context says nothing.
func TestHazardSilenceUnderTimeout(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(timeout, protect func(http.Handler) http.Handler) chi.Middlewares{
		"outside": func(timeout, protect func(http.Handler) http.Handler) chi.Middlewares {
			return chi.Chain(timeout, protect)
		},
		"inside": func(timeout, protect func(http.Handler) http.Handler) chi.Middlewares {
			return chi.Chain(protect, timeout)
		},
	} {
		slow := true
		timeout := func(next http.Handler) http.Handler {
			brief, long := middleware.Timeout(100*time.Millisecond)(next), middleware.Timeout(time.Hour)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if slow {
					brief.ServeHTTP(w, r)
				} else {
					long.ServeHTTP(w, r)
				}
			})
		}
		router := chi.NewRouter()
		router.With(place(timeout, protection(t))...).Post("/payments", func(w http.ResponseWriter, r *http.Request) {
			if slow {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusCreated)
		})
		send := serve(t, router)
		if response := send("POST", "/payments", "k1"); response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("Timeout %s: status %d", name, response.StatusCode)
		}
		slow = false
		if response := send("POST", "/payments", "k1"); response.StatusCode != http.StatusCreated {
			t.Errorf("Timeout %s: status %d of the retry", name, response.StatusCode)
		}
	}
}

// What is compressed outside the middleware suits each request by itself. What is
// compressed inside is replayed as it is, or plain to a client that refuses it.
func TestCompression(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("payment ", 1000)
	for _, test := range []struct {
		name  string
		chain func(compress, protect func(http.Handler) http.Handler) chi.Middlewares
	}{
		{"outside", func(compress, protect func(http.Handler) http.Handler) chi.Middlewares {
			return chi.Chain(compress, protect)
		}},
		{"inside", func(compress, protect func(http.Handler) http.Handler) chi.Middlewares {
			return chi.Chain(protect, compress)
		}},
	} {
		executions := 0
		router := chi.NewRouter()
		router.With(test.chain(middleware.Compress(5), protection(t))...).Post("/payments", func(w http.ResponseWriter, _ *http.Request) {
			executions++
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, text)
		})
		send := serve(t, router)
		for i, accept := range []string{"gzip", "gzip", "identity"} {
			response := send("POST", "/payments", "k1", "Accept-Encoding", accept)
			got := body(t, response)
			coding := response.Header.Get("Content-Encoding")
			if coding == "gzip" {
				reader, err := gzip.NewReader(strings.NewReader(got))
				if err != nil {
					t.Fatal(err)
				}
				plain, err := io.ReadAll(reader)
				if err != nil {
					t.Fatal(err)
				}
				got = string(plain)
			}
			if wantCoding := map[bool]string{true: "gzip"}[accept == "gzip"]; coding != wantCoding || got != text || (response.Header.Get("Idempotent-Replayed") == "true") != (i > 0) {
				t.Errorf("compression %s, Accept-Encoding %q: header %v, %d bytes", test.name, accept, response.Header, len(got))
			}
		}
		if executions != 1 {
			t.Errorf("compression %s: %d executions", test.name, executions)
		}
	}
}

// chi's other middleware around and inside: ids of requests, headers, panics.
func TestOtherMiddleware(t *testing.T) {
	t.Parallel()
	fail := true
	router := chi.NewRouter()
	router.Use(middleware.RequestID, recoverer, middleware.SetHeader("X-Frame-Options", "DENY"), middleware.SetHeader("Vary", "Origin"))
	protect := protection(t, func(_ *idempotency.Config, c *idemhttp.Config) {
		c.Instance = func(r *http.Request) string { return middleware.GetReqID(r.Context()) }
	})
	router.With(protect, middleware.NoCache).Post("/payments", func(w http.ResponseWriter, _ *http.Request) {
		if fail {
			panic("the database is gone")
		}
		w.Header().Add("Vary", "Accept")
		w.WriteHeader(http.StatusCreated)
	})
	send := serve(t, router)
	if response := send("POST", "/payments", "k1"); response.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d of a panic", response.StatusCode)
	}
	fail = false
	first, again := send("POST", "/payments", "k1"), send("POST", "/payments", "k1")
	if vary := first.Header.Values("Vary"); first.StatusCode != http.StatusCreated || strings.Join(vary, ",") != "Origin,Accept" {
		t.Errorf("status %d, Vary %q", first.StatusCode, vary)
	}
	if again.Header.Get("Idempotent-Replayed") != "true" || again.Header.Get("X-Frame-Options") != "DENY" || again.Header.Get("Cache-Control") != first.Header.Get("Cache-Control") {
		t.Errorf("header of the replay %v, of the first %v", again.Header, first.Header)
	}
	var problem struct{ Instance string }
	if err := json.NewDecoder(send("POST", "/payments", "", "X-Request-Id", "r-1").Body).Decode(&problem); err != nil || problem.Instance != "r-1" {
		t.Errorf("instance %q, %v", problem.Instance, err)
	}
}
