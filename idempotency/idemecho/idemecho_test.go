package idemecho_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemecho"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func newProtect(t *testing.T, configure ...func(*idempotency.Config)) echo.MiddlewareFunc {
	t.Helper()
	guarded := idempotency.Config{Store: memstore.New()}
	for _, c := range configure {
		c(&guarded)
	}
	guard, err := idempotency.New(guarded)
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemecho.New(idemhttp.Config{
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
// to it. The first middleware stands in front.
func serve(t *testing.T, configure func(*echo.Echo), handler echo.HandlerFunc, chain ...echo.MiddlewareFunc) (send func() response) {
	t.Helper()
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	if configure != nil {
		configure(e)
	}
	e.POST("/payments/:id", handler, chain...)
	server := httptest.NewServer(e)
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
		return response{got.StatusCode, strings.TrimSpace(string(body)), got.Header.Get("Location"), got.Header.Get("Idempotent-Replayed") == "true"}
	}
}

func counted(runs *int, handler echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		*runs++
		return handler(c)
	}
}

var errDown = errors.New("database is down")

func returns(err error) echo.HandlerFunc { return func(*echo.Context) error { return err } }

func TestResponses(t *testing.T) {
	t.Parallel()
	ignoring := func(e *echo.Echo) { e.HTTPErrorHandler = func(*echo.Context, error) {} }
	ofTheHouse := func(e *echo.Echo) {
		// It does not look whether the response is committed.
		e.HTTPErrorHandler = func(c *echo.Context, err error) { _ = c.String(http.StatusConflict, "house: "+err.Error()) }
	}
	for name, test := range map[string]struct {
		configure func(*echo.Echo)
		handler   echo.HandlerFunc
		want      response
		executes  int // of two requests
	}{
		"JSON":       {nil, func(c *echo.Context) error { return c.JSON(http.StatusCreated, map[string]string{"id": c.Param("id")}) }, response{status: 201, body: `{"id":"p-1"}`}, 1},
		"NoContent":  {nil, func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }, response{status: 204}, 1},
		"Redirect":   {nil, func(c *echo.Context) error { return c.Redirect(http.StatusSeeOther, "/receipt") }, response{status: 303, location: "/receipt"}, 1},
		"Stream":     {nil, func(c *echo.Context) error { return c.Stream(200, "text/plain", strings.NewReader("copied")) }, response{status: 200, body: "copied"}, 1},
		"Response()": {nil, func(c *echo.Context) error { _, err := c.Response().Write([]byte("raw")); return err }, response{status: 200, body: "raw"}, 1},
		"nothing":    {nil, returns(nil), response{status: 200}, 1},

		"an error":                   {nil, returns(errDown), response{status: 500, body: `{"message":"Internal Server Error"}`}, 2},
		"HTTPError 402":              {nil, returns(echo.NewHTTPError(http.StatusPaymentRequired, "declined")), response{status: 402, body: `{"message":"declined"}`}, 1},
		"HTTPError 402, wrapped":     {nil, returns(echo.NewHTTPError(http.StatusPaymentRequired, "declined").Wrap(errDown)), response{status: 402, body: `{"message":"declined"}`}, 1},
		"HTTPError 404":              {nil, returns(echo.ErrNotFound), response{status: 404, body: `{"message":"Not Found"}`}, 2},
		"an error after a response":  {nil, func(c *echo.Context) error { return errors.Join(c.String(http.StatusCreated, "paid"), errDown) }, response{status: 201, body: "paid"}, 1},
		"an error handler's own":     {ofTheHouse, returns(errDown), response{status: 409, body: "house: database is down"}, 1},
		"an error handler's silence": {ignoring, returns(errDown), response{status: 200}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			send := serve(t, test.configure, counted(&runs, test.handler), newProtect(t))
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

func TestMiddlewareInFrontSeesStatusAndError(t *testing.T) {
	t.Parallel()
	var statuses []int
	var errs []error
	front := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			_, status := echo.ResolveResponseStatus(c.Response(), err)
			statuses, errs = append(statuses, status), append(errs, err)
			return err
		}
	}
	send := serve(t, nil, returns(echo.NewHTTPError(http.StatusPaymentRequired, "declined")), front, newProtect(t))
	send()
	send()
	if len(statuses) != 2 || statuses[0] != 402 || statuses[1] != 402 || errs[0] == nil || errs[1] != nil {
		t.Errorf("saw %v, %v; want 402 twice, and the error of the execution", statuses, errs)
	}
}

func TestPanicReachesRecoverAndIsNotRecorded(t *testing.T) {
	t.Parallel()
	for name, recoverBehind := range map[string]bool{"in front": false, "behind": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			chain := []echo.MiddlewareFunc{middleware.Recover(), newProtect(t)}
			if recoverBehind {
				chain[0], chain[1] = chain[1], chain[0]
			}
			send := serve(t, nil, counted(&runs, func(*echo.Context) error { panic("a mistake") }), chain...)
			for range 2 {
				if got := send(); got != (response{status: 500, body: `{"message":"Internal Server Error"}`}) {
					t.Errorf("%+v", got)
				}
			}
			if runs != 2 {
				t.Errorf("%d executions, want 2", runs)
			}
		})
	}
}

func TestMiddlewareBehind(t *testing.T) {
	t.Parallel()
	allowed, runs := false, 0
	authorise := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if !allowed {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	send := serve(t, nil, counted(&runs, func(c *echo.Context) error { return c.String(http.StatusOK, "paid") }),
		newProtect(t), middleware.Gzip(), authorise)
	if got := send(); got.status != 403 || runs != 0 {
		t.Errorf("%+v after %d executions", got, runs)
	}
	allowed = true // a refusal is no outcome of the operation
	for i := range 2 {
		if got := send(); got != (response{status: 200, body: "paid", replayed: i == 1}) || runs != 1 {
			t.Errorf("%+v after %d executions", got, runs)
		}
	}
}

func TestRefusalsDoNotReachTheHandler(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.POST("/payments", func(*echo.Context) error { t.Error("the handler ran"); return nil }, newProtect(t))
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/payments", nil)) // without a key
	if recorder.Code != http.StatusBadRequest || !strings.Contains(recorder.Body.String(), "key-missing") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}

func TestNewRefusesWhatIdemhttpRefuses(t *testing.T) {
	t.Parallel()
	if middleware, err := idemecho.New(idemhttp.Config{}); middleware != nil || err == nil {
		t.Errorf("%v", err)
	}
}

func TestRequestCarriesExecutionPatternAndParameters(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemecho.New(idemhttp.Config{Guard: guard, Operation: "payments.create", Scope: func(r *http.Request) (idempotency.Scope, error) {
		if r.Pattern != "POST /payments/:id" {
			t.Errorf("the pattern is %q", r.Pattern)
		}
		return idempotency.NewScope(r.PathValue("id"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	send := serve(t, nil, func(c *echo.Context) error {
		e, ok := idempotency.FromContext(c.Request().Context())
		body, err := io.ReadAll(c.Request().Body)
		if !ok || err != nil || string(body) != "amount=10" {
			t.Errorf("execution %v, body %q, %v", ok, body, err)
		}
		return c.String(http.StatusOK, e.DerivedKey("charge"))
	}, protect)
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
	send := serve(t, nil, counted(&runs, func(c *echo.Context) error {
		if runs == 1 {
			return echo.NewHTTPError(http.StatusConflict, "sold out")
		}
		return c.String(http.StatusCreated, "on the waiting list")
	}), protect)
	if got := send(); got != (response{status: 201, body: "on the waiting list"}) || runs != 2 {
		t.Errorf("%+v after %d executions", got, runs)
	}
}
