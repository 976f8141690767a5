package dynamolocal

import (
	"fmt"
)

// Limits of transactions.
const (
	maxActions          = 100
	maxTransactionBytes = 4 << 20
)

type transactWriteItemsInput struct {
	TransactItems               []transactWriteItem
	ClientRequestToken          *string
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// transactWriteItem is one action: exactly one of its members is there.
type transactWriteItem struct {
	ConditionCheck *keyedAction
	Put            *putAction
	Delete         *keyedAction
	Update         *updateAction
}

type putAction struct {
	writeParameters
	Item map[string]any
}

type keyedAction struct {
	writeParameters
	Key map[string]any
}

type updateAction struct {
	keyedAction
	UpdateExpression *string
}

func (in transactWriteItemsInput) actions() int { return len(in.TransactItems) }

func (in transactWriteItemsInput) tables() []string {
	var names []string
	for _, item := range in.TransactItems {
		for _, parameters := range item.members() {
			names = append(names, parameters.tables()...)
		}
	}
	return names
}

// members returns the parameters of the action, or of several if the request is
// wrong.
func (i transactWriteItem) members() []writeParameters {
	var present []writeParameters
	if i.ConditionCheck != nil {
		present = append(present, i.ConditionCheck.writeParameters)
	}
	if i.Put != nil {
		present = append(present, i.Put.writeParameters)
	}
	if i.Delete != nil {
		present = append(present, i.Delete.writeParameters)
	}
	if i.Update != nil {
		present = append(present, i.Update.writeParameters)
	}
	return present
}

type transactOutput struct {
	ConsumedCapacity []consumedCapacity `json:",omitempty"`
}

func (e *Engine) transactWriteItems(in transactWriteItemsInput, consumed *usage) (any, error) {
	consumed.split = true
	if err := in.check(); err != nil {
		return nil, err
	}
	writes, err := e.prepareAll(in.TransactItems)
	if err != nil {
		return nil, err
	}
	fingerprint, err := in.fingerprint()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock()
	remembered, replayed := e.tokens[in.token()]
	if replayed && now.Before(remembered.Expires) && remembered.Fingerprint != fingerprint {
		return nil, &exception{name: idempotentParameterMismatch, message: "The request uses the same client token as a previous, " +
			"but non-identical request. Do not reuse a client token with different requests, unless the requests are identical"}
	}
	if err := locateAll(e, writes); err != nil {
		return nil, err
	}
	if replayed && now.Before(remembered.Expires) {
		for _, read := range remembered.Reads {
			consumed.add(read.Table, units{read: read.Units})
		}
		return &transactOutput{ConsumedCapacity: consumed.report(in.ReturnConsumedCapacity)}, nil
	}
	done, err := evaluateAll(writes, consumed)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, outcome := range done {
		changes = append(changes, outcome.changes()...)
	}
	var remember *token
	if in.ClientRequestToken != nil {
		remember = &token{Token: in.token(), Fingerprint: fingerprint, Expires: now.Add(tokenWindow)}
		for _, outcome := range done {
			remember.Reads = append(remember.Reads, outcome.replayUnits())
		}
	}
	if err := e.commit(changes, remember); err != nil {
		return nil, err
	}
	for _, outcome := range done {
		outcome.consume(consumed, transactionFactor)
	}
	return &transactOutput{ConsumedCapacity: consumed.report(in.ReturnConsumedCapacity)}, nil
}

// check checks the parameters.
func (in transactWriteItemsInput) check() error {
	var v violations
	v.returnConsumedCapacity(in.ReturnConsumedCapacity)
	v.returnItemCollectionMetrics(in.ReturnItemCollectionMetrics)
	if in.ClientRequestToken != nil {
		v.length("clientRequestToken", *in.ClientRequestToken, 1, maxTokenLength)
	}
	if in.TransactItems == nil {
		v.require("transactItems", false)
	} else {
		v.count("transactItems", len(in.TransactItems), 1, maxActions)
	}
	for i, item := range in.TransactItems {
		item.check(&v, fmt.Sprintf("transactItems.%d.member.", i+1))
	}
	if err := v.err(); err != nil {
		return err
	}
	for _, item := range in.TransactItems {
		switch len(item.members()) {
		case 1:
		case 0:
			return validationf("The action or operation requested is invalid. Verify that the action is typed correctly.")
		default:
			return validationf("TransactItems can only contain one of Check, Put, Update or Delete")
		}
	}
	return nil
}

func (i transactWriteItem) check(v *violations, prefix string) {
	action := func(name, content string, present bool, p writeParameters) {
		v.require(prefix+name+"."+content, present)
		v.name(prefix+name+".tableName", p.TableName)
		v.returnOnFailure(prefix+name+".returnValuesOnConditionCheckFailure", p.ReturnValuesOnConditionCheckFailure)
	}
	if check := i.ConditionCheck; check != nil {
		action("conditionCheck", "key", check.Key != nil, check.writeParameters)
		v.require(prefix+"conditionCheck.conditionExpression", check.ConditionExpression != nil)
	}
	if put := i.Put; put != nil {
		action("put", "item", put.Item != nil, put.writeParameters)
	}
	if deletion := i.Delete; deletion != nil {
		action("delete", "key", deletion.Key != nil, deletion.writeParameters)
	}
	if update := i.Update; update != nil {
		action("update", "key", update.Key != nil, update.writeParameters)
		v.require(prefix+"update.updateExpression", update.UpdateExpression != nil)
	}
}

// prepareAll prepares the actions and checks what the request alone shows.
func (e *Engine) prepareAll(items []transactWriteItem) ([]*write, error) {
	writes := make([]*write, len(items))
	size := 0
	for i, item := range items {
		var err error
		switch {
		case item.Put != nil:
			writes[i], err = e.preparePut(item.Put.writeParameters, item.Put.Item)
		case item.Update != nil:
			writes[i], err = e.prepareUpdate(item.Update.writeParameters, item.Update.Key, item.Update.UpdateExpression)
		case item.Delete != nil:
			writes[i], err = e.prepareDelete(item.Delete.writeParameters, item.Delete.Key)
		default:
			writes[i], err = e.prepareCheck(item.ConditionCheck.writeParameters, item.ConditionCheck.Key)
		}
		if err != nil {
			return nil, err
		}
		size += writes[i].item.Size()
	}
	return writes, checkTransactionSize(size)
}

func checkTransactionSize(size int) error {
	if size > maxTransactionBytes {
		return validationf("Transaction size has exceeded the maximum allowed size of 4 MB")
	}
	return nil
}

// locateAll finds the tables and keys, and refuses two actions on one item. The
// caller holds the lock.
func locateAll(e *Engine, writes []*write) error {
	reasons := newReasons(len(writes))
	for i, w := range writes {
		if err := reasons.note(i, w.locate(e)); err != nil {
			return err
		}
		// Of several items that do not suit their tables only the first is named.
		if err := reasons.err(); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		key := w.tableName + "/" + w.key.encode()
		if seen[key] {
			return validationf("Transaction request cannot include multiple operations on one item")
		}
		seen[key] = true
	}
	return nil
}

// evaluateAll evaluates the actions against the items as they are. If one of
// them fails all fail, each for its own reason or for none.
func evaluateAll(writes []*write, consumed *usage) ([]*outcome, error) {
	reasons := newReasons(len(writes))
	outcomes := make([]*outcome, len(writes))
	size := 0
	for i, w := range writes {
		done, err := w.evaluate()
		if err := reasons.note(i, err); err != nil {
			return nil, err
		}
		outcomes[i] = done
		if done != nil && done.item != nil {
			size += done.item.Size()
		}
	}
	err := reasons.err()
	if err == nil {
		err = checkTransactionSize(size)
	}
	if err == nil {
		return outcomes, nil
	}
	for _, w := range writes {
		// A cancelled transaction costs what it read.
		_, size := (&get{table: w.table, key: w.key}).read()
		consumed.add(w.tableName, units{write: transactionFactor * writeUnits(size, 0)})
	}
	return nil, err
}
