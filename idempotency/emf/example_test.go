package emf_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/emf"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// Each outcome becomes a line from which CloudWatch makes metrics.
func ExampleNewObserver() {
	var lines bytes.Buffer // os.Stdout, in Lambda
	metrics, err := emf.NewObserver(&lines, emf.Config{Namespace: "Shop", Dimensions: map[string]string{"stage": "test"}})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Observer: metrics})
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
	for decoder := json.NewDecoder(&lines); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			log.Fatal(err)
		}
		fmt.Println(line["operation"], line["outcome"], line["stage"], line["Count"])
	}
	// Output:
	// mails.send executed test 1
	// mails.send replayed test 1
}
