package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// Any function can be executed once per key.
func ExampleGuard_Do() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	scope, err := idempotency.NewScope("alice")
	if err != nil {
		log.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "mails.send", "welcome")
	if err != nil {
		log.Fatal(err)
	}

	send := func(text string) {
		request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte(text))}
		outcome, err := guard.Do(context.Background(), request, func(ctx context.Context) (idempotency.Result, error) {
			fmt.Println("sending", text)
			return idempotency.Result{Data: []byte("sent")}, nil
		})
		switch {
		case errors.Is(err, idempotency.ErrPayloadMismatch):
			fmt.Println("the key belongs to another mail")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Printf("%s, replayed: %v\n", outcome.Data, outcome.Replayed)
		}
	}
	send("hello")
	send("hello")
	send("good bye")
	// Output:
	// sending hello
	// sent, replayed: false
	// sent, replayed: true
	// the key belongs to another mail
}

// A function that returns a value is executed once per key in one call.
func ExampleDo() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	alice, err := idempotency.NewScope("alice") // who is asking
	if err != nil {
		log.Fatal(err)
	}

	type Receipt struct{ Number int }
	printed := 0
	buy := func(article string) (Receipt, error) {
		receipt, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope:     alice,
			Operation: "articles.buy",
			Key:       "5f0c9a52", // one per intent, made by the caller
			Payload:   article,
		}, func(ctx context.Context) (Receipt, error) {
			printed++
			return Receipt{Number: printed}, nil
		})
		return receipt, err
	}
	fmt.Println(buy("tea"))
	fmt.Println(buy("tea"))
	fmt.Println(buy("coffee")) // another wish needs a token of its own
	// Output:
	// {1} <nil>
	// {1} <nil>
	// {0} idempotency: the key was used with another payload
}

// A token made of the payload cannot tell a retry from a wish that somebody has
// twice. Here the second cup of tea is never bought.
func ExampleDo_contentAsToken() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	cups := 0
	for range 2 { // two cups are wanted
		_, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope:     idempotency.SharedScope(), // and whoever else wants tea is not served, either
			Operation: "articles.buy",
			Key:       "tea",
			Payload:   "tea",
		}, func(ctx context.Context) (int, error) {
			cups++
			return cups, nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("cups:", cups)
	// Output:
	// cups: 1
}

// A refusal that retries are to be given as well is a result. An error is
// forgotten: where it came before any effect, Discard says so.
func ExampleDiscard() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Recovery: idempotency.Refuse})
	if err != nil {
		log.Fatal(err)
	}
	type Verdict struct{ Paid bool }
	pay := func(key, card string) {
		verdict, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope:     idempotency.SharedScope(),
			Operation: "payments.create",
			Key:       key,
			Payload:   card,
		}, func(ctx context.Context) (Verdict, error) {
			switch card {
			case "":
				return Verdict{}, idempotency.Discard(errors.New("no card")) // a retry runs again
			case "empty":
				return Verdict{Paid: false}, nil // a retry is told the same
			}
			return Verdict{}, errors.New("the bank hung up") // who knows?
		})
		fmt.Println(verdict, err)
	}
	pay("k1", "")
	pay("k1", "empty")
	pay("k1", "empty")
	pay("k2", "gold")
	pay("k2", "gold")
	// Output:
	// {false} no card
	// {false} <nil>
	// {false} <nil>
	// {false} the bank hung up
	// {false} idempotency: an earlier execution was interrupted; its outcome is unknown
}

// A downstream system that takes idempotency keys gets one that is the same for
// every execution of this key. Then even an execution that is repeated after a
// crash has its effect there once.
func ExampleExecution_DerivedKey() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	charges := make(map[string]int) // a bank that knows keys
	pay := func() error {
		_, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "payments.create", Key: "k1", Payload: 1250,
		}, func(ctx context.Context) (string, error) {
			execution, _ := idempotency.FromContext(ctx)
			charges[execution.DerivedKey("charge")] = 1250
			return "", errors.New("no memory left") // it was charged all the same
		})
		return err
	}
	fmt.Println(pay())
	fmt.Println(pay())
	fmt.Println("charges:", len(charges))
	// Output:
	// no memory left
	// no memory left
	// charges: 1
}

// A guard is not made of what cannot work.
func ExampleNew() {
	for _, cfg := range []idempotency.Config{
		{},
		{Store: memstore.New(), Window: time.Second},
		{Store: memstore.New(), Mode: idempotency.Atomic},
	} {
		_, err := idempotency.New(cfg)
		fmt.Println(err)
	}
	// Output:
	// idempotency: Config.Store is missing
	// idempotency: Config.Window (1s) is shorter than a lease and its skew allowance (1m5s): a key would be forgotten while it runs
	// idempotency: Config.Mode is Atomic, but Config.Store is no AtomicStore
}

// None of a key's parts can be left out: records of strangers would be one.
func ExampleNewKey() {
	alice, err := idempotency.NewScope("alice")
	if err != nil {
		log.Fatal(err)
	}
	key, err := idempotency.NewKey(alice, "payments.create", "k1")
	fmt.Println(key.ID(), err)

	_, err = idempotency.NewKey(idempotency.Scope{}, "payments.create", "k1")
	fmt.Println(err)
	_, err = idempotency.NewKey(alice, "payments.create", "")
	fmt.Println(err)
	_, err = idempotency.NewScope("")
	fmt.Println(err)
	// Output:
	// payments.create#a4fufuIDUHKZT46A2uCdahCJGSU3fs0oIiovjJCU00g <nil>
	// idempotency: key: the scope is empty; use NewScope or, knowingly, SharedScope
	// idempotency: key: the idempotency key is empty or blank
	// idempotency: scope: the principal is empty or blank
}

// What happens to calls is told to an observer, for logs and metrics.
func ExampleNewSlogObserver() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: onlyOutcome}))
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Observer: idempotency.NewSlogObserver(logger)})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		_, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "mails.send", Key: "k1", Payload: "hello",
		}, func(context.Context) (string, error) { return "sent", nil })
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// level=INFO msg=idempotency outcome=executed operation=mails.send
	// level=INFO msg=idempotency outcome=replayed operation=mails.send
}

// onlyOutcome leaves out of a log what differs from run to run.
func onlyOutcome(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.LevelKey, slog.MessageKey, "outcome", "operation":
		return a
	}
	return slog.Attr{}
}
