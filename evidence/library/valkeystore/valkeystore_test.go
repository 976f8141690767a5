package valkeystore_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"

	"github.com/idempotent-requests/idempotent-requests/evidence/freeport"
	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/evidence/valkeyserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

func withGoRedis(t *testing.T, socket string, configure ...func(*redis.Options)) (*redis.Client, valkeystore.Eval) {
	t.Helper()
	options := &redis.Options{Network: "unix", Addr: socket, ContextTimeoutEnabled: true}
	for _, c := range configure {
		c(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client, evalOn(client)
}

func evalOn(client redis.UniversalClient) valkeystore.Eval {
	scripts := make(map[string]*redis.Script)
	for _, text := range valkeystore.Scripts() {
		scripts[text] = redis.NewScript(text)
	}
	return func(ctx context.Context, script, key string, args []string) (any, error) {
		return scripts[script].Run(ctx, client, []string{key}, args).Result()
	}
}

func withValkeyGo(t *testing.T, socket string) valkeystore.Eval {
	t.Helper()
	client, err := valkey.NewClient(valkey.ClientOption{
		InitAddress: []string{socket}, DisableCache: true,
		DialCtxFn: func(ctx context.Context, _ string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	scripts := make(map[string]*valkey.Lua)
	for _, text := range valkeystore.Scripts() {
		scripts[text] = valkey.NewLuaScriptRetryable(text)
	}
	return func(ctx context.Context, script, key string, args []string) (any, error) {
		return scripts[script].Exec(ctx, client, []string{key}, args).ToAny()
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	socket := valkeyserver.Start(t)
	_, goRedis := withGoRedis(t, socket)
	var stores atomic.Int32
	for name, test := range map[string]struct {
		eval    valkeystore.Eval
		options []valkeystore.Option
	}{
		"go-redis":   {goRedis, nil},
		"valkey-go":  {withValkeyGo(t, socket), nil},
		"compressed": {goRedis, []valkeystore.Option{valkeystore.CompressAbove(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) idempotency.Store {
				return newStore(t, test.eval, append(test.options, valkeystore.Prefix(fmt.Sprintf("store-%d:", stores.Add(1))))...)
			})
		})
	}
}

// In a cluster a script is refused that touches a key which it has not named.
func TestStoreInCluster(t *testing.T) {
	t.Parallel()
	port, bus := freeport.Find(t), freeport.Find(t)
	node := redis.NewClient(&redis.Options{Network: "unix", Addr: valkeyserver.Start(t,
		"--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", port, "--cluster-port", bus)})
	t.Cleanup(func() { _ = node.Close() })
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok") {
		if t.Context().Err() != nil {
			t.Fatal("the cluster did not come up")
		}
		time.Sleep(20 * time.Millisecond) // it takes itself two seconds
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:" + port}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	var stores atomic.Int32
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		return newStore(t, evalOn(client), valkeystore.Prefix(fmt.Sprintf("store-%d:", stores.Add(1))))
	})
}

// unhurried keeps a busy machine out of tests that are not about time.
var unhurried = valkeystore.RequestTimeout(time.Minute)

func newStore(t *testing.T, eval valkeystore.Eval, options ...valkeystore.Option) *valkeystore.Store {
	t.Helper()
	store, err := valkeystore.New(eval, append([]valkeystore.Option{unhurried}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fixture is a server with a store on it.
type fixture struct {
	*valkeystore.Store
	client *redis.Client
	socket string
}

func newFixture(t *testing.T, options ...valkeystore.Option) *fixture {
	t.Helper()
	f := &fixture{socket: valkeyserver.Start(t)}
	var eval valkeystore.Eval
	f.client, eval = withGoRedis(t, f.socket)
	f.Store = newStore(t, eval, options...)
	return f
}

const key = "idempotency:payments.create#k"

var now = records.Now

func (f *fixture) duplicate(t *testing.T) *idempotency.Record {
	t.Helper()
	existing, err := f.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("duplicate"), Now: now})
	if existing == nil || err != nil {
		t.Fatalf("Claim: %+v, %v", existing, err)
	}
	return existing
}

func (f *fixture) hash(t *testing.T) map[string]string {
	t.Helper()
	hash, err := f.client.HGetAll(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// The fields are a contract with every version that is deployed beside this one.
func TestFields(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	want := map[string]string{
		"status":                 "INPROGRESS",
		"owner":                  "owner-1",
		"validation":             string(r.Fingerprint),
		"expiration":             fmt.Sprint(now.Unix() + 3600),
		"in_progress_expiration": fmt.Sprint(now.UnixMilli() + 10_123),
		"claimed":                fmt.Sprint(now.UnixMilli() - 1),
	}
	if diff := cmp.Diff(want, f.hash(t)); diff != "" {
		t.Errorf("in progress (-want +got):\n%s", diff)
	}

	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	want["status"], want["data"] = "COMPLETED", "answer"
	delete(want, "in_progress_expiration")
	if diff := cmp.Diff(want, f.hash(t)); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
}

func TestResponsesOfAnySizeAreReplayed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, data := range [][]byte{{}, {0}, records.Random(5 << 20), bytes.Repeat([]byte("abc"), 1000)} {
		r := records.InProgress("owner-1")
		records.MustClaim(t, f, r)
		records.MustComplete(t, f, records.Completed(r, data))
		if got := f.duplicate(t); !bytes.Equal(got.Data, data) || got.Data == nil {
			t.Errorf("%d bytes came back as %d", len(data), len(got.Data))
		}
		if got, err := f.Load(t.Context(), r.ID); err != nil || !bytes.Equal(got.Data, data) {
			t.Errorf("loaded %v, %v", got, err)
		}
		if stored := f.hash(t); len(data) == 3000 && (stored["data_encoding"] != "zstd" || len(stored["data"]) > 200) {
			t.Errorf("3000 bytes of three are stored as %d, encoding %q", len(stored["data"]), stored["data_encoding"])
		}
		f.client.FlushAll(t.Context())
	}
}

func TestMismatchGetsNoData(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	asks := records.InProgress("duplicate")
	asks.Fingerprint = "another"
	got, err := f.Claim(t.Context(), idempotency.Claim{Record: asks, Now: now})
	if err != nil || got == nil || got.Data != nil || got.Fingerprint != r.Fingerprint {
		t.Errorf("met %+v, %v, want the record without its data", got, err)
	}
}

// The server forgets a record by itself, but not before the callers' clocks may
// have come to the end of its window.
func TestTimeToLive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wantTimeToLive := func(what string, atLeast, atMost time.Duration) {
		t.Helper()
		if ttl := f.client.PTTL(t.Context(), key).Val(); ttl < atLeast || ttl > atMost {
			t.Errorf("%s: the server keeps the record for %v, want %v to %v", what, ttl, atLeast, atMost)
		}
	}
	r := records.InProgress("owner-1")
	r.Expires = time.Now().Add(24 * time.Hour).Truncate(time.Second)
	const window = 24 * time.Hour
	records.MustClaim(t, f, r)
	wantTimeToLive("claimed", window+55*time.Minute, window+time.Hour)
	r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
	if held, err := f.Renew(t.Context(), r); !held || err != nil {
		t.Fatal(held, err)
	}
	wantTimeToLive("renewed", window+55*time.Minute, window+time.Hour)
	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	wantTimeToLive("completed", window+55*time.Minute, window+time.Hour)

	f.client.FlushAll(t.Context())
	r.Expires = now.Add(-time.Hour)
	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	wantTimeToLive("completed after its window", 55*time.Minute, time.Hour)
}

// Where memory is short nothing may begin, but what has begun has to end well.
func TestFullServer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	renewed, observed, gone := records.InProgress("owner-1"), records.InProgress("owner-2"), records.InProgress("owner-3")
	observed.ID, gone.ID = "payments.create#observed", "payments.create#gone"
	records.MustClaim(t, f, renewed)
	records.MustClaim(t, f, observed)
	if err := f.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}

	fresh := records.InProgress("owner-4")
	fresh.ID = "payments.create#fresh"
	if _, err := f.Claim(t.Context(), idempotency.Claim{Record: fresh, Now: now}); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("a claim: error %v, want one that says OOM", err)
	}
	heir := observed
	heir.Owner = "heir"
	if _, err := f.Claim(t.Context(), idempotency.Claim{Record: heir, Now: now, TakeOver: &observed}); err == nil {
		t.Error("a takeover succeeded")
	}
	if got, err := f.Load(t.Context(), observed.ID); err != nil || got == nil || got.Owner != observed.Owner {
		t.Errorf("after the refused takeover there is %+v, %v", got, err)
	}

	renewed.LeaseUntil = renewed.LeaseUntil.Add(time.Minute)
	if held, err := f.Renew(t.Context(), renewed); !held || err != nil {
		t.Errorf("a renewal: %v, %v", held, err)
	}
	if held, err := f.RecordStep(t.Context(), renewed, idempotency.RecordedStep{Name: "charge", Data: []byte("charged")}); !held || err != nil {
		t.Errorf("a step: %v, %v", held, err)
	}
	records.MustComplete(t, f, records.Completed(renewed, []byte("answer")))
	records.MustComplete(t, f, records.Completed(gone, []byte("answer")))
	if err := f.Release(t.Context(), observed.ID, observed.Owner); err != nil {
		t.Errorf("a release: %v", err)
	}
	if got := f.duplicate(t); string(got.Data) != "answer" {
		t.Errorf("a duplicate is answered %q", got.Data)
	}
}

// A server that was restarted, or a replica that was promoted, has no scripts.
func TestScriptsAreSentAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	forget := func() {
		t.Helper()
		if err := f.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	forget()
	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	forget()
	if got := f.duplicate(t); string(got.Data) != "answer" {
		t.Errorf("a duplicate is answered %q", got.Data)
	}
}

// What is not as it should be is neither a free key nor overwritten.
func TestMalformedRecords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, spoil := range map[string]func(context.Context) error{
		"another type": func(ctx context.Context) error { return f.client.Set(ctx, key, "x", 0).Err() },
		"no status":    func(ctx context.Context) error { return f.client.HDel(ctx, key, "status").Err() },
		"no owner":     func(ctx context.Context) error { return f.client.HDel(ctx, key, "owner").Err() },
		"no end":       func(ctx context.Context) error { return f.client.HDel(ctx, key, "expiration").Err() },
		"no fingerprint": func(ctx context.Context) error {
			return f.client.HDel(ctx, key, "validation").Err()
		},
		"another status": func(ctx context.Context) error { return f.client.HSet(ctx, key, "status", "x").Err() },
		"an odd end":     func(ctx context.Context) error { return f.client.HSet(ctx, key, "expiration", "x").Err() },
		"another encoding": func(ctx context.Context) error {
			return f.client.HSet(ctx, key, "data_encoding", "br").Err()
		},
		"not the gzip it says": func(ctx context.Context) error {
			return f.client.HSet(ctx, key, "data_encoding", "gzip").Err()
		},
		"not the zstd it says": func(ctx context.Context) error {
			return f.client.HSet(ctx, key, "data_encoding", "zstd").Err()
		},
	} {
		f.client.FlushAll(t.Context())
		r := records.InProgress("owner-1")
		records.MustClaim(t, f, r)
		records.MustComplete(t, f, records.Completed(r, []byte("answer")))
		if err := spoil(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := f.client.Dump(t.Context(), key).Val()
		if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("duplicate"), Now: now}); err == nil {
			t.Errorf("%s: a claim met %+v, want an error", name, existing)
		}
		if existing, err := f.Complete(t.Context(), records.Completed(records.InProgress("late"), nil)); err == nil {
			t.Errorf("%s: a completion met %+v, want an error", name, existing)
		}
		if loaded, err := f.Load(t.Context(), r.ID); err == nil {
			t.Errorf("%s: loaded %+v, want an error", name, loaded)
		}
		if after := f.client.Dump(t.Context(), key).Val(); after != before {
			t.Errorf("%s: the key was written", name)
		}
	}
}

// lossy drops the reply to the next request, as often as it is told to.
type lossy struct {
	net.Conn
	drop *atomic.Int32
}

func (c lossy) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.drop.Add(-1) >= 0 {
		_ = c.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// Clients repeat what they have got no reply to, and then meet what they have
// written themselves.
func TestRepliesLostAndRequestsRepeated(t *testing.T) {
	t.Parallel()
	socket := valkeyserver.Start(t)
	var drop atomic.Int32
	drop.Store(-1)
	client, eval := withGoRedis(t, socket, func(o *redis.Options) {
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return lossy{conn, &drop}, err
		}
	})
	store := newStore(t, eval)
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, records.InProgress("warms up the connection"))
	client.FlushAll(t.Context())

	lose := func(step func()) {
		t.Helper()
		drop.Store(1)
		step()
		if drop.Load() > 0 {
			t.Error("no reply was lost")
		}
		drop.Store(-1)
	}
	lose(func() { records.MustClaim(t, store, r) })
	r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
	lose(func() {
		if held, err := store.Renew(t.Context(), r); !held || err != nil {
			t.Errorf("Renew: %v, %v", held, err)
		}
	})
	done := records.Completed(r, []byte("answer"))
	lose(func() { records.MustComplete(t, store, done) })
	got, err := store.Load(t.Context(), r.ID)
	if err != nil || got == nil || string(got.Data) != "answer" {
		t.Errorf("loaded %+v, %v", got, err)
	}
}

// roundTrips notes what each call has cost.
type roundTrips []int

func (r *roundTrips) Observe(_ context.Context, e idempotency.Event) {
	if e.Observation.Ends() {
		*r = append(*r, e.Cost.RoundTrips)
	}
}

// What each path costs is part of the documentation.
func TestCosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var costs roundTrips
	guard, err := idempotency.New(idempotency.Config{Store: f, CacheEntries: -1, Observer: &costs, CompletionTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	k, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := guard.Do(t.Context(), idempotency.Request{Key: k, Fingerprint: idempotency.NewFingerprint(nil)},
			func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{Data: []byte("answer")}, nil
			}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(roundTrips{2, 1}, costs); diff != "" {
		t.Errorf("round trips of a first call and of a replay (-want +got):\n%s", diff)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := valkeystore.New(nil); err == nil {
		t.Error("a store without a way to its server was accepted")
	}
	nowhere := func(context.Context, string, string, []string) (any, error) { return nil, nil }
	if _, err := valkeystore.New(nowhere, valkeystore.RequestTimeout(0)); err == nil {
		t.Error("a time limit of nothing was accepted")
	}
}

// A client that answers with something else must not be mistaken for a free key.
func TestForeignRepliesAreErrors(t *testing.T) {
	t.Parallel()
	for _, reply := range []any{nil, "x", map[string]any{}, []any{"x"}} {
		store := newStore(t, func(context.Context, string, string, []string) (any, error) { return reply, nil })
		if existing, err := store.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("a"), Now: now}); err == nil {
			t.Errorf("the reply %#v was taken for %v", reply, existing)
		}
		if held, err := store.Renew(t.Context(), records.InProgress("a")); err == nil {
			t.Errorf("the reply %#v was taken for %v", reply, held)
		}
	}
}
