package kmsseal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/evidence/kmsserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// world is a table, a key in KMS, and a clock.
type world struct {
	t      *testing.T
	server *kmsserver.Server
	arn    string
	store  idempotency.Store
	now    time.Time
	runs   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, server: kmsserver.Start(t), store: memstore.New(), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	w.arn = w.server.CreateKey("one")
	return w
}

// sealer is that of another process. A busy machine is no reason to give a request
// up.
func (w *world) sealer(configure ...func(*kmsseal.Config)) *kmsseal.Sealer {
	w.t.Helper()
	cfg := kmsseal.Config{
		Client: w.server.Client(), KeyID: w.arn, RequestTimeout: time.Minute,
		Clock: func() time.Time { return w.now },
	}
	for _, c := range configure {
		c(&cfg)
	}
	sealer, err := kmsseal.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return sealer
}

// process is another process with a guard on the same table.
func (w *world) process(configure ...func(*kmsseal.Config)) *idempotency.Guard {
	w.t.Helper()
	return w.guard(w.sealer(configure...))
}

func (w *world) guard(sealer idempotency.Sealer) *idempotency.Guard {
	w.t.Helper()
	guard, err := idempotency.New(idempotency.Config{
		Store: w.store, Seal: sealer, CacheEntries: -1, Clock: func() time.Time { return w.now },
		CompletionTimeout: 10 * time.Minute, // a busy machine is no reason either
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return guard
}

// pay calls the guard with an idempotency key, and returns what the caller is told.
func (w *world) pay(guard *idempotency.Guard, key string) (text string, replayed bool, err error) {
	w.t.Helper()
	text, outcome, err := idempotency.Do(w.t.Context(), guard, idempotency.Intent{
		Scope: idempotency.SharedScope(), Operation: "payments.create", Key: key, Payload: 1250,
	}, func(context.Context) (string, error) {
		w.runs++
		return "paid by card 4242", nil
	})
	return text, outcome.Replayed, err
}

func (w *world) wantPaid(guard *idempotency.Guard, key string, replayed bool) {
	w.t.Helper()
	if text, again, err := w.pay(guard, key); text != "paid by card 4242" || again != replayed || err != nil {
		w.t.Errorf("%q, replayed %v, error %v", text, again, err)
	}
}

// wantRefused: the call has this error, and executes nothing.
func (w *world) wantRefused(guard *idempotency.Guard, key string, want error) {
	w.t.Helper()
	before := w.runs
	if _, _, err := w.pay(guard, key); !errors.Is(err, want) {
		w.t.Errorf("error %v, want %v", err, want)
	}
	if w.runs != before {
		w.t.Error("executed")
	}
}

func (w *world) wantRequests(generate, decrypt int) {
	w.t.Helper()
	if g, d := w.server.Requests("GenerateDataKey"), w.server.Requests("Decrypt"); g != generate || d != decrypt {
		w.t.Errorf("%d data keys made and %d decrypted, want %d and %d", g, d, generate, decrypt)
	}
}

func TestOneProcessOpensWhatAnotherSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.process(), w.process()
	for _, key := range []string{"k1", "k2", "k3"} {
		w.wantPaid(one, key, false)
	}
	w.wantRequests(1, 0)
	for _, key := range []string{"k1", "k2", "k3"} {
		w.wantPaid(one, key, true)
		w.wantPaid(other, key, true)
	}
	w.wantRequests(1, 1)
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.store.Load(t.Context(), key.ID())
	if err != nil || bytes.Contains(r.Data, []byte("4242")) {
		t.Errorf("the table holds %q, %v", r.Data, err)
	}
}

func TestAnotherEncryptionContextDoesNotOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantPaid(w.process(), "k1", false)
	for _, context := range []map[string]string{{"purpose": "mails"}, {"purpose": "idempotency", "stage": "test"}} {
		w.wantRefused(w.process(func(c *kmsseal.Config) { c.Context = context }), "k1", idempotency.ErrSeal)
	}
	w.wantPaid(w.process(func(c *kmsseal.Config) { c.Context = map[string]string{"purpose": "idempotency"} }), "k1", true)
}

// TestARotatedKeyOpensWhatItSealed: the automatic rotation of KMS needs no change.
func TestARotatedKeyOpensWhatItSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantPaid(w.process(), "before", false)
	w.server.Rotate(w.arn)
	later := w.process()
	w.wantPaid(later, "before", true)
	w.wantPaid(later, "after", false)
	w.wantPaid(w.process(), "after", true)
}

// TestAnAliasThatMoves: what the key before has sealed opens if that key is named.
func TestAnAliasThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	byAlias := func(c *kmsseal.Config) { c.KeyID = "alias/idempotency" }
	w.server.Alias("alias/idempotency", w.arn)
	w.wantPaid(w.process(byAlias), "before", false)
	w.server.Alias("alias/idempotency", w.server.CreateKey("two"))
	w.wantRefused(w.process(byAlias), "before", idempotency.ErrSeal)
	later := w.process(byAlias, func(c *kmsseal.Config) { c.FormerKeys = []string{w.server.CreateKey("unrelated"), w.arn} })
	w.wantPaid(later, "before", true)
	w.wantPaid(later, "after", false)
	w.wantPaid(w.process(byAlias), "after", true)
}

// TestAStrangersKeyDoesNotOpen: somebody who can write the table, and has a key of
// their own that they let the program use, cannot make a result up.
func TestAStrangersKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	strange := w.server.CreateKey("strange")
	w.wantPaid(w.process(func(c *kmsseal.Config) { c.KeyID = strange }), "k1", false)
	w.wantRefused(w.process(), "k1", idempotency.ErrSeal)
}

func TestWhatKMSAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer *kmsserver.Error
		want   error
	}{
		{kmsserver.Disabled, idempotency.ErrSeal},
		{kmsserver.ToBeDeleted, idempotency.ErrSeal},
		{kmsserver.NotFound, idempotency.ErrSeal},
		{kmsserver.AccessDenied, idempotency.ErrSeal},
		{kmsserver.Throttled, idempotency.ErrSealUnavailable},
		{kmsserver.Unavailable, idempotency.ErrSealUnavailable},
		{kmsserver.Internal, idempotency.ErrSealUnavailable},
	} {
		t.Run(test.answer.Code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			one := w.process()
			w.wantPaid(one, "k1", false)
			w.server.SetState(w.arn, test.answer)
			other := w.process()
			w.wantRefused(other, "k1", test.want) // does not open
			w.wantRefused(other, "k2", test.want) // could not be sealed
			// The first process has the data key, for as long as that may be used.
			w.wantPaid(one, "k1", true)
			w.wantPaid(one, "k3", false)
			w.now = w.now.Add(kmsseal.DefaultMaxAge)
			w.wantRefused(one, "k1", test.want)
			w.wantRefused(one, "k4", test.want)
			w.server.SetState(w.arn, nil)
			w.wantPaid(other, "k1", true)
			w.wantPaid(other, "k2", false)
			w.wantPaid(one, "k4", false)
		})
	}
}

// TestAThrottledRequestIsRepeated: the SDK does that.
func TestAThrottledRequestIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	throttled := 0
	w.server.Fail(func(string) *kmsserver.Error {
		if throttled++; throttled%3 != 0 {
			return kmsserver.Throttled
		}
		return nil
	})
	w.wantPaid(w.process(), "k1", false)
	w.wantPaid(w.process(), "k1", true)
	w.wantRequests(3, 3)
}

func TestKMSThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unreachable := client{
		generate: func(context.Context) (*kms.GenerateDataKeyOutput, error) { return nil, errors.New("no route to host") },
	}
	w.wantRefused(w.process(func(c *kmsseal.Config) { c.Client = unreachable }), "k1", idempotency.ErrSealUnavailable)
	broken := client{generate: func(context.Context) (*kms.GenerateDataKeyOutput, error) { panic("nil map") }}
	w.wantRefused(w.process(func(c *kmsseal.Config) { c.Client = broken }), "k1", idempotency.ErrSeal)
	short := client{generate: func(context.Context) (*kms.GenerateDataKeyOutput, error) {
		return &kms.GenerateDataKeyOutput{Plaintext: make([]byte, 16), CiphertextBlob: []byte("x")}, nil
	}}
	w.wantRefused(w.process(func(c *kmsseal.Config) { c.Client = short }), "k1", idempotency.ErrSeal)
	w.wantPaid(w.process(), "k1", false)
}

func TestADataKeyIsUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sealer := w.sealer(func(c *kmsseal.Config) { c.MaxUses = 3 })
	guard := w.guard(sealer)
	for i := range 7 {
		w.wantPaid(guard, fmt.Sprint("k", i), false)
	}
	w.wantRequests(3, 0)
	// An execution that has begun ends by the key that it began with.
	seal, err := sealer.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := seal([]byte("step"), nil); err != nil {
			t.Error(err)
		}
	}
	w.wantRequests(3, 0)
	w.wantPaid(guard, "k7", false)
	w.wantRequests(4, 0)
}

func TestADataKeyAges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	guard := w.process(func(c *kmsseal.Config) { c.MaxAge = time.Hour })
	w.wantPaid(guard, "k1", false)
	w.now = w.now.Add(time.Hour - 1)
	w.wantPaid(guard, "k2", false)
	w.wantPaid(guard, "k1", true)
	w.wantRequests(1, 0)
	w.now = w.now.Add(1)
	w.wantPaid(guard, "k3", false)
	w.wantPaid(guard, "k1", true)
	w.wantRequests(2, 1)
	w.now = w.now.Add(-time.Second) // nobody knows how old a key from the future is
	w.wantPaid(guard, "k4", false)
	w.wantRequests(3, 1)
}

func TestOnlySoManyDataKeysAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{"k1", "k2", "k3"} {
		w.wantPaid(w.process(), key, false)
	}
	reader := w.process(func(c *kmsseal.Config) { c.CachedKeys = 2 })
	for _, key := range []string{"k1", "k2", "k2", "k1", "k3", "k1"} {
		w.wantPaid(reader, key, true)
	}
	w.wantRequests(3, 3)
	w.wantPaid(reader, "k2", true)
	w.wantRequests(3, 4)
}

// TestCallsShareRequests: those that come together ask KMS once.
func TestCallsShareRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sealed := make([][]byte, 100)
	everywhere := func(step func(i int) error) {
		var all sync.WaitGroup
		for i := range sealed {
			all.Go(func() {
				if err := step(i); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	sealer := w.sealer()
	everywhere(func(i int) error {
		seal, err := sealer.Seal(t.Context())
		if err != nil {
			return err
		}
		sealed[i], err = seal(fmt.Append(nil, i), fmt.Append(nil, "record ", i))
		return err
	})
	reader := w.sealer()
	everywhere(func(i int) error {
		opened, err := reader.Open(t.Context(), sealed[i], fmt.Append(nil, "record ", i))
		if err == nil && string(opened) != fmt.Sprint(i) {
			t.Errorf("%d opened as %q", i, opened)
		}
		return err
	})
	w.wantRequests(1, 1)
}

// client is one of which a test has the answers.
type client struct {
	kmsseal.Client
	generate func(context.Context) (*kms.GenerateDataKeyOutput, error)
}

func (c client) GenerateDataKey(ctx context.Context, _ *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return c.generate(ctx)
}

func aDataKey() *kms.GenerateDataKeyOutput {
	return &kms.GenerateDataKeyOutput{Plaintext: make([]byte, 32), CiphertextBlob: []byte("wrapped")}
}

func TestARequestThatHangsIsRepeated(t *testing.T) {
	t.Parallel()
	for hung, want := range map[int]error{0: nil, 2: nil, 3: idempotency.ErrSealUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			sealer, err := kmsseal.New(kmsseal.Config{KeyID: "one", Client: client{generate: func(ctx context.Context) (*kms.GenerateDataKeyOutput, error) {
				if requests++; requests <= hung {
					<-ctx.Done()
					return nil, fmt.Errorf("operation error KMS: %w", ctx.Err())
				}
				return aDataKey(), nil
			}}})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if _, err := sealer.Seal(t.Context()); !errors.Is(err, want) {
				t.Errorf("after %d requests that hung: error %v, want %v", hung, err, want)
			}
			if took := time.Since(start); took != time.Duration(hung)*kmsseal.DefaultRequestTimeout {
				t.Errorf("%d requests that hung took %v", hung, took)
			}
		})
	}
}

// TestACallerThatLeavesLeavesTheOthers: they go on waiting for the request that it began.
func TestACallerThatLeavesLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		sealer, err := kmsseal.New(kmsseal.Config{KeyID: "one", Client: client{generate: func(ctx context.Context) (*kms.GenerateDataKeyOutput, error) {
			select {
			case <-answer:
				return aDataKey(), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}})
		if err != nil {
			t.Fatal(err)
		}
		leaving, leave := context.WithCancel(t.Context())
		var left, stayed error
		go func() { _, left = sealer.Seal(leaving) }()
		synctest.Wait()
		go func() { _, stayed = sealer.Seal(t.Context()) }()
		synctest.Wait()
		leave()
		synctest.Wait()
		if !errors.Is(left, idempotency.ErrSealUnavailable) || !errors.Is(left, context.Canceled) {
			t.Errorf("who left was told %v", left)
		}
		close(answer)
		synctest.Wait()
		if stayed != nil {
			t.Errorf("who stayed was told %v", stayed)
		}
	})
}

// TestSealingIsTurnedOn while processes of the version before still run.
func TestSealingIsTurnedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantPaid(w.guard(nil), "plain", false)
	turnedOn := func(c *kmsseal.Config) {
		c.SealFrom = w.now.Add(time.Hour)
		c.PlainUntil = c.SealFrom.Add(idempotency.DefaultWindow)
	}
	sealer := w.sealer(turnedOn)
	guard := w.guard(sealer)
	w.wantPaid(guard, "plain", true)
	w.wantPaid(guard, "not yet", false)
	w.wantPaid(w.guard(nil), "not yet", true) // the version before reads it
	w.wantRequests(0, 0)

	w.now = w.now.Add(time.Hour)
	w.wantPaid(guard, "sealed", false)
	w.wantPaid(guard, "not yet", true)
	w.wantRequests(1, 0)
	w.wantRefused(w.process(), "not yet", idempotency.ErrSeal)
	w.wantRefused(w.guard(nil), "sealed", idempotency.ErrResultNotKept) // a version without a Sealer
	w.wantPaid(w.process(), "sealed", true)

	w.now = w.now.Add(idempotency.DefaultWindow)
	if _, err := sealer.Open(t.Context(), []byte("plain"), nil); err == nil {
		t.Error("what is not sealed is accepted for ever")
	}
}

// TestWhatIsNoSealedResult: nothing that can be written into a table opens or panics.
func TestWhatIsNoSealedResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sealer := w.sealer()
	seal, err := sealer.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal([]byte("paid"), []byte("id"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		if _, err := sealer.Open(t.Context(), sealed[:i], []byte("id")); err == nil {
			t.Errorf("%d of %d bytes open", i, len(sealed))
		}
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x40
		if _, err := sealer.Open(t.Context(), changed, []byte("id")); err == nil {
			t.Errorf("it opens with byte %d changed", i)
		}
	}
	for _, associated := range []string{"", "i", "id\n", "other"} {
		if _, err := sealer.Open(t.Context(), sealed, []byte(associated)); err == nil {
			t.Errorf("it opens as that of %q", associated)
		}
	}
	long := append([]byte("\xc1kms\x01\xff\xff"), make([]byte, 1<<17)...)
	if _, err := sealer.Open(t.Context(), long, nil); err == nil {
		t.Error("it opens")
	}
	if opened, err := sealer.Open(t.Context(), sealed, []byte("id")); err != nil || string(opened) != "paid" {
		t.Errorf("%q, %v", opened, err)
	}
	if again, err := seal([]byte("paid"), []byte("id")); err != nil || bytes.Equal(again, sealed) {
		t.Errorf("the same is sealed alike, or not at all: %v", err)
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	for field, spoil := range map[string]func(*kmsseal.Config){
		"Client":         func(c *kmsseal.Config) { c.Client = nil },
		"KeyID":          func(c *kmsseal.Config) { c.KeyID = "" },
		"FormerKeys":     func(c *kmsseal.Config) { c.FormerKeys = []string{"one", ""} },
		"MaxUses":        func(c *kmsseal.Config) { c.MaxUses = kmsseal.MostUses + 1 },
		"MaxAge":         func(c *kmsseal.Config) { c.MaxAge = kmsseal.MostAge + 1 },
		"RequestTimeout": func(c *kmsseal.Config) { c.RequestTimeout = -1 },
		"CachedKeys":     func(c *kmsseal.Config) { c.CachedKeys = -1 },
		"PlainUntil":     func(c *kmsseal.Config) { c.SealFrom = time.Unix(1, 0) },
	} {
		cfg := kmsseal.Config{Client: client{}, KeyID: "one"}
		if _, err := kmsseal.New(cfg); err != nil {
			t.Fatal(err)
		}
		spoil(&cfg)
		if _, err := kmsseal.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v", field, err)
		}
	}
}
