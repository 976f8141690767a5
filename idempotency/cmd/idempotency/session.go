package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
)

// session is one run of a command: how to reach the table, and which key is meant.
type session struct {
	streams
	table          string
	asJSON         bool
	cacheAge       time.Duration
	requestTimeout time.Duration
	kmsKey         string
	kmsContext     map[string]string

	operation, scope, clientKey string
	sharedScope                 bool

	store *dynamostore.Store
	guard *idempotency.Guard
	key   idempotency.Key
	now   time.Time
}

func (s *session) declare(flags *flag.FlagSet, takesKey bool) {
	flags.StringVar(&s.table, "table", s.getenv("IDEMPOTENCY_TABLE"), "`name` or ARN of the table; the variable IDEMPOTENCY_TABLE works too")
	flags.BoolVar(&s.asJSON, "json", false, "print JSON")
	flags.DurationVar(&s.requestTimeout, "request-timeout", 10*time.Second, "`time` that a request to the table may take")
	flags.StringVar(&s.kmsKey, "kms-key", "", "KMS `key` by which the application seals its results: its id, ARN or alias")
	flags.Func("kms-context", "encryption context of that key, `name=value`, if it is not that of kmsseal; may be given more than once", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errors.New("want name=value")
		}
		if s.kmsContext == nil {
			s.kmsContext = make(map[string]string)
		}
		s.kmsContext[name] = value
		return nil
	})
	if !takesKey {
		return
	}
	flags.StringVar(&s.operation, "operation", "", "`name` of the operation, in place of the id")
	flags.StringVar(&s.scope, "scope", "", "`principal` on whose behalf the key was used, as the application names it")
	flags.BoolVar(&s.sharedScope, "shared-scope", false, "the application has one scope for all callers")
	flags.StringVar(&s.clientKey, "key", "", "idempotency `key` that the client has sent")
	flags.DurationVar(&s.cacheAge, "cache-age", idempotency.DefaultCacheAge, "Config.CacheAge of the application's guards, a `time`")
}

// begin finds out which key is meant, and prepares the way to the table.
func (s *session) begin(ctx context.Context, positional []string, takesKey bool) error {
	if s.table == "" {
		return misused("which table? say --table, or set IDEMPOTENCY_TABLE")
	}
	if takesKey {
		if err := s.identify(positional); err != nil {
			return err
		}
	}
	s.now = time.Now()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if cfg.Region == "" {
		return misused("which Region? set AWS_REGION, or AWS_PROFILE to a profile that has one")
	}
	if s.requestTimeout <= 0 {
		return misused("--request-timeout: want a positive time")
	}
	s.store, err = dynamostore.New(dynamodb.NewFromConfig(cfg), s.table, dynamostore.RequestTimeout(s.requestTimeout))
	if err != nil {
		return err
	}
	guard := idempotency.Config{Store: s.store, CacheEntries: -1}
	switch {
	case s.kmsKey != "":
		guard.Seal, err = kmsseal.New(kmsseal.Config{
			Client: kms.NewFromConfig(cfg), KeyID: s.kmsKey, Context: s.kmsContext, RequestTimeout: min(s.requestTimeout, time.Minute),
		})
		if err != nil {
			return err
		}
	case s.kmsContext != nil:
		return misused("--kms-context: of which key? say --kms-key")
	}
	s.guard, err = idempotency.New(guard)
	return err
}

func (s *session) identify(positional []string) (err error) {
	parts := s.operation != "" || s.scope != "" || s.sharedScope || s.clientKey != ""
	switch {
	case parts && len(positional) > 0:
		return misused("the key is given twice: by its id, and by its parts")
	case len(positional) > 1:
		return misused("one id at a time, not %d", len(positional))
	case len(positional) == 1:
		if s.key, err = idempotency.KeyFromID(positional[0]); err != nil {
			return misused("%v", err)
		}
		return nil
	case !parts:
		return misused("which key? say its id, which logs and metrics name, or --operation, --scope and --key")
	case s.sharedScope == (s.scope != ""):
		return misused("say either --scope or --shared-scope")
	}
	scope := idempotency.SharedScope()
	if !s.sharedScope {
		if scope, err = idempotency.NewScope(s.scope); err != nil {
			return misused("--scope: %v", err)
		}
	}
	if s.key, err = idempotency.NewKey(scope, s.operation, s.clientKey); err != nil {
		return misused("--operation and --key: %v", err)
	}
	return nil
}

// look returns the key's record, nil if the key is free. A result that does not open
// is shown without it.
func (s *session) look(ctx context.Context) (*idempotency.Record, error) {
	return s.guard.Look(ctx, s.key)
}

// confirm asks whether to go on.
func (s *session) confirm(question string) error {
	fmt.Fprintf(s.err, "%s Type yes to go on: ", question)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(s.err)
	}
	return errors.New("not confirmed; nothing was changed")
}

func (s *session) printJSON(value any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// explain returns err as an operator is told of it.
func explain(err error) error {
	var running *idempotency.InProgressError
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)):
		return errors.New("there is no such table in this account and Region")
	case errors.Is(err, idempotency.ErrNoRecord):
		return errors.New("the key is free: it has no record, or its window has passed; nothing was changed")
	case errors.Is(err, idempotency.ErrCompleted):
		return errors.New("a result is recorded for the key; nothing was changed. \"idempotency show\" shows it")
	case errors.Is(err, idempotency.ErrChanged):
		return errors.New("the record has changed since it was shown; nothing was changed. Look again")
	case errors.As(err, &running):
		return fmt.Errorf("an execution holds the key for another %v at most; nothing was changed. Wait, and look again", running.RetryAfter.Round(time.Second))
	}
	return err
}
