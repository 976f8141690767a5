// Command order takes an order. It has three effects, each of which happens once,
// whenever it is killed and however often it is started again with the same key.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// Order is what the customer is told.
type Order struct{ Charge, Parcel, Mail string }

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	store := idempotency.Must(dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotency"))
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store, Lease: 10 * time.Second}))

	order, _, err := idempotency.Do(ctx, guard, idempotency.Intent{
		Scope: idempotency.SharedScope(), Operation: "orders.create", Key: os.Args[1], Payload: "teapot",
	}, place)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.Charge, order.Parcel, order.Mail)
}

// place charges, ships and tells the customer. What an execution before this one
// has recorded is not done again.
func place(ctx context.Context) (o Order, err error) {
	if o.Charge, err = idempotency.Step(ctx, "charge", func(ctx context.Context) (string, error) {
		return ask(ctx, "charge", "12.50")
	}); err != nil {
		return o, err
	}
	if o.Parcel, err = idempotency.Step(ctx, "parcel", func(ctx context.Context) (string, error) {
		return ask(ctx, "parcel", o.Charge)
	}); err != nil {
		return o, err
	}
	o.Mail, err = idempotency.Step(ctx, "mail", func(ctx context.Context) (string, error) {
		return ask(ctx, "mail", o.Parcel)
	})
	return o, err
}

// ask has one of three systems do something. They take idempotency keys, which
// closes the gap between an effect and its record.
func ask(ctx context.Context, system, what string) (string, error) {
	execution, _ := idempotency.FromContext(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("SYSTEMS")+"/"+system, strings.NewReader(what))
	if err != nil {
		return "", err
	}
	request.Header.Set("Idempotency-Key", execution.DerivedKey(system))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}
