package dynamolocal

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/btree"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// expiryLimit is how long ago an item may have expired to be deleted: longer ago
// is taken for a mistake, as in the service.
const expiryLimit = 5 * 365 * 24 * time.Hour

type updateTimeToLiveInput struct {
	TableName               *string
	TimeToLiveSpecification *timeToLiveSpecification
}

type timeToLiveSpecification struct {
	AttributeName *string
	Enabled       *bool
}

func (in updateTimeToLiveInput) tables() []string { return tableList(in.TableName) }

type updateTimeToLiveOutput struct {
	TimeToLiveSpecification timeToLiveSpecification
}

func (e *Engine) updateTimeToLive(in updateTimeToLiveInput, _ *usage) (any, error) {
	var v violations
	v.name("tableName", in.TableName)
	v.require("timeToLiveSpecification", in.TimeToLiveSpecification != nil)
	if spec := in.TimeToLiveSpecification; spec != nil {
		v.require("timeToLiveSpecification.enabled", spec.Enabled != nil)
		if spec.AttributeName == nil {
			v.require("timeToLiveSpecification.attributeName", false)
		} else {
			v.length("timeToLiveSpecification.attributeName", *spec.AttributeName, 1, maxNameLength)
		}
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.tables[*in.TableName]
	if !ok {
		return nil, tableNotFound(*in.TableName)
	}
	name, current := *in.TimeToLiveSpecification.AttributeName, t.definition.TimeToLive
	definition := t.definition
	switch enable := *in.TimeToLiveSpecification.Enabled; {
	case enable && current == name:
		return nil, validationf("TimeToLive is already enabled")
	case !enable && current == "":
		return nil, validationf("TimeToLive is already disabled")
	case current != "" && current != name:
		return nil, validationf("TimeToLive is active on a different AttributeName: current AttributeName is %s", current)
	case enable:
		definition.TimeToLive = name
	default:
		definition.TimeToLive = ""
	}
	if e.file != nil {
		if err := e.file.append(entry{Define: &definition}); err != nil {
			return nil, err
		}
	}
	t.define(definition)
	return &updateTimeToLiveOutput{TimeToLiveSpecification: *in.TimeToLiveSpecification}, nil
}

type describeTimeToLiveOutput struct {
	TimeToLiveDescription timeToLiveDescription
}

type timeToLiveDescription struct {
	AttributeName    string `json:",omitempty"`
	TimeToLiveStatus string
}

func (e *Engine) describeTimeToLive(in tableInput, _ *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, ok := e.tables[*in.TableName]
	if !ok {
		return nil, tableNotFound(*in.TableName)
	}
	description := timeToLiveDescription{TimeToLiveStatus: "DISABLED"}
	if t.definition.TimeToLive != "" {
		description = timeToLiveDescription{AttributeName: t.definition.TimeToLive, TimeToLiveStatus: "ENABLED"}
	}
	return &describeTimeToLiveOutput{TimeToLiveDescription: description}, nil
}

// sweepBatch is how many items a sweep deletes before it lets others go on.
const sweepBatch = 1000

// Sweep deletes the items whose time to live has passed, by the engine's clock,
// and returns how many. Until then they are there for every operation. As in the
// service an item expires only if the attribute is a number, of seconds since
// 1970, and if that is not longer than five years ago. Sweep also drops the
// request tokens whose time has passed. It stops with ctx's error when ctx is
// done. Other operations go on meanwhile: the engine is locked for a thousand
// items at a time.
func (e *Engine) Sweep(ctx context.Context) (deleted int, err error) {
	now := e.clock()
	e.mu.Lock()
	err = e.forgetTokens(now)
	names := slices.Sorted(maps.Keys(e.tables))
	e.mu.Unlock()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		for {
			if err := ctx.Err(); err != nil {
				return deleted, err
			}
			count, err := e.sweepTable(name, now)
			deleted += count
			if err != nil {
				return deleted, err
			}
			if count < sweepBatch {
				break
			}
		}
	}
	return deleted, nil
}

// sweepTable deletes up to sweepBatch expired items of a table.
func (e *Engine) sweepTable(name string, now time.Time) (deleted int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.tables[name]
	if !ok {
		return 0, nil
	}
	var deletions []change
	for r := range t.expiry.before(now) {
		if deletions = append(deletions, change{table: t, key: r.key}); len(deletions) == sweepBatch {
			break
		}
	}
	if len(deletions) == 0 {
		return 0, nil
	}
	return len(deletions), e.commit(deletions, nil)
}

// expiryOrder holds the records of a table that have a time of expiry, the
// earliest first.
type expiryOrder struct{ tree *btree.BTreeG[expiring] }

// expiring is a record with its time of expiry in seconds since 1970.
type expiring struct {
	expiry int64
	record *record
}

func newExpiryOrder() expiryOrder {
	return expiryOrder{tree: btree.NewG(degree, func(a, b expiring) bool {
		return cmp.Or(
			cmp.Compare(a.expiry, b.expiry),
			strings.Compare(a.record.key.hash, b.record.key.hash),
			compareSort(a.record.key.sort, b.record.key.sort),
		) < 0
	})}
}

// expiryOf returns the time of expiry that an item has in the attribute, and
// whether it has one.
func expiryOf(item attribute.Item, name string) (int64, bool) {
	number, ok := item[name].(attribute.Number)
	if !ok || name == "" {
		return 0, false
	}
	return number.Int64()
}

// replace puts a record, whose item was old, in the place that it has with the
// item added, by the attribute with the time of expiry. Either item may be nil,
// or have no such time.
func (o expiryOrder) replace(r *record, old, added attribute.Item, name string) {
	before, expired := expiryOf(old, name)
	after, expires := expiryOf(added, name)
	if expired == expires && before == after {
		return
	}
	if expired {
		o.tree.Delete(expiring{before, r})
	}
	if expires {
		o.tree.ReplaceOrInsert(expiring{after, r})
	}
}

// before returns the records that have expired by now, but not so long ago that
// they never do.
func (o expiryOrder) before(now time.Time) iter.Seq[*record] {
	earliest := expiring{now.Add(-expiryLimit).Unix() + 1, new(record)}
	return func(yield func(*record) bool) {
		o.tree.AscendGreaterOrEqual(earliest, func(e expiring) bool {
			return e.expiry < now.Unix() && yield(e.record)
		})
	}
}
