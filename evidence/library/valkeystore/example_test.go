package valkeystore_test

import (
	"context"
	"log"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

// With go-redis: any of its clients, for one server, a cluster or Sentinel.
func ExampleNew() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 []string{"records.example.com:6379"},
		ContextTimeoutEnabled: true, // without this it does not heed the contexts' deadlines
	})
	scripts := make(map[string]*redis.Script)
	for _, text := range valkeystore.Scripts() {
		scripts[text] = redis.NewScript(text) // hashed here, and not at every call
	}
	store, err := valkeystore.New(func(ctx context.Context, script, key string, args []string) (any, error) {
		return scripts[script].Run(ctx, client, []string{key}, args).Result()
	})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // hand it to idemhttp.New
}

// With valkey-go. Scripts may be repeated: a step that was taken already succeeds again.
func ExampleNew_valkeyGo() {
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{"records.example.com:6379"}})
	if err != nil {
		log.Fatal(err)
	}
	scripts := make(map[string]*valkey.Lua)
	for _, text := range valkeystore.Scripts() {
		scripts[text] = valkey.NewLuaScriptRetryable(text) // hashed here, and not at every call
	}
	store, err := valkeystore.New(func(ctx context.Context, script, key string, args []string) (any, error) {
		return scripts[script].Exec(ctx, client, []string{key}, args).ToAny()
	})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // hand it to idemhttp.New
}
