package idemhttp_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// reconciling configures a service whose effect can be looked up.
func reconciling(reconcile func(http.ResponseWriter, *http.Request) (bool, error)) func(*idempotency.Config, *idemhttp.Config) {
	return func(guard *idempotency.Config, c *idemhttp.Config) {
		guard.Recovery = idempotency.Reconcile
		c.Reconcile = reconcile
	}
}

// A handler that charged and then failed is not run again: what became of the
// charge is found out first.
func TestServerErrorIsReconciled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var found error
		charged := false
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			charged = true
			w.WriteHeader(http.StatusInternalServerError)
		}, reconciling(func(w http.ResponseWriter, r *http.Request) (bool, error) {
			if _, ok := idempotency.FromContext(r.Context()); !ok {
				t.Error("the request carries no execution")
			}
			if found != nil || !charged {
				return false, found
			}
			created(w, r)
			return true, nil
		}))
		if response := s.post("k1", "{}"); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("status %d, want the handler's own", response.StatusCode)
		}
		time.Sleep(time.Millisecond)
		found = errors.New("the bank does not answer")
		response := s.post("k1", "{}")
		wantProblem(t, response, http.StatusServiceUnavailable, idemhttp.TypeNotReconciled)
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}

		time.Sleep(time.Millisecond)
		found = nil
		if response := s.post("k1", "{}"); response.StatusCode != http.StatusCreated || bodyOf(t, response) != "created {}" {
			t.Errorf("status %d, want what reconciliation found", response.StatusCode)
		}
		if response := s.post("k1", "{}"); response.Header.Get("Idempotent-Replayed") != "true" || bodyOf(t, response) != "created {}" {
			t.Errorf("status %d, want a replay of what reconciliation found", response.StatusCode)
		}
		s.wantExecutions(1)
	})
}

func TestReconciliationMustAnswerWhatIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}, reconciling(func(w http.ResponseWriter, _ *http.Request) (bool, error) {
			w.WriteHeader(http.StatusNotFound)
			return true, nil
		}))
		s.post("k1", "{}")
		for range 2 {
			time.Sleep(time.Millisecond)
			wantProblem(t, s.post("k1", "{}"), http.StatusServiceUnavailable, idemhttp.TypeNotReconciled)
		}
		s.wantExecutions(1)
	})
}

func TestReconciliationLetsTheHandlerRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failing := true
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if failing {
				panic(http.ErrAbortHandler)
			}
			created(w, r)
		}, reconciling(func(http.ResponseWriter, *http.Request) (bool, error) { return false, nil }))
		func() {
			defer func() { _ = recover() }()
			s.post("k1", "{}")
		}()
		time.Sleep(time.Millisecond)
		failing = false
		if response := s.post("k1", "{}"); response.StatusCode != http.StatusCreated {
			t.Errorf("status %d, want the handler to run", response.StatusCode)
		}
		s.wantExecutions(2)
	})
}

func TestReconcileAndItsPolicyGoTogether(t *testing.T) {
	t.Parallel()
	for _, policy := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse, idempotency.Reconcile} {
		for _, reconcile := range []func(http.ResponseWriter, *http.Request) (bool, error){
			nil,
			func(http.ResponseWriter, *http.Request) (bool, error) { return false, nil },
		} {
			guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Recovery: policy})
			if err != nil {
				t.Fatal(err)
			}
			_, err = idemhttp.New(idemhttp.Config{Guard: guard, Operation: "op", Scope: principal, Reconcile: reconcile})
			if want := (policy == idempotency.Reconcile) == (reconcile != nil); (err == nil) != want {
				t.Errorf("policy %v, Reconcile set %v: error %v", policy, reconcile != nil, err)
			}
			if err != nil && !strings.Contains(err.Error(), "Config.Reconcile") {
				t.Errorf("error %v, want one that names Config.Reconcile", err)
			}
		}
	}
}

func TestRetryHintReachesTheGuard(t *testing.T) {
	t.Parallel()
	s := newService(t, created, func(guard *idempotency.Config, c *idemhttp.Config) {
		guard.CacheEntries = -1
		c.LikelyDuplicate = func(r *http.Request) bool { return r.Header.Get("Retry-Attempt") != "" }
	})
	s.post("k1", "{}")
	retry := newRequest("k1", "{}")
	retry.Header.Set("Retry-Attempt", "1")
	if response := s.send(retry); response.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d, want a replay", response.StatusCode)
	}
	s.wantExecutions(1)
}

// A leftover that is no Binary HTTP was written by somebody else: it is not
// executed over.
func TestForeignRecordIsNotExecutedOver(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, created, func(c *idempotency.Config, _ *idemhttp.Config) { c.Store = store })
	request := newRequest("k1", "{}")
	scope, err := principal(request)
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, err := idemhttp.RawFingerprint(request, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guard.Do(t.Context(), idempotency.Request{Key: key, Fingerprint: fingerprint}, foreign); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.send(request), http.StatusGone, idemhttp.TypeResponseNotKept)
	s.wantExecutions(0)
}

func foreign(context.Context) (idempotency.Result, error) {
	return idempotency.Result{Data: []byte(`{"statusCode":200}`)}, nil
}

func TestReconciliationWithAServerErrorIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}, reconciling(func(w http.ResponseWriter, _ *http.Request) (bool, error) {
			w.WriteHeader(http.StatusBadGateway)
			return true, nil
		}))
		s.post("k1", "{}")
		time.Sleep(time.Millisecond)
		response := s.post("k1", "{}")
		wantProblem(t, response, http.StatusServiceUnavailable, idemhttp.TypeNotReconciled)
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		s.wantExecutions(1)
	})
}
