package dynamolocal

import (
	"context"
	"time"

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
		if err := e.file.define(definition); err != nil {
			return nil, err
		}
	}
	t.definition = definition
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

// Sweep deletes the items whose time to live has passed, by the engine's clock,
// and reports how many. Until then they are there for every operation. As in the
// service an item expires only if the attribute is a number, of seconds since
// 1970, and if that is not longer than five years ago. Sweep also drops the
// request tokens whose time has passed. It stops when ctx is done.
func (e *Engine) Sweep(ctx context.Context) (deleted int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock()
	if err := e.forgetTokens(now); err != nil {
		return 0, err
	}
	for _, t := range e.tables {
		if err := ctx.Err(); err != nil {
			return deleted, err
		}
		expired := t.expired(now)
		if len(expired) == 0 {
			continue
		}
		if err := e.commit(expired, nil); err != nil {
			return deleted, err
		}
		deleted += len(expired)
	}
	return deleted, nil
}

// expired returns the deletions of the items whose time has passed.
func (t *table) expired(now time.Time) []change {
	if t.definition.TimeToLive == "" {
		return nil
	}
	var deletions []change
	latest, earliest := now.Unix(), now.Add(-expiryLimit).Unix()
	for r := range t.all(nil) {
		number, ok := r.item[t.definition.TimeToLive].(attribute.Number)
		if !ok {
			continue
		}
		if expiry, fits := number.Int64(); fits && expiry < latest && expiry > earliest {
			deletions = append(deletions, change{table: t, key: r.key})
		}
	}
	return deletions
}
