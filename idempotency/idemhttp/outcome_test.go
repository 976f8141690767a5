package idemhttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// A handler that knows that nothing has happened says so: the key is free under
// every policy, whatever the status.
func TestHandlerDiscards(t *testing.T) {
	t.Parallel()
	for _, policy := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse} {
		for _, status := range []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusConflict} {
			overloaded := true
			var seen events
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if overloaded {
					execution, _ := idempotency.FromContext(r.Context())
					execution.Discard()
					w.Header().Set("Retry-After", "9")
					w.WriteHeader(status)
					_, _ = io.WriteString(w, "shed")
					return
				}
				created(w, r)
			}, func(c *idempotency.Config, _ *idemhttp.Config) { c.Recovery, c.Observer = policy, &seen })
			first := s.post("k1", "{}")
			if end := seen[len(seen)-1]; end.Observation != idempotency.ObservedReleased || end.Level() > slog.LevelInfo {
				t.Errorf("policy %v, status %d: observed %+v at %v, though it was meant", policy, status, end, end.Level())
			}
			if first.StatusCode != status || first.Header.Get("Retry-After") != "9" || bodyOf(t, first) != "shed" {
				t.Errorf("policy %v, status %d: got %d", policy, status, first.StatusCode)
			}
			overloaded = false
			if again := s.post("k1", "{}"); again.StatusCode != http.StatusCreated || again.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("policy %v, status %d: status %d of the retry, want it to execute", policy, status, again.StatusCode)
			}
			s.wantExecutions(2)
		}
	}
}

// A handler that may have had its effect, but has no result worth keeping, leaves
// the key to the recovery policy, whatever the status.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	for policy, again := range map[idempotency.Recovery]int{idempotency.Reexecute: http.StatusCreated, idempotency.Refuse: http.StatusConflict} {
		for _, status := range []int{http.StatusOK, http.StatusPaymentRequired, http.StatusNotFound, http.StatusBadGateway} {
			synctest.Test(t, func(t *testing.T) {
				failing := true
				s := newService(t, func(w http.ResponseWriter, r *http.Request) {
					if failing {
						w.WriteHeader(status)
						_, _ = io.WriteString(w, "the handler's own")
						execution, _ := idempotency.FromContext(r.Context())
						execution.Fail(errors.New("the bank hung up"))
						return
					}
					created(w, r)
				}, func(c *idempotency.Config, _ *idemhttp.Config) { c.Recovery = policy })
				if first := s.post("k1", "{}"); first.StatusCode != status || bodyOf(t, first) != "the handler's own" {
					t.Errorf("policy %v, status %d: got %d", policy, status, first.StatusCode)
				}
				failing = false
				time.Sleep(time.Millisecond)
				if response := s.post("k1", "{}"); response.StatusCode != again {
					t.Errorf("policy %v, status %d: status %d of the retry, want %d", policy, status, response.StatusCode, again)
				}
			})
		}
	}
}

// A handler that fails without a word has not responded with an empty 200.
func TestHandlerFailsWithoutAResponse(t *testing.T) {
	t.Parallel()
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		execution, _ := idempotency.FromContext(r.Context())
		execution.Fail(nil)
	})
	wantProblem(t, s.post("k1", "{}"), http.StatusInternalServerError, idemhttp.TypeInternal)
}

// unwritable is a store that can write none of the plans, of which it knows or not
// that they are mistakes.
type unwritable struct {
	idempotency.Store
	err error
}

func (unwritable) Begin(ctx context.Context, _ idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	return ctx, nil, nil
}

func (s unwritable) Commit(context.Context, idempotency.Record, time.Time) (*idempotency.Record, error) {
	return nil, s.err
}

func (unwritable) End(context.Context) {}

// A plan that can never be written is the developer's mistake, and not an outage.
func TestPlanThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status int
		kind   string
	}{
		{fmt.Errorf("two writes of one item: %w", idempotency.ErrPlan), http.StatusInternalServerError, idemhttp.TypeInternal},
		{errors.New("connection refused"), http.StatusServiceUnavailable, idemhttp.TypeStoreUnavailable},
	} {
		s := newService(t, created, func(c *idempotency.Config, _ *idemhttp.Config) {
			c.Store, c.Mode = unwritable{c.Store, test.err}, idempotency.Atomic
		})
		response := s.post("k1", "{}")
		wantProblem(t, response, test.status, test.kind)
		if again := response.Header.Get("Retry-After") != ""; again != (test.status == http.StatusServiceUnavailable) {
			t.Errorf("%v: Retry-After %q", test.err, response.Header.Get("Retry-After"))
		}
	}
}

// unsealed is a Sealer that never seals.
type unsealed struct {
	idempotency.Sealer
	err error
}

func (s unsealed) Seal(context.Context) (idempotency.SealFunc, error) { return nil, s.err }

// A key that is gone is nothing that a client can wait for, unlike one that is only
// out of reach.
func TestResponseThatCannotBeSealed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status int
		kind   string
	}{
		{errors.New("the key is disabled"), http.StatusInternalServerError, idemhttp.TypeInternal},
		{fmt.Errorf("throttled: %w", idempotency.ErrSealUnavailable), http.StatusServiceUnavailable, idemhttp.TypeStoreUnavailable},
	} {
		s := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("executed") }, func(c *idempotency.Config, _ *idemhttp.Config) {
			c.Seal = unsealed{err: test.err}
		})
		response := s.post("k1", "{}")
		wantProblem(t, response, test.status, test.kind)
		if again := response.Header.Get("Retry-After") != ""; again != (test.status == http.StatusServiceUnavailable) {
			t.Errorf("%v: Retry-After %q", test.err, response.Header.Get("Retry-After"))
		}
	}
}

// events keeps what an observer is told.
type events []idempotency.Event

func (e *events) Observe(_ context.Context, event idempotency.Event) { *e = append(*e, event) }

func TestRefusalsAreObserved(t *testing.T) {
	t.Parallel()
	secret := errors.New("the directory at 10.0.0.1 is down")
	for _, test := range []struct {
		name   string
		change func(*idemhttp.Config)
		spoil  func(*http.Request)
		status int
		cause  string
		level  slog.Level
	}{
		{"no key", nil, func(r *http.Request) { r.Header.Del("Idempotency-Key") }, 400, "no idempotency key", slog.LevelWarn},
		{"a malformed key", nil, func(r *http.Request) { r.Header.Set("Idempotency-Key", "a,b") }, 400, "comma", slog.LevelWarn},
		{"a body that is too large", func(c *idemhttp.Config) { c.MaxBody = 1 }, nil, 413, "too large", slog.LevelWarn},
		{"a body that is not JSON", func(c *idemhttp.Config) { c.Fingerprint = idemhttp.JSONFingerprint }, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{")), 1
		}, 400, "not JSON", slog.LevelWarn},
		{"a body that was read", nil, func(r *http.Request) { _, _ = io.ReadAll(r.Body) }, 500, "was read before the middleware", slog.LevelError},
		{"a scope that fails", func(c *idemhttp.Config) {
			c.Scope = func(*http.Request) (idempotency.Scope, error) { return idempotency.Scope{}, secret }
		}, nil, 500, "Config.Scope: the directory at 10.0.0.1 is down", slog.LevelError},
		{"a scope that refuses", func(c *idemhttp.Config) {
			c.Scope = func(*http.Request) (idempotency.Scope, error) {
				return idempotency.Scope{}, &problem.Problem{Status: 401, Detail: "log in"}
			}
		}, nil, 401, "log in", slog.LevelWarn},
		{"an empty scope", func(c *idemhttp.Config) {
			c.Scope = func(*http.Request) (idempotency.Scope, error) { return idempotency.Scope{}, nil }
		}, nil, 500, "the scope is empty", slog.LevelError},
		{"a fingerprint that fails", func(c *idemhttp.Config) {
			c.Fingerprint = func(*http.Request, []byte) (idempotency.Fingerprint, error) { return "", secret }
		}, nil, 500, "Config.Fingerprint: ", slog.LevelError},
		{"no operation", func(c *idemhttp.Config) { c.Operation = "" }, nil, 500, "operation", slog.LevelError},
	} {
		var seen events
		s := newService(t, created, func(g *idempotency.Config, c *idemhttp.Config) {
			g.Observer = &seen
			if test.change != nil {
				test.change(c)
			}
		})
		r := newRequest("k1", "{}")
		if test.spoil != nil {
			test.spoil(r)
		}
		response := s.send(r)
		if body := bodyOf(t, response); response.StatusCode != test.status || strings.Contains(body, "10.0.0.1") {
			t.Errorf("%s: status %d, %s", test.name, response.StatusCode, body)
		}
		if len(seen) != 1 {
			t.Errorf("%s: observed %+v, want one event", test.name, seen)
			continue
		}
		wantOperation := "payments.create"
		if test.name == "no operation" {
			wantOperation = ""
		}
		event := seen[0]
		if event.Observation != idempotency.ObservedRefused || event.Operation != wantOperation || event.Err == nil ||
			!strings.Contains(event.Err.Error(), test.cause) || event.Level() != test.level {
			t.Errorf("%s: observed %+v at %v", test.name, event, event.Level())
		}
		if strings.Contains(test.cause, "10.0.0.1") && !errors.Is(event.Err, secret) {
			t.Errorf("%s: %v is not the cause", test.name, event.Err)
		}
		s.wantExecutions(0)
	}
}

// A scope that fails is an error in the log, with its cause.
func TestFailingScopeIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newService(t, created, func(g *idempotency.Config, c *idemhttp.Config) {
		g.Observer = idempotency.NewSlogObserver(slog.New(slog.NewTextHandler(&log, nil)))
		c.Scope = func(*http.Request) (idempotency.Scope, error) {
			return idempotency.Scope{}, fmt.Errorf("no such account")
		}
	})
	s.post("k1", "{}")
	for _, want := range []string{"level=ERROR", "outcome=refused", "operation=payments.create", "no such account"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log: %s", want, log.String())
		}
	}
}

// A response that would leave the key free leaves it to the next execution once a
// step is recorded, and that one resumes.
func TestHandlerResumesAfterAStep(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable} {
		var charges int
		rejected := true
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			_, err := idempotency.Step(r.Context(), "charge", func(context.Context) (int, error) {
				charges++
				return charges, nil
			})
			switch {
			case err != nil:
				t.Error(err)
			case rejected:
				w.WriteHeader(status)
			default:
				created(w, r)
			}
		})
		if first := s.post("k1", "{}"); first.StatusCode != status {
			t.Errorf("status %d, want %d", first.StatusCode, status)
		}
		rejected = false
		if other := s.post("k1", `{"another":"payload"}`); other.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("status %d of another payload, want 422: the key is not free", other.StatusCode)
		}
		if again := s.post("k1", "{}"); again.StatusCode != http.StatusCreated {
			t.Errorf("status %d of the retry, want it to resume", again.StatusCode)
		}
		if charges != 1 {
			t.Errorf("%d charges, want 1", charges)
		}
	}
}
