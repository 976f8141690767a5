package regions_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

const (
	frankfurt = "eu-central-1"
	virginia  = "us-east-1"
)

// world is a service in two Regions, and the bank that both use.
type world struct {
	*replicas
	t       *testing.T
	guards  map[string]*idempotency.Guard
	charges []string                             // at the bank
	inside  func()                               // what happens while a charge is made
	route   func(idempotency.Key, string) string // where a request goes that has arrived somewhere
}

// anywhere serves a request in the Region in which it arrives.
func anywhere(_ idempotency.Key, arrived string) string { return arrived }

// atHome serves a request in its key's home, of the Regions that are there.
func atHome(regions ...string) func(idempotency.Key, string) string {
	return func(key idempotency.Key, _ string) string { return key.Home(regions...) }
}

func newWorld(t *testing.T, route func(idempotency.Key, string) string) *world {
	t.Helper()
	w := &world{replicas: newReplicas(t, frankfurt, virginia), t: t, guards: make(map[string]*idempotency.Guard), route: route}
	for name, region := range w.regions {
		store, err := dynamostore.New(region, table, dynamostore.RequestTimeout(-1))
		if err != nil {
			t.Fatal(err)
		}
		w.guards[name], err = idempotency.New(idempotency.Config{Store: store, Clock: w.Now, CacheEntries: -1})
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// pay sends a request to a Region. The answer is the charge's number.
func (w *world) pay(key, to string) (receipt string, replayed bool, err error) {
	k := newKey(w.t, key)
	request := idempotency.Request{Key: k, Fingerprint: idempotency.NewFingerprint([]byte("1250"))}
	outcome, err := w.guards[w.route(k, to)].Do(w.t.Context(), request, func(context.Context) (idempotency.Result, error) {
		w.charges = append(w.charges, key)
		receipt := fmt.Sprint("charge ", len(w.charges))
		if inside := w.inside; inside != nil {
			w.inside = nil
			inside()
		}
		return idempotency.Result{Data: []byte(receipt)}, nil
	})
	return string(outcome.Data), outcome.Replayed, err
}

func (w *world) want(key, to, receipt string, replayed bool) {
	w.t.Helper()
	if got, again, err := w.pay(key, to); got != receipt || again != replayed || err != nil {
		w.t.Errorf("%s in %s: %q, replayed %v, %v; want %q, replayed %v", key, to, got, again, err, receipt, replayed)
	}
}

func (w *world) wantCharges(key string, want int) {
	w.t.Helper()
	n := 0
	for _, charged := range w.charges {
		if charged == key {
			n++
		}
	}
	if n != want {
		w.t.Errorf("%s is charged %d times, want %d", key, n, want)
	}
}

// keyOfHome returns an idempotency key that begins so and whose home is the Region.
func keyOfHome(t *testing.T, region, begins string) string {
	t.Helper()
	for i := 0; ; i++ {
		if token := fmt.Sprint(begins, i); newKey(t, token).Home(frankfurt, virginia) == region {
			return token
		}
	}
}

// TestARetryInAnotherRegionIsChargedTwice: the record has not arrived there yet. This
// is why a key needs a home.
func TestARetryInAnotherRegionIsChargedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, anywhere)
	w.want("k1", frankfurt, "charge 1", false)
	w.pass(delay - 1)
	w.want("k1", virginia, "charge 2", false)
	w.wantCharges("k1", 2)
	// Both callers have been given a receipt. The one that was written last remains.
	w.pass(2 * delay)
	w.want("k1", frankfurt, "charge 2", true)
	w.want("k1", virginia, "charge 2", true)
	// A retry that comes late enough finds the record: so a test in a hurry sees what
	// one that takes its time does not.
	w.want("k2", frankfurt, "charge 3", false)
	w.pass(delay)
	w.want("k2", virginia, "charge 3", true)
	w.wantCharges("k2", 1)
}

// TestTwoRegionsClaimOneKeyAtOnce: each sees its own claim alone, and both have their
// effect under a lease that runs.
func TestTwoRegionsClaimOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, anywhere)
	w.inside = func() { w.want("k1", virginia, "charge 2", false) }
	w.want("k1", frankfurt, "charge 1", false)
	w.wantCharges("k1", 2)
}

// TestAKeyAtHomeIsChargedOnce, whichever Regions its requests arrive in, and however
// late records are elsewhere.
func TestAKeyAtHomeIsChargedOnce(t *testing.T) {
	t.Parallel()
	for _, home := range []string{frankfurt, virginia} {
		t.Run(home, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, atHome(frankfurt, virginia))
			key := keyOfHome(t, home, "k")
			w.inside = func() {
				for _, region := range []string{virginia, frankfurt} {
					var inProgress *idempotency.InProgressError
					if _, _, err := w.pay(key, region); !errors.As(err, &inProgress) {
						t.Errorf("in %s while the first runs: %v", region, err)
					}
				}
			}
			w.want(key, frankfurt, "charge 1", false)
			for _, passes := range []time.Duration{0, delay - 1, 1, delay, time.Hour} {
				w.pass(passes)
				for _, region := range []string{virginia, frankfurt} {
					w.want(key, region, "charge 1", true)
				}
			}
			w.wantCharges(key, 1)
		})
	}
}

// TestAHomeThatIsLost: its keys move to where their records have arrived. What was
// written last has not, and is executed again.
func TestAHomeThatIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, atHome(frankfurt, virginia))
	key, late, other := keyOfHome(t, frankfurt, "k"), keyOfHome(t, frankfurt, "late"), keyOfHome(t, virginia, "k")
	w.want(key, virginia, "charge 1", false)
	w.want(other, virginia, "charge 2", false)
	w.pass(delay)
	w.want(late, virginia, "charge 3", false)
	w.lose(frankfurt)
	w.route = atHome(virginia)

	w.want(key, virginia, "charge 1", true)
	w.want(other, virginia, "charge 2", true)
	w.want(late, virginia, "charge 4", false)
	w.wantCharges(key, 1)
	w.wantCharges(other, 1)
	w.wantCharges(late, 2)
}

func newKey(t *testing.T, token string) idempotency.Key {
	t.Helper()
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", token)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
