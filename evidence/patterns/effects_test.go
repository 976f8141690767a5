package patterns_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// Receipt is what a buyer gets.
type Receipt struct{ Text string }

func newAtomicGuard(cfg aws.Config) (*idempotency.Guard, error) {
	store, err := dynamostore.NewAtomic(dynamodb.NewFromConfig(cfg), "idempotency")
	if err != nil {
		return nil, err
	}
	return idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic})
}

// takeOne plans to take one article from the stock.
func takeOne(article string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:                 aws.String("articles"),
		Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: article}},
		UpdateExpression:          aws.String("SET stock = stock - :one"),
		ConditionExpression:       aws.String("stock >= :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
	}}
}

func sell(ctx context.Context, article string) (Receipt, error) {
	plan, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		return Receipt{}, err
	}
	if _, refused := plan.Refused("stock"); refused {
		return Receipt{"out of stock"}, nil // this answer is recorded, and nothing is taken
	}
	return Receipt{"one " + article}, plan.Plan("stock", takeOne(article))
}

// In atomic mode the effect and the record are one transaction.
func Example_atomic() {
	cfg, stop := startAWS()
	defer stop()
	guard, err := newAtomicGuard(cfg)
	if err != nil {
		log.Fatal(err)
	}
	_, err = dynamodb.NewFromConfig(cfg).PutItem(context.Background(), &dynamodb.PutItemInput{
		TableName: aws.String("articles"),
		Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: "teapot"}, "stock": &types.AttributeValueMemberN{Value: "1"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"k1", "k1", "k2", "k2"} {
		receipt, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "articles.sell", Key: key, Payload: "teapot",
		}, func(ctx context.Context) (Receipt, error) { return sell(ctx, "teapot") })
		fmt.Println(receipt.Text, outcome.Replayed, err)
	}
	// Output:
	// one teapot false <nil>
	// one teapot true <nil>
	// out of stock false <nil>
	// out of stock true <nil>
}

// ledger remembers charges by the key they came with.
type ledger struct{ charges map[string]int }

func (b *ledger) charge(key string, amount int) error {
	if _, known := b.charges[key]; !known {
		b.charges[key] = amount
	}
	if amount == 13 {
		return errors.New("connection lost") // but the charge is made
	}
	return nil
}

func (b *ledger) find(key string) (amount int, found bool) {
	amount, found = b.charges[key]
	return amount, found
}

// Reconciliation asks the bank what became of a charge.
func Example_reconcile() {
	guard := newMemoryGuard(idempotency.Config{Recovery: idempotency.Reconcile})
	bank := &ledger{charges: map[string]int{}}
	alice, err := idempotency.NewScope("alice")
	if err != nil {
		log.Fatal(err)
	}

	charge := func(ctx context.Context, key string, amount int) (Receipt, error) {
		receipt, _, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope:     alice,
			Operation: "payments.create",
			Key:       key,
			Payload:   amount,
			Reconcile: func(ctx context.Context) (idempotency.Reconciliation, error) {
				execution, _ := idempotency.FromContext(ctx)
				charged, found := bank.find(execution.DerivedKey("charge"))
				if !found {
					return idempotency.Reconciliation{}, nil // it is executed again
				}
				return idempotency.CompletedWith(Receipt{fmt.Sprint("charged ", charged)})
			},
		}, func(ctx context.Context) (Receipt, error) {
			execution, _ := idempotency.FromContext(ctx)
			err := bank.charge(execution.DerivedKey("charge"), amount)
			return Receipt{fmt.Sprint("charged ", amount)}, err
		})
		return receipt, err
	}

	fmt.Println(charge(context.Background(), "k1", 13))
	fmt.Println(charge(context.Background(), "k1", 13))
	fmt.Println("charges:", len(bank.charges))
	// Output:
	// {charged 13} connection lost
	// {charged 13} <nil>
	// charges: 1
}

// Each effect has a key of its own, the same in every execution.
func Example_severalEffects() {
	guard := newMemoryGuard(idempotency.Config{})
	bank := &ledger{charges: map[string]int{}}
	mails := &ledger{charges: map[string]int{}}
	attempts := 0
	pay := func() error {
		_, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "payments.create", Key: "k1", Payload: 1250,
		}, func(ctx context.Context) (Receipt, error) {
			execution, _ := idempotency.FromContext(ctx)
			if err := bank.charge(execution.DerivedKey("charge"), 1250); err != nil {
				return Receipt{}, err
			}
			if attempts++; attempts == 1 {
				return Receipt{}, errors.New("out of memory")
			}
			if err := mails.charge(execution.DerivedKey("receipt"), 1); err != nil {
				return Receipt{}, err
			}
			return Receipt{"charged 1250"}, nil
		})
		return err
	}
	fmt.Println(pay())
	fmt.Println(pay())
	fmt.Println("charges:", len(bank.charges), "mails:", len(mails.charges))
	// Output:
	// out of memory
	// <nil>
	// charges: 1 mails: 1
}
