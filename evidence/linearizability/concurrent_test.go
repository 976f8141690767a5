package linearizability_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/linearizability"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

var systems = []struct {
	name string
	simulation.Config
}{
	{"leased, reexecute, memory", simulation.Config{Recovery: idempotency.Reexecute}},
	{"leased, refuse, memory", simulation.Config{Recovery: idempotency.Refuse}},
	{"leased, reconcile, memory", simulation.Config{Recovery: idempotency.Reconcile}},
	{"leased, reexecute, DynamoDB", simulation.Config{Recovery: idempotency.Reexecute, Dynamo: true}},
	{"leased, refuse, DynamoDB", simulation.Config{Recovery: idempotency.Refuse, Dynamo: true}},
	{"leased, reconcile, DynamoDB", simulation.Config{Recovery: idempotency.Reconcile, Dynamo: true}},
	{"atomic, DynamoDB", simulation.Config{Mode: idempotency.Atomic, Dynamo: true}},
}

func verify(t *testing.T, seed uint64, report *simulation.Report) {
	t.Helper()
	broken := report.Book.Check(report.Promise)
	if err := linearizability.Check(report.Book, report.Promise, ""); err != nil {
		broken = append(broken, ledger.Violation{Guarantee: ledger.G1, What: err.Error()})
	}
	for _, err := range broken {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// Goroutines run as they like, but time is simulated: leases last their half a
// minute, and their ends are checked to the nanosecond.
func TestConcurrentHistoriesInSimulatedTime(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runs := 60
			if s.Dynamo {
				runs = 15
			}
			for seed := range uint64(runs) {
				s.Seed = seed + 1
				synctest.Test(t, func(t *testing.T) {
					verify(t, s.Seed, simulation.RunConcurrently(t, s.Config, time.Second, nil))
				})
			}
		})
	}
}

// Nothing is simulated but the faults: an unmodified SDK talks HTTP to the
// engine, and clocks are real. A machine under load may let a goroutine miss its
// lease by more than any allowance, so that clocks count as skewed: fencing has
// to hold all the same.
func TestConcurrentHistoriesInRealTime(t *testing.T) {
	t.Parallel()
	const second = 10 * time.Millisecond
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				s.Seed = seed + 1
				var dynamo *simulation.Dynamo
				if s.Dynamo {
					dynamo = serve(t)
				}
				verify(t, s.Seed, simulation.RunConcurrently(t, s.Config, second, dynamo))
			}
		})
	}
}

// serve makes a DynamoDB that is reached over HTTP.
func serve(t *testing.T) *simulation.Dynamo {
	t.Helper()
	engine, err := dynamolocal.New(dynamolocal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(engine)
	t.Cleanup(func() {
		server.Close()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return simulation.NewDynamo(engine, server.URL, func(r *http.Request) (*http.Response, error) {
		return server.Client().Do(r)
	})
}
