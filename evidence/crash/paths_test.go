package crash_test

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// path is a way through the protocol.
type path struct {
	name string
	// before is what has happened before the request.
	before func(*world)
	// request is what is asked of the process that is looked at.
	request request
	// run is its operation. Retries and duplicates just pay.
	run script
	// wait and maxResult configure the guards.
	wait      time.Duration
	maxResult int
	// steps is how many steps the operation has, 0 for none. Its retries and duplicates
	// have as many.
	steps int
	// everywhere has a path with steps measured on each kind of store that keeps steps,
	// and not in memory alone.
	everywhere bool
	// size is how large results are, in bytes; 0 for as small as can be.
	size int
	// conflict makes the first transaction meet another one.
	conflict bool
}

// script is an operation.
type script func(*process, context.Context) (idempotency.Result, error)

const (
	// large results take two items beside the record.
	large       = 380<<10 + 1
	refusedPath = "first call, refused and planned again"
	// smallLimit is below the size of every receipt.
	smallLimit = 8
)

var (
	call = request{caller: alice, payload: original}

	effectPoint     = point{label: "effect", n: 1}
	recordStepPoint = point{label: stepRecordStep, n: 1, store: true}
	completePoint   = point{label: stepComplete, n: 1, store: true}
)

// leasedPaths are the ways through leased mode.
var leasedPaths = []path{
	{name: "first call", request: call, run: pay},
	{name: "first call, with a deadline", request: request{caller: alice, payload: original, deadline: 10 * time.Second}, run: pay},
	{name: "first call after the window", before: expired, request: call, run: pay},
	{name: "first call that says it is a retry", request: request{caller: alice, payload: original, hint: true}, run: pay},
	{name: "first call, renewing its lease", request: call, run: slowly},
	{name: "first call, response beside the record", request: call, run: pay, size: large},
	{name: "first call, response too large to keep", request: call, run: pay, maxResult: smallLimit},
	{name: "nothing done, key released", request: call, run: discard},
	{name: "error before the effect", request: call, run: failing(declines, false)},
	{name: "error after the effect", request: call, run: failing(declines, true)},
	{name: "panic before the effect", request: call, run: failing(panics, false)},
	{name: "panic after the effect", request: call, run: failing(panics, true)},
	{name: "nothing returned once its context has ended", request: request{caller: alice, payload: original, deadline: 10 * time.Second}, run: silently},
	{name: "duplicate", before: completed, request: call, run: pay},
	{name: "duplicate that says so (read first)", before: completed, request: request{caller: alice, payload: original, hint: true}, run: pay},
	{name: "duplicate, response beside the record", before: completed, request: call, run: pay, size: large},
	{name: "duplicate of a response that was not kept", before: completed, request: call, run: pay, maxResult: smallLimit},
	{name: "other payload", before: completed, request: request{caller: alice, payload: other}, run: pay},
	{name: "other payload while the first runs", before: runs(10*time.Second, pay), request: request{caller: alice, payload: other}, run: pay},
	{name: "duplicate while the first runs", before: runs(10*time.Second, pay), request: call, run: pay},
	// The times are such that the second poll, and no other, finds the end, and that
	// the wait is longer than any pause of the SDK.
	{name: "duplicate that waits for the first", before: runs(30*time.Millisecond, pay), request: call, run: pay, wait: 20 * time.Second},
	{name: "duplicate that waits, first one releases", before: runs(30*time.Millisecond, discard), request: call, run: pay, wait: 20 * time.Second},
	{name: "duplicate that waits in vain", before: runs(10*time.Second, pay), request: call, run: pay, wait: 30 * time.Millisecond},
	{name: "after a crash before the effect", before: crashedBefore(effectPoint), request: call, run: pay},
	{name: "after a crash after the effect", before: crashedBefore(completePoint), request: call, run: pay},
	{name: "after a crash, nothing done", before: crashedBefore(effectPoint), request: call, run: discard},
	{name: "after a crash, error after the effect", before: crashedBefore(effectPoint), request: call, run: failing(declines, true)},
}

// atomicPaths are the ways through atomic mode.
var atomicPaths = []path{
	{name: "first call", request: call, run: pay},
	{name: "first call after the window", before: expired, request: call, run: pay},
	{name: "first call that says it is a retry", request: request{caller: alice, payload: original, hint: true}, run: pay},
	{name: refusedPath, request: call, run: soldOut},
	{name: "first call, conflict with another transaction", request: call, run: pay, conflict: true},
	{name: "first call, response beside the record", request: call, run: pay, size: large},
	{name: "first call, response too large to keep", request: call, run: pay, maxResult: smallLimit},
	{name: "nothing done", request: call, run: discard},
	{name: "error", request: call, run: failing(declines, true)},
	{name: "panic", request: call, run: failing(panics, true)},
	{name: "duplicate", before: completed, request: call, run: pay},
	{name: "duplicate that says so (read first)", before: completed, request: request{caller: alice, payload: original, hint: true}, run: pay},
	{name: "duplicate, response beside the record", before: completed, request: call, run: pay, size: large},
	{name: "duplicate of a response that was not kept", before: completed, request: call, run: pay, maxResult: smallLimit},
	{name: "other payload", before: completed, request: request{caller: alice, payload: other}, run: pay},
}

// transactionPaths are those through atomic mode on a database in whose
// transactions executions take place: nothing is planned there, nor beside the
// record.
func transactionPaths() []path {
	return slices.DeleteFunc(slices.Clone(atomicPaths), func(p path) bool {
		return p.size > 0 || p.conflict || p.name == refusedPath
	})
}

func completed(w *world) { w.healthy(alice, original) }

func expired(w *world) {
	p := w.process("an earlier process", alice)
	p.call(request{caller: alice, payload: other}, pay)
	<-p.done
	w.passWindow(p.key.ID())
}

func crashedBefore(pt point) func(*world) { return func(w *world) { w.crashed(pt) } }

func runs(d time.Duration, then script) func(*world) { return func(w *world) { w.running(d, then) } }

// taking is an operation that takes its time before it does the same as another.
func taking(d time.Duration, then script) script {
	return func(p *process, ctx context.Context) (idempotency.Result, error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return then(p, ctx)
	}
}

// pay has its effect and answers with the receipt.
func pay(p *process, ctx context.Context) (idempotency.Result, error) {
	receipt, err := p.pay(ctx)
	if err != nil {
		return idempotency.Result{}, err
	}
	return p.result(receipt), nil
}

// pay is the effect. It heeds the context, as operations have to.
func (p *process) pay(ctx context.Context) (receipt string, err error) {
	e, _ := idempotency.FromContext(ctx)
	if db, ok := p.world.backend.(*postgres); ok && p.world.policy.mode == idempotency.Atomic {
		return db.pay(p, ctx, e)
	}
	if p.world.policy.mode == idempotency.Atomic {
		p.step("plan", func() { receipt = p.plan(ctx, e, "effect", false) })
		return receipt, nil
	}
	p.step("effect", func() {
		if err = context.Cause(ctx); err == nil {
			receipt = p.happens(e, stepNames[0])
		} else {
			p.tell("no effect: %v", err)
		}
	})
	return receipt, err
}

// plan adds an effect to the transaction, and if asked to a condition that does
// not hold.
func (p *process) plan(ctx context.Context, e idempotency.Execution, name string, impossible bool) (receipt string) {
	db := p.world.backend.(*dynamoDB)
	id := p.world.number()
	tx, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		panic(err) // the policy is atomic
	}
	_ = tx.Plan(name, types.TransactWriteItem{Put: &types.Put{
		TableName:           aws.String(db.goods()),
		ConditionExpression: aws.String("attribute_not_exists(id)"),
		Item: map[string]types.AttributeValue{
			"id": text(id), "token": text(e.FencingToken()),
		},
	}})
	if impossible {
		_ = tx.Plan("stock", types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName:           aws.String(db.goods()),
			Key:                 map[string]types.AttributeValue{"id": text("stock")},
			ConditionExpression: aws.String("attribute_exists(id)"),
		}})
	}
	return ledger.Receipt(id, p.caller)
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// soldOut plans a sale, which is refused, and then a note that it was.
func soldOut(p *process, ctx context.Context) (idempotency.Result, error) {
	if tx, _ := dynamostore.TransactionFrom(ctx); refused(tx) {
		return pay(p, ctx)
	}
	e, _ := idempotency.FromContext(ctx)
	var receipt string
	p.step("plan", func() { receipt = p.plan(ctx, e, "sale", true) })
	return p.result(receipt), nil
}

func refused(tx *dynamostore.Transaction) bool {
	_, refused := tx.Refused("stock")
	return refused
}

// slowly takes so long that the lease is renewed before and after the effect.
func slowly(p *process, ctx context.Context) (idempotency.Result, error) {
	select {
	case <-time.After(27 * time.Second):
	case <-ctx.Done():
		return idempotency.Result{}, context.Cause(ctx)
	}
	result, err := pay(p, ctx)
	time.Sleep(26 * time.Second)
	return result, err
}

func discard(*process, context.Context) (idempotency.Result, error) {
	return idempotency.Result{Data: []byte(ledger.NothingDone), Discard: true}, nil
}

// silently gives up when its context ends, and says nothing.
func silently(_ *process, ctx context.Context) (idempotency.Result, error) {
	<-ctx.Done()
	return idempotency.Result{}, nil
}

func declines() error { return ledger.ErrOperation }

func panics() error { panic("a mistake in the operation") }

// failing ends without a result, before or after the effect.
func failing(how func() error, afterEffect bool) script {
	return func(p *process, ctx context.Context) (idempotency.Result, error) {
		if afterEffect {
			if _, err := pay(p, ctx); err != nil {
				return idempotency.Result{}, err
			}
			p.interrupted()
		}
		return idempotency.Result{}, how()
	}
}
