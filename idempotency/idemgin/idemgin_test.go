package idemgin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemgin"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard
	os.Exit(m.Run())
}

func newProtect(t *testing.T, configure ...func(*idempotency.Config)) gin.HandlerFunc {
	t.Helper()
	guarded := idempotency.Config{Store: memstore.New()}
	for _, c := range configure {
		c(&guarded)
	}
	guard, err := idempotency.New(guarded)
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemgin.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return protect
}

type response struct {
	status   int
	body     string
	location string
	replayed bool
}

// serve runs a real server with one route and returns what sends the same request
// to it.
func serve(t *testing.T, handlers ...gin.HandlerFunc) (send func() response) {
	t.Helper()
	router := gin.New()
	router.POST("/payments/:id", handlers...)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func() response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/payments/p-1", strings.NewReader("amount=10"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "k1")
		got, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response{got.StatusCode, string(body), got.Header.Get("Location"), got.Header.Get("Idempotent-Replayed") == "true"}
	}
}

// counted counts the runs of a handler.
func counted(runs *int, handler gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		*runs++
		handler(c)
	}
}

var (
	errDown     = errors.New("database is down")
	errDeclined = errors.New("declined")
)

// respondToErrors is what many applications have.
func respondToErrors(c *gin.Context) {
	c.Next()
	switch {
	case len(c.Errors) == 0 || c.Writer.Written():
	case errors.Is(c.Errors.Last(), errDeclined):
		c.JSON(http.StatusPaymentRequired, gin.H{"error": "declined"})
	default:
		c.JSON(http.StatusInternalServerError, gin.H{"error": "internal"})
	}
}

func TestResponsesAreReplayed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler gin.HandlerFunc
		want    response
	}{
		"JSON":         {func(c *gin.Context) { c.JSON(http.StatusCreated, gin.H{"id": c.Param("id")}) }, response{status: 201, body: `{"id":"p-1"}`}},
		"String":       {func(c *gin.Context) { c.String(http.StatusOK, "paid") }, response{status: 200, body: "paid"}},
		"status alone": {func(c *gin.Context) { c.Status(http.StatusNoContent) }, response{status: 204}},
		"nothing":      {func(*gin.Context) {}, response{status: 200}},
		"Redirect":     {func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/payments/p-1/receipt") }, response{status: 303, location: "/payments/p-1/receipt"}},
		"Writer":       {func(c *gin.Context) { _, _ = c.Writer.Write([]byte("raw")) }, response{status: 200, body: "raw"}},
		"WriteString":  {func(c *gin.Context) { c.Status(201); _, _ = c.Writer.WriteString("raw") }, response{status: 201, body: "raw"}},
		"io.Copy":      {func(c *gin.Context) { _, _ = io.Copy(c.Writer, strings.NewReader("copied")) }, response{status: 200, body: "copied"}},
		"flushed":      {func(c *gin.Context) { c.Status(201); c.Writer.Flush(); c.String(500, "more") }, response{status: 201, body: "more"}},
		"Stream": {func(c *gin.Context) {
			c.Stream(func(w io.Writer) bool { _, _ = io.WriteString(w, "event"); return false })
		}, response{status: 200, body: "event"}},
		"aborted":         {func(c *gin.Context) { c.AbortWithStatusJSON(http.StatusPaymentRequired, gin.H{"error": "declined"}) }, response{status: 402, body: `{"error":"declined"}`}},
		"AbortWithError":  {func(c *gin.Context) { _ = c.AbortWithError(http.StatusConflict, errDeclined) }, response{status: 409}},
		"error, answered": {func(c *gin.Context) { _ = c.Error(errDown); c.String(http.StatusOK, "in spite of it") }, response{status: 200, body: "in spite of it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			var seen []int
			front := func(c *gin.Context) { c.Next(); seen = append(seen, c.Writer.Status()) }
			send := serve(t, front, newProtect(t), counted(&runs, test.handler))
			if got := send(); got != test.want {
				t.Errorf("first: %+v, want %+v", got, test.want)
			}
			test.want.replayed = true
			if got := send(); got != test.want {
				t.Errorf("duplicate: %+v, want %+v", got, test.want)
			}
			if runs != 1 {
				t.Errorf("%d executions, want 1", runs)
			}
			if len(seen) != 2 || seen[0] != test.want.status || seen[1] != test.want.status {
				t.Errorf("middleware in front saw %v, want twice %d", seen, test.want.status)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	fails := func(err error) gin.HandlerFunc { return func(c *gin.Context) { _ = c.Error(err) } }
	for name, test := range map[string]struct {
		chain    func(protect, handler gin.HandlerFunc) []gin.HandlerFunc
		err      error
		want     response
		executes int // of two requests
	}{
		"declined, error middleware behind":   {behind(respondToErrors), errDeclined, response{status: 402, body: `{"error":"declined"}`}, 1},
		"down, error middleware behind":       {behind(respondToErrors), errDown, response{status: 500, body: `{"error":"internal"}`}, 2},
		"declined, error middleware in front": {inFront(respondToErrors), errDeclined, response{status: 402, body: `{"error":"declined"}`}, 2},
		"down, error middleware in front":     {inFront(respondToErrors), errDown, response{status: 500, body: `{"error":"internal"}`}, 2},
		"no error middleware":                 {behind(), errDown, response{status: 200}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			send := serve(t, test.chain(newProtect(t), counted(&runs, fails(test.err)))...)
			for i := range 2 {
				want := test.want
				want.replayed = i == 1 && test.executes == 1
				if got := send(); got != want {
					t.Errorf("request %d: %+v, want %+v", i+1, got, want)
				}
			}
			if runs != test.executes {
				t.Errorf("%d executions, want %d", runs, test.executes)
			}
		})
	}
}

func behind(more ...gin.HandlerFunc) func(protect, handler gin.HandlerFunc) []gin.HandlerFunc {
	return func(protect, handler gin.HandlerFunc) []gin.HandlerFunc {
		return append(append([]gin.HandlerFunc{protect}, more...), handler)
	}
}

func inFront(more ...gin.HandlerFunc) func(protect, handler gin.HandlerFunc) []gin.HandlerFunc {
	return func(protect, handler gin.HandlerFunc) []gin.HandlerFunc {
		return append(append([]gin.HandlerFunc{}, more...), protect, handler)
	}
}

func TestPanicReachesRecoveryAndIsNotRecorded(t *testing.T) {
	t.Parallel()
	for name, chain := range map[string]func(protect, handler gin.HandlerFunc) []gin.HandlerFunc{
		"in front": inFront(gin.RecoveryWithWriter(io.Discard)), "behind": behind(gin.RecoveryWithWriter(io.Discard)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			send := serve(t, chain(newProtect(t), counted(&runs, func(c *gin.Context) {
				c.String(http.StatusCreated, "half a respo")
				panic("a mistake")
			}))...)
			for range 2 {
				// Recovery cannot take back a status that was written behind it.
				want := response{status: 500}
				if name == "behind" {
					want = response{status: 201, body: "half a respo"}
				}
				got := send()
				got.replayed = false
				if got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
			if want := map[string]int{"in front": 2, "behind": 1}[name]; runs != want {
				t.Errorf("%d executions, want %d", runs, want)
			}
		})
	}
}

func TestMiddlewareBehindMayAbort(t *testing.T) {
	t.Parallel()
	allowed, runs := false, 0
	authorise := func(c *gin.Context) {
		if !allowed {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
	send := serve(t, newProtect(t), authorise, counted(&runs, func(c *gin.Context) { c.String(http.StatusOK, "paid") }))
	if got := send(); got != (response{status: 403}) || runs != 0 {
		t.Errorf("%+v after %d executions", got, runs)
	}
	allowed = true // a refusal is no outcome of the operation
	if got := send(); got != (response{status: 200, body: "paid"}) || runs != 1 {
		t.Errorf("%+v after %d executions", got, runs)
	}
}

func TestMiddlewareBehindMayWrapTheWriter(t *testing.T) {
	t.Parallel()
	send := serve(t, newProtect(t), func(c *gin.Context) {
		c.Writer = shouting{c.Writer}
		c.Next()
	}, func(c *gin.Context) { _, _ = c.Writer.Write([]byte("paid")) })
	if first, duplicate := send(), send(); first.body != "PAID" || duplicate != (response{status: 200, body: "PAID", replayed: true}) {
		t.Errorf("first %+v, duplicate %+v", first, duplicate)
	}
}

type shouting struct{ gin.ResponseWriter }

func (w shouting) Write(p []byte) (int, error) {
	return w.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

func TestRefusalsAbortTheChain(t *testing.T) {
	t.Parallel()
	router := gin.New()
	router.POST("/payments", newProtect(t), func(*gin.Context) { t.Error("the handler ran") })
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/payments", nil)) // without a key
	if recorder.Code != http.StatusBadRequest || !strings.Contains(recorder.Body.String(), "key-missing") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}

func TestMiddlewareWithNothingToProtectIsAnError(t *testing.T) {
	t.Parallel()
	var left []error
	send := serve(t, func(c *gin.Context) {
		c.Next()
		for _, err := range c.Errors {
			left = append(left, err)
		}
	}, func(c *gin.Context) { c.Status(http.StatusCreated) }, newProtect(t))
	if got := send(); got.status != 500 || len(left) != 1 || !strings.Contains(left[0].Error(), "in front of what it protects") {
		t.Errorf("%+v, errors %v", got, left)
	}
}

func TestNewRefusesWhatIdemhttpRefuses(t *testing.T) {
	t.Parallel()
	if middleware, err := idemgin.New(idemhttp.Config{}); middleware != nil || err == nil {
		t.Errorf("%v", err)
	}
}

func TestRequestCarriesExecutionPatternAndParameters(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemgin.New(idemhttp.Config{Guard: guard, Operation: "payments.create", Scope: func(r *http.Request) (idempotency.Scope, error) {
		if r.Pattern != "POST /payments/:id" {
			t.Errorf("the pattern is %q", r.Pattern)
		}
		return idempotency.NewScope(r.PathValue("id"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	send := serve(t, protect, func(c *gin.Context) {
		e, ok := idempotency.FromContext(c.Request.Context())
		body, err := io.ReadAll(c.Request.Body)
		if !ok || err != nil || string(body) != "amount=10" {
			t.Errorf("execution %v, body %q, %v", ok, body, err)
		}
		c.String(http.StatusOK, e.DerivedKey("charge"))
	})
	if got := send(); got.status != 200 || len(got.body) != 43 {
		t.Errorf("%+v", got)
	}
}

// refusing is an atomic store that refuses the first effects.
type refusing struct {
	*memstore.Store
	refused bool
}

func (s *refusing) Begin(ctx context.Context, _ idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	return ctx, nil, nil
}

func (s *refusing) Commit(ctx context.Context, completed idempotency.Record, _ time.Time) (*idempotency.Record, error) {
	if !s.refused {
		s.refused = true
		return nil, idempotency.ErrRefused
	}
	return s.Complete(ctx, completed)
}

func (*refusing) End(context.Context) {}

func TestHandlerRunsAgainWhenItsEffectsWereRefused(t *testing.T) {
	t.Parallel()
	runs := 0
	protect := newProtect(t, func(c *idempotency.Config) {
		c.Store, c.Mode = &refusing{Store: memstore.New()}, idempotency.Atomic
	})
	send := serve(t, protect, counted(&runs, func(c *gin.Context) {
		if runs == 1 {
			_ = c.Error(errDeclined)
		}
		c.String(http.StatusCreated, "plan %d", runs)
	}))
	if got := send(); got != (response{status: 201, body: "plan 2"}) || runs != 2 {
		t.Errorf("%+v after %d executions", got, runs)
	}
}
