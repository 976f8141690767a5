// Command operating ends a payment that was interrupted. It is called with the id of
// the record, and with the number of the receipt, or "none" if nothing was charged.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

func main() {
	ctx := context.Background()
	client := dynamodb.NewFromConfig(idempotency.Must(config.LoadDefaultConfig(ctx)))
	store := idempotency.Must(dynamostore.New(client, "idempotency")) // or that of another store
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store}))

	key := idempotency.Must(idempotency.KeyFromID(os.Args[1]))
	record, err := guard.Look(ctx, key)
	switch {
	case err != nil:
		log.Fatal(err)
	case record == nil:
		log.Fatal("the key is free")
	case !record.Interrupted(time.Now()):
		log.Fatalf("it was not interrupted: %s", record.Status)
	}

	if os.Args[2] == "none" { // the next retry executes
		err = guard.Forget(ctx, key, idempotency.IfSeen(*record))
	} else { // the next retry gets this receipt
		receipt := idempotency.Must(json.Marshal(map[string]string{"number": os.Args[2]}))
		err = guard.Settle(ctx, key, idempotency.Result{Data: receipt}, idempotency.IfSeen(*record))
	}
	if err != nil {
		log.Fatal(err) // idempotency.ErrChanged if a retry was faster
	}
	fmt.Println("done")
}
