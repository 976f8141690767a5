package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

func main() {
	options := idempotency.Must(redis.ParseURL(os.Getenv("VALKEY_URL")))
	options.ContextTimeoutEnabled = true // without this it does not heed the contexts' deadlines
	client := redis.NewClient(options)
	scripts := make(map[string]*redis.Script)
	for _, text := range valkeystore.Scripts() {
		scripts[text] = redis.NewScript(text) // hashed here, and not at every call
	}
	store := idempotency.Must(valkeystore.New(func(ctx context.Context, script, key string, args []string) (any, error) {
		return scripts[script].Run(ctx, client, []string{key}, args).Result()
	}))
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store}))

	sent := 0
	for range 2 {
		number, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope:     idempotency.SharedScope(),
			Operation: "mails.send",
			Key:       "welcome-alice",
			Payload:   "Welcome!",
		}, func(context.Context) (int, error) {
			sent++ // the effect that must happen once
			return sent, nil
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(number, outcome.Replayed)
	}
}
