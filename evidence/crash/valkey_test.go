package crash_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

// valkey is a store on a real server. Each of its scripts is one request.
type valkey struct {
	link   *link
	prefix string
}

var prefixes atomic.Int64

func newValkey(l *link) *valkey {
	return &valkey{link: l, prefix: fmt.Sprintf("run-%d:", prefixes.Add(1))}
}

func (v *valkey) open(p *process) idempotency.Store {
	store, err := valkeystore.New(func(ctx context.Context, script, key string, args []string) (reply any, err error) {
		lost := p.request(ctx, labelOf(ctx), func(context.Context) {
			reply, err = v.link.call(func(ctx context.Context, client *redis.Client) (any, error) {
				return redis.NewScript(script).Run(ctx, client, []string{key}, args).Result()
			})
		})
		if lost != nil {
			return nil, lost
		}
		return reply, err
	}, valkeystore.Prefix(v.prefix))
	if err != nil {
		panic(err) // the arguments are ours
	}
	return intercept.Store(store, p.named)
}

func (v *valkey) look(id string) ledger.State {
	reply, err := v.link.call(func(ctx context.Context, client *redis.Client) (any, error) {
		return client.HMGet(ctx, v.prefix+id, "status", "owner", "in_progress_expiration", "expiration",
			"step0_name", "step1_name", "step2_name").Result()
	})
	if err != nil {
		panic(err)
	}
	fields := reply.([]any)
	if fields[0] == nil {
		return ledger.State{}
	}
	number := func(i int) int64 {
		text, _ := fields[i].(string)
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	}
	var steps []string
	for _, name := range fields[4:] {
		if name, ok := name.(string); ok {
			steps = append(steps, name)
		}
	}
	return ledger.State{
		Steps:   strings.Join(steps, " "),
		Status:  idempotency.Status(fields[0].(string)),
		Owner:   fields[1].(string),
		Lease:   number(2),
		Expires: number(3) * 1000,
	}
}

func (*valkey) effects() []planned { return nil }

// link carries requests to a server that is outside of the bubbles in which runs
// take place: there time stands still until the reply is here.
type link struct {
	calls   chan func(context.Context, *redis.Client) (any, error)
	replies chan reply
}

type reply struct {
	value any
	err   error
}

func newLink(t *testing.T, socket string) *link {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	l := &link{make(chan func(context.Context, *redis.Client) (any, error)), make(chan reply)}
	go func() {
		defer client.Close()
		for call := range l.calls {
			value, err := call(context.Background(), client)
			l.replies <- reply{value, err}
		}
	}()
	t.Cleanup(func() { close(l.calls) })
	return l
}

// call makes a request. No two may be made at the same time.
func (l *link) call(request func(context.Context, *redis.Client) (any, error)) (any, error) {
	l.calls <- request
	r := <-l.replies
	return r.value, r.err
}
