package kmsseal_test

import (
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A service that has recorded results as they are, and will seal them from a time on
// at which all of its processes can open them.
func Example() {
	rollout := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	var cfg aws.Config // of the SDK, as config.LoadDefaultConfig returns it
	sealer, err := kmsseal.New(kmsseal.Config{
		Client:     kms.NewFromConfig(cfg),
		KeyID:      "alias/idempotency",
		Context:    map[string]string{"purpose": "idempotency", "stage": "live"},
		SealFrom:   rollout,
		PlainUntil: rollout.Add(idempotency.DefaultWindow),
	})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Seal: sealer})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // protects handlers, consumers and functions as ever
	// Output:
}
