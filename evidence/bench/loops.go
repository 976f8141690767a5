package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

const (
	small  = 150
	medium = 4 << 10
	large  = 100 << 10
)

// paths are what each subject is asked to do.
var paths = map[string][]string{
	"ours":       {"first", "atomic", "first+write", "three-steps", "three-nested", "replay", "read-first", "cached", "cached-1k", "conflict"},
	"ours-tuned": {"first", "replay"},
	"sdk":        {"first", "atomic", "replay", "read-first"},
	"sdk-tuned":  {"first", "replay"},
	"http":       {"first", "atomic", "replay", "read-first"},
	"powertools": {"first", "replay", "cached"},
}

// batches are the paths of queues' batches, and how many of them a subject handles
// in a round. Of those in which nothing waits, all rounds together handle a
// thousand: ten thousand messages.
func (b *bench) batches(path string) int {
	switch path {
	case "batch":
		return b.messages / measure.BatchSize / b.rounds
	case "batch-100ms":
		return 5
	}
	return 0
}

// plan lists what is measured through the database.
func plan() (all []what) {
	for subject, of := range paths {
		for _, path := range of {
			for _, concurrency := range []int{1, 16} {
				all = append(all, what{subject, path, concurrency, small})
			}
		}
	}
	for _, subject := range []string{"ours", "powertools"} {
		for _, path := range []string{"batch", "batch-100ms"} {
			all = append(all, what{subject, path, 1, 0})
		}
	}
	for _, response := range []int{medium, large} {
		for _, subject := range []string{"ours", "ours-tuned", "sdk", "http", "powertools"} {
			for _, path := range []string{"first", "replay"} {
				all = append(all, what{subject, path, 1, response})
			}
		}
	}
	return all
}

// planMiddleware lists what is measured in a process, without a database, and what
// has records on the servers of Valkey and PostgreSQL, as far as there are any.
func (b *bench) planMiddleware() (all []what) {
	for _, subject := range []string{"middleware", "fiber"} {
		for _, path := range []string{"idle", "bare"} {
			all = append(all, what{subject, path, 1, small})
		}
	}
	subjects := []string{"middleware", "sealed", "fiber", "by-hand"}
	if b.valkey != nil {
		subjects = append(subjects, "valkey", "valkey-by-hand")
	}
	if b.postgres != nil {
		subjects = append(subjects, "postgres", "postgres-by-hand")
	}
	for _, subject := range subjects {
		for _, path := range []string{"first", "replay"} {
			for _, concurrency := range []int{1, 16} {
				all = append(all, what{subject, path, concurrency, small})
			}
		}
	}
	return all
}

// loops measures all of a plan once a round, each round in another order.
func (b *bench) loops(ctx context.Context, title string, all []what) error {
	all = slices.DeleteFunc(all, func(w what) bool {
		return !b.only.MatchString(fmt.Sprint(w.subject, " ", w.path, " ", w.concurrency, " ", w.response))
	})
	for round := range b.rounds {
		b.progress("%s: round %d of %d", title, round+1, b.rounds)
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		err := b.db.withTable(ctx, func(table string) error {
			for _, w := range all {
				if err := b.loop(w, table); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) loop(w what, table string) error {
	before, endpoint := b.db.usage(), b.db.endpoint
	switch {
	case onValkey(w):
		endpoint = b.valkey.socket
	case onPostgres(w):
		endpoint = b.postgres.url
	}
	result, err := b.processOf(w.subject).perform(measure.Task{
		Subject: w.subject, Path: w.path, Concurrency: w.concurrency, Response: w.response,
		Milliseconds: b.batch, Operations: b.batches(w.path), Endpoint: endpoint, Table: table,
	})
	if err != nil {
		return err
	}
	if result.Operations == 0 {
		return fmt.Errorf("%s %s: nothing was done in %d ms", w.subject, w.path, b.batch)
	}
	if b.results.loops[w] == nil {
		b.results.loops[w] = &figures{}
	}
	f := b.results.loops[w]
	f.add(result)
	if b.db.engine != nil && onDynamoDB(w) {
		f.charge(b.db.usage().since(before), result.Calls)
	}
	return nil
}

func (b *bench) processOf(subject string) *process {
	if subject == "powertools" {
		return b.node
	}
	return b.client
}

// cacheFull measures what a full cache of completed records takes in memory.
func (b *bench) cacheFull(ctx context.Context) error {
	b.progress("a full cache")
	return b.db.withTable(ctx, func(table string) error {
		result, err := b.client.perform(measure.Task{
			Subject: "cache", Concurrency: 1, Response: 8 << 10, Endpoint: b.db.endpoint, Table: table,
		})
		b.results.cache = result.Bytes
		return err
	})
}

// growth measures replays while the table grows.
func (b *bench) growth(ctx context.Context) error {
	if b.db.engine == nil {
		return nil // to fill another's table costs money
	}
	return b.db.withTable(ctx, func(table string) error {
		records := 0
		for _, n := range b.sizes {
			for records < n {
				next := min(n, records+250_000)
				b.progress("growth: filling the table up to %d records", next)
				if err := b.db.fill(ctx, table, records, next); err != nil {
					return err
				}
				records = next
			}
			f := &figures{}
			for range b.rounds {
				result, err := b.client.perform(measure.Task{
					Subject: "ours", Path: "replay", Concurrency: 1, Response: small,
					Milliseconds: b.batch, Endpoint: b.db.endpoint, Table: table,
				})
				if err != nil {
					return err
				}
				f.add(result)
			}
			b.results.growth = append(b.results.growth, grown{n, f})
		}
		return nil
	})
}
