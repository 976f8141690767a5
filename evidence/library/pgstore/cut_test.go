package pgstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// network is that between a process and the server. It counts what the process
// sends, from when it is armed, and fails at one of those.
type network struct {
	armed   atomic.Bool
	sent    atomic.Int64
	at      int64 // what fails, from 1
	request bool  // the request is lost, and not only its reply
	forGood bool  // nothing gets through any more, as if the process were dead
	failed  atomic.Bool
}

func (n *network) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if n.failed.Load() && n.forGood {
			return nil, errors.New("no route to host")
		}
		conn, err := dial(ctx, network, address)
		return &cable{Conn: conn, network: n}, err
	}
}

// cable is one connection.
type cable struct {
	net.Conn
	network *network
	cut     atomic.Bool
}

func (c *cable) Write(p []byte) (int, error) {
	n := c.network
	if n.armed.Load() && n.sent.Add(1) == n.at {
		n.failed.Store(true)
		c.cut.Store(true)
		if n.request {
			_ = c.Conn.Close()
			return 0, io.ErrClosedPipe
		}
	}
	return c.Conn.Write(p)
}

func (c *cable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.cut.Load() { // what has come is the reply
		_ = c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// An execution in atomic mode is cut off at everything that it sends to the
// server: the request or its reply is lost, and the process reaches the server
// again, or never. Whatever it was told, the retry of another process ends in one
// effect, and what was acknowledged is what is replayed.
func TestAtomicCutOffAtEveryRequest(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]struct{ request, forGood bool }{
		"request lost":           {request: true},
		"reply lost":             {},
		"request lost, and dead": {request: true, forGood: true},
		"reply lost, and dead":   {forGood: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgresserver.Shared(t).URL
			points, acknowledged, executedAgain := 0, 0, 0
			for at := int64(1); ; at++ {
				s := newShopOn(t, newPool(t, url), 10, nil)
				wires := &network{at: at, request: how.request, forGood: how.forGood}
				pool := newPool(t, url, func(c *pgxpool.Config) {
					c.ConnConfig.DialFunc = wires.dial(c.ConnConfig.DialFunc)
				})
				if err := pool.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				store, err := pgstore.NewAtomic(pool, pgstore.Table(s.table), unhurried)
				if err != nil {
					t.Fatal(err)
				}
				guard := s.newGuard(t, func(c *idempotency.Config) { c.Store = store })
				wires.armed.Store(true)
				first, firstErr := guard.Do(t.Context(), request(t, "k1"), s.sell)
				wires.armed.Store(false)
				if !wires.failed.Load() {
					break
				}
				points++
				retry, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
				switch {
				case err != nil:
					t.Errorf("point %d: the retry: %v", at, err)
				case firstErr == nil && (!retry.Replayed || string(retry.Data) != string(first.Data)):
					t.Errorf("point %d: %q was acknowledged, and the retry was given %q, replayed %v", at, first.Data, retry.Data, retry.Replayed)
				case firstErr == nil:
					acknowledged++
				case !retry.Replayed:
					executedAgain++
				}
				s.wantLedger(t, 9, 1)
				if outcome, err := s.guard.Do(t.Context(), request(t, "k1"), mustNotRun(t)); err != nil || string(outcome.Data) != string(retry.Data) {
					t.Errorf("point %d: a duplicate was given %q, %v, and the retry %q", at, outcome.Data, err, retry.Data)
				}
				for pool.Stat().AcquiredConns() != 0 { // the pool closes a broken one in the background
					if t.Context().Err() != nil {
						t.Fatalf("point %d: a connection is still held", at)
					}
					time.Sleep(time.Millisecond)
				}
			}
			t.Logf("%d points: %d acknowledged, %d executed by the retry", points, acknowledged, executedAgain)
			if points < 5 {
				t.Errorf("only %d points were found", points)
			}
			if !how.request && !how.forGood && acknowledged == 0 {
				t.Error("no lost reply was found out to be that of a commit")
			}
		})
	}
}
