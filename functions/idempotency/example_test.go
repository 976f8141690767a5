package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/memstore"
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
			Token:     "5f0c9a52", // one per wish, made by whoever has it
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
			Token:     "tea",
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
	pay := func(token, card string) {
		verdict, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope:     idempotency.SharedScope(),
			Operation: "payments.create",
			Token:     token,
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
	charge := func(ctx context.Context) error {
		execution, _ := idempotency.FromContext(ctx)
		return chargeCard(ctx, execution.DerivedKey("charge"))
	}
	_ = charge
}

func chargeCard(context.Context, string) error { return nil }
