package idemclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// newShop returns an idempotent API with the defaults of the library, in which a
// payment takes so long. It counts payments.
func newShop(t *testing.T, takes time.Duration, status int) (http.Handler, *atomic.Int64) {
	t.Helper()
	return newShopOn(t, memstore.New(), takes, status)
}

func newShopOn(t *testing.T, store idempotency.Store, takes time.Duration, status int) (http.Handler, *atomic.Int64) {
	t.Helper()
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope:    func(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		Recorded: func(idemhttp.Response) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	payments := new(atomic.Int64)
	return protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := payments.Add(1)
		time.Sleep(takes)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "payment %d", n)
	})), payments
}

// The defaults of client and server fit: a connection that is lost while the
// handler runs ends in the response, however long that takes, and not in a 409.
func TestDefaultsFit(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{2 * time.Second, 17 * time.Second, 50 * time.Second} {
		for name, cut := range map[string]func(int) (int, time.Duration){
			"connection lost": firstCut(-1, time.Second),
			"client gives up": whole,
		} {
			t.Run(fmt.Sprint(name, " ", takes), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					shop, payments := newShop(t, takes, http.StatusCreated)
					n := newNetwork(t, shop, cut)
					start := time.Now()
					response, err := n.client(t, idemclient.Config{}).Post("http://shop.test/", "text/plain", strings.NewReader("coffee"))
					if err != nil {
						t.Fatal(err)
					}
					if text := body(t, response); response.StatusCode != http.StatusCreated || text != "payment 1" || payments.Load() != 1 {
						t.Errorf("got %s %q; %d payments", response.Status, text, payments.Load())
					}
					if took := time.Since(start); took > takes+2*idemclient.DefaultMaxDelay {
						t.Errorf("took %v for a handler of %v", took, takes)
					}
				})
			})
		}
	}
}

// What is in progress is asked about by the client's own schedule, whatever the
// server guesses, and as long as there is time.
func TestInProgressIsAskedAgain(t *testing.T) {
	t.Parallel()
	inProgress := func(retryAfter string) reply {
		return answers(http.StatusConflict, `{"type":"`+idemhttp.TypeInProgress+`"}`, "Content-Type", "application/problem+json", "Retry-After", retryAfter)
	}
	for _, retryAfter := range []string{"65", "3600", "2", "0", ""} {
		inBubble(t, "Retry-After "+retryAfter, func(t *testing.T) {
			replies := []reply{fails(errLost)}
			for range 20 { // far more than MaxAttempts
				replies = append(replies, inProgress(retryAfter))
			}
			transport, s := newTransport(t, idemclient.Config{Timeout: time.Hour}, append(replies, created)...)
			status, _, err := send(transport, newRequest(t, "POST", "x"))
			if status != http.StatusCreated || err != nil || len(s.seen) != len(replies)+1 {
				t.Errorf("got %d, %v after %d attempts", status, err, len(s.seen))
			}
			for i := range s.seen[1:] {
				if pause := s.seen[i+1].at.Sub(s.seen[i].at); pause > 2*idemclient.DefaultMaxDelay {
					t.Errorf("pause %d: %v", i+1, pause)
				}
			}
		})
	}
	inBubble(t, "time is used up", func(t *testing.T) {
		transport, s := newTransport(t, idemclient.Config{}, inProgress("65"))
		start := time.Now()
		status, _, err := send(transport, newRequest(t, "POST", "x"))
		if took := time.Since(start); status != http.StatusConflict || err != nil || took > idemclient.DefaultTimeout || took < idemclient.DefaultTimeout-time.Second {
			t.Errorf("got %d, %v after %v and %d attempts", status, err, took, len(s.seen))
		}
	})
	inBubble(t, "no retries", func(t *testing.T) {
		transport, s := newTransport(t, idemclient.Config{MaxAttempts: 1}, inProgress("1"))
		if status, _, err := send(transport, newRequest(t, "POST", "x")); status != http.StatusConflict || err != nil || len(s.seen) != 1 {
			t.Errorf("got %d, %v after %d attempts", status, err, len(s.seen))
		}
	})
}

// A recorded response is final, whatever its status.
func TestRecordedResponseIsFinal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop, payments := newShop(t, 0, http.StatusInternalServerError)
		requests := new(atomic.Int64)
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			shop.ServeHTTP(w, r)
		}), whole)
		response, err := n.client(t, idemclient.Config{}).Post("http://shop.test/", "text/plain", strings.NewReader("coffee"))
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, response); response.StatusCode != http.StatusInternalServerError || text != "payment 1" || !idemclient.Replayed(response) || requests.Load() != 2 || payments.Load() != 1 {
			t.Errorf("got %s %q after %d requests", response.Status, text, requests.Load())
		}
	})
}

// Wherever the first connection is cut, the payment is made once and its response
// arrives whole.
func TestConnectionCutAnywhere(t *testing.T) {
	t.Parallel()
	servers := map[string]struct {
		config  func() idemclient.Config
		handler func(*testing.T) (http.Handler, func() int)
	}{
		"idemhttp": {func() idemclient.Config { return idemclient.Config{} }, func(t *testing.T) (http.Handler, func() int) {
			shop, payments := newShop(t, time.Second, http.StatusCreated)
			return shop, func() int { return int(payments.Load()) }
		}},
		"like Stripe": {idemclient.Stripe, func(*testing.T) (http.Handler, func() int) {
			s := &stripeLike{takes: time.Second}
			return s, s.count
		}},
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			length := 0
			for at := 0; at <= length; at++ { // the length of the whole is learnt at the first cut
				synctest.Test(t, func(t *testing.T) {
					handler, effects := server.handler(t)
					n := newNetwork(t, handler, firstCut(at, -1))
					response, err := n.client(t, server.config()).Post("http://shop.test/v1/charges", "application/x-www-form-urlencoded", strings.NewReader("amount=1250"))
					if err != nil {
						t.Fatalf("cut after %d bytes: %v", at, err)
					}
					text := body(t, response)
					if response.StatusCode/100 != 2 || !strings.HasSuffix(strings.TrimSpace(text), "1") || effects() != 1 {
						t.Errorf("cut after %d bytes: %s %q, %d effects", at, response.Status, text, effects())
					}
					var whole strings.Builder
					response.Body = io.NopCloser(strings.NewReader(text))
					if err := response.Write(&whole); err != nil {
						t.Fatal(err)
					}
					length = max(length, whole.Len())
				})
			}
			t.Logf("cut at each of %d bytes", length)
		})
	}
}

// deadStore loses everything that its first owner writes after its claim, as if
// that owner's process had been killed.
type deadStore struct {
	idempotency.Store
	mu    sync.Mutex
	owner string
}

var errDead = errors.New("the process is dead")

func (s *deadStore) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	s.mu.Lock()
	if s.owner == "" {
		s.owner = c.Record.Owner
	}
	s.mu.Unlock()
	return s.Store.Claim(ctx, c)
}

func (s *deadStore) dead(owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner == s.owner {
		return errDead
	}
	return nil
}

func (s *deadStore) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	if err := s.dead(r.Owner); err != nil {
		return false, err
	}
	return s.Store.Renew(ctx, r)
}

func (s *deadStore) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	if err := s.dead(r.Owner); err != nil {
		return nil, err
	}
	return s.Store.Complete(ctx, r)
}

func (s *deadStore) Release(ctx context.Context, id, owner string) error {
	if err := s.dead(owner); err != nil {
		return err
	}
	return s.Store.Release(ctx, id, owner)
}

// A client outlasts the lease of a server that died: another one takes over while
// it is still asking.
func TestServerThatDied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop, payments := newShopOn(t, &deadStore{Store: memstore.New()}, 2*time.Second, http.StatusCreated)
		n := newNetwork(t, shop, firstCut(-1, time.Second))
		response, err := n.client(t, idemclient.Config{}).Post("http://shop.test/", "text/plain", strings.NewReader("coffee"))
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, response); response.StatusCode != http.StatusCreated || text != "payment 2" || payments.Load() != 2 {
			t.Errorf("got %s %q; %d executions", response.Status, text, payments.Load())
		}
	})
}
