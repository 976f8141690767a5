package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/gofiber/fiber/v3"
	fiberidempotency "github.com/gofiber/fiber/v3/middleware/idempotency"
	"github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

// prepareMiddleware sends requests to a handler in the process, through the
// middleware or without it: the difference is its overhead. A first call is to be
// compared with "bare", which runs the handler, and a replay with "idle", where
// the handler does no more than a replay has it do, which is nothing. Both keep
// what they remember in memory. A request is prepared as the server that the
// middleware is made for would hand it over.
func prepareMiddleware(task measure.Task) (operation, error) {
	serve := serveNetHTTP
	if task.Subject == "fiber" {
		serve = serveFiber
	}
	send, err := serve(task)
	if err != nil {
		return nil, err
	}
	operate := func(_ context.Context, i int) error {
		if task.Path != "first" {
			i = 0
		}
		return send(fmt.Sprintf("8e03978e-40d5-43dd-bc93-%012d", i)) // Fiber takes nothing but UUIDs
	}
	if task.Path != "replay" {
		return operate, nil
	}
	return operate, operate(context.Background(), 0) // so that the others find a response
}

func serveNetHTTP(task measure.Task) (func(key string) error, error) {
	response := answer(task.Response)
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(response)
	})
	switch task.Path {
	case "bare":
	case "idle":
		response = nil
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	default:
		var err error
		if handler, err = protected(task, handler); err != nil {
			return nil, err
		}
	}
	template, err := http.NewRequest(http.MethodPost, "http://localhost/payments", bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	return func(key string) error {
		r := *template
		r.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}}
		r.Body = io.NopCloser(bytes.NewReader(request))
		w := sink{header: make(http.Header)}
		handler.ServeHTTP(&w, &r)
		return expect(w.status == http.StatusCreated && w.n == len(response), nil)
	}, nil
}

// keys is a KMS that answers at once: its own time is no part of what is measured,
// because a process asks it every few minutes only.
type keys struct{ kmsseal.Client }

func (keys) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return &kms.GenerateDataKeyOutput{Plaintext: make([]byte, 32), CiphertextBlob: make([]byte, 184)}, nil
}

// protected returns the handler behind our middleware or that by hand.
func protected(task measure.Task, handler http.Handler) (http.Handler, error) {
	visitor := rand.Text() // of this task alone: the server keeps what others have asked for
	byHandScope := func(*http.Request) (string, error) { return visitor, nil }
	config := idempotency.Config{Store: memstore.New()}
	switch task.Subject {
	case "by-hand":
		return &byHand{handler, byHandScope, &byHandMemory{records: make(map[string]byHandEntry)}}, nil
	case "sealed":
		sealer, err := kmsseal.New(kmsseal.Config{Client: keys{}, KeyID: "one"})
		if err != nil {
			return nil, err
		}
		config.Seal = sealer
	case "valkey", "valkey-by-hand":
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: task.Endpoint, ContextTimeoutEnabled: true, PoolSize: 32})
		if task.Subject == "valkey-by-hand" {
			return &byHand{handler, byHandScope, byHandValkey{client}}, nil
		}
		scripts := make(map[string]*redis.Script)
		for _, text := range valkeystore.Scripts() {
			scripts[text] = redis.NewScript(text)
		}
		store, err := valkeystore.New(func(ctx context.Context, script, key string, args []string) (any, error) {
			return scripts[script].Run(ctx, client, []string{key}, args).Result()
		})
		if err != nil {
			return nil, err
		}
		config = idempotency.Config{Store: store, CacheEntries: -1} // replays come from the server, too
	case "postgres-by-hand":
		records, err := newByHandPostgres(task.Endpoint)
		return &byHand{handler, byHandScope, records}, err
	case "postgres":
		store, err := newPostgresStore(task.Endpoint)
		if err != nil {
			return nil, err
		}
		config = idempotency.Config{Store: store, CacheEntries: -1}
	}
	guard, err := idempotency.New(config)
	if err != nil {
		return nil, err
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(*http.Request) (idempotency.Scope, error) { return idempotency.NewScope(visitor) },
	})
	if err != nil {
		return nil, err
	}
	return protect(handler), nil
}

// sink is a response that goes nowhere.
type sink struct {
	header    http.Header
	status, n int
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.n += len(p)
	return len(p), nil
}

func serveFiber(task measure.Task) (func(key string) error, error) {
	response := answer(task.Response)
	app := fiber.New()
	answering := func(c fiber.Ctx) error {
		_ = c.Body()
		c.Set("Content-Type", "application/json")
		return c.Status(fiber.StatusCreated).Send(response)
	}
	switch task.Path {
	case "bare":
	case "idle":
		response = nil
		answering = func(c fiber.Ctx) error {
			c.Status(fiber.StatusCreated)
			return nil
		}
	default:
		app.Use(fiberidempotency.New(fiberidempotency.Config{KeyHeader: "Idempotency-Key"}))
	}
	app.Post("/payments", answering)
	handler := app.Handler()
	return func(key string) error {
		var c fasthttp.RequestCtx
		c.Request.Header.SetMethod(fiber.MethodPost)
		c.Request.SetRequestURI("/payments")
		c.Request.Header.Set("Content-Type", "application/json")
		c.Request.Header.Set("Idempotency-Key", key)
		c.Request.SetBodyRaw(request)
		handler(&c)
		return expect(c.Response.StatusCode() == fiber.StatusCreated && len(c.Response.Body()) == len(response), nil)
	}, nil
}
