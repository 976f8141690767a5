package idempotency_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func BenchmarkNewKey(b *testing.B) {
	scope, err := idempotency.NewScope("5b1f8f0c-7f0a-4c7e-9d5e-0c6e6a1d2f3b")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := idempotency.NewKey(scope, "payments.create", "8e03978e-40d5-43dd-bc93-6894a57f9324"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewFingerprint(b *testing.B) {
	body := make([]byte, 1<<10)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		idempotency.NewFingerprint([]byte("POST"), []byte("/payments"), body)
	}
}

// BenchmarkReplay compares what a duplicate costs in the process itself.
func BenchmarkReplay(b *testing.B) {
	for name, entries := range map[string]int{"cached": 0, "memstore": -1} {
		b.Run(name, func(b *testing.B) {
			guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), CacheEntries: entries})
			if err != nil {
				b.Fatal(err)
			}
			key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
			if err != nil {
				b.Fatal(err)
			}
			request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte("body"))}
			run := answering(string(make([]byte, 150)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := guard.Do(context.Background(), request, run); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstCall measures what an execution costs in the process itself, with
// and without a deadline of the caller's.
func BenchmarkFirstCall(b *testing.B) {
	for name, deadline := range map[string]time.Duration{"no deadline": 0, "deadline": 15 * time.Minute} {
		b.Run(name, func(b *testing.B) {
			guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), CacheEntries: -1})
			if err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			if deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, deadline)
				defer cancel()
			}
			fingerprint := idempotency.NewFingerprint([]byte("body"))
			run := answering(string(make([]byte, 150)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", strconv.Itoa(n))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := guard.Do(ctx, idempotency.Request{Key: key, Fingerprint: fingerprint}, run); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWaiting has a hundred duplicates wait in one process for one execution.
// One call looks at the store for all of them, so the looks are those of a single
// waiting call, whose polls begin at 25 ms and grow to 500.
func BenchmarkWaiting(b *testing.B) {
	for _, duplicates := range []int{1, 100} {
		b.Run(strconv.Itoa(duplicates), func(b *testing.B) {
			var looks, claims atomic.Int64
			store := &faultyStore{Store: memstore.New()}
			store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
				looks.Add(1)
				return store.Store.Load(ctx, id)
			}
			store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
				claims.Add(1)
				return store.Store.Claim(ctx, c)
			}
			guard, err := idempotency.New(idempotency.Config{Store: store, Wait: time.Hour, CacheEntries: -1})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				n++
				key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", strconv.Itoa(n))
				if err != nil {
					b.Fatal(err)
				}
				request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte("body"))}
				var calls sync.WaitGroup
				_, err = guard.Do(b.Context(), request, func(context.Context) (idempotency.Result, error) {
					for range duplicates {
						calls.Go(func() {
							if outcome, err := guard.Do(b.Context(), request, answering("never")); err != nil || string(outcome.Data) != "done" {
								b.Error(outcome, err)
							}
						})
					}
					time.Sleep(time.Second)
					return idempotency.Result{Data: []byte("done")}, nil
				})
				if err != nil {
					b.Fatal(err)
				}
				calls.Wait()
			}
			b.ReportMetric(float64(looks.Load())/float64(n), "looks/op")
			b.ReportMetric(float64(claims.Load())/float64(n), "claims/op")
		})
	}
}
