package main

// stepMutants are the conditions on which steps rest, each broken once.
var stepMutants = []mutant{
	{
		name: "steps: a recorded step runs again", file: "steps.go",
		old: "if s.recorded[i].Name == name {", new: "if s.recorded[i].Name == name && false {",
		packages: []string{"idempotency"}, why: "the customer is charged twice",
	},
	{
		name: "steps: a discarded result forgets them", file: "execute.go",
		old: "if c.steps.Load().bind() {", new: "if false {",
		packages: []string{"idempotency"}, why: "a recorded step runs again",
	},
	{
		name: "steps: a failure forgets them", file: "execute.go",
		old: "== Reexecute && !c.steps.Load().bind() {", new: "== Reexecute {",
		packages: []string{"idempotency"}, why: "a recorded step runs again",
	},
	{
		name: "steps: what was recorded binds, and not what may have begun", file: "claim.go", at: "begun-step",
		old: "kept: follows", new: "kept: len(recorded) > 0",
		packages: []string{"idempotency"}, why: "a step that may have begun is not asked about after a discard",
	},
	{
		name: "steps: what was taken over does not bind", file: "claim.go", at: "begun-step",
		old: "kept: follows", new: "kept: false",
		packages: []string{"idempotency"}, why: "a discarded result forgets the steps of earlier executions",
	},
	{
		name: "steps: what was taken over is not resumed", file: "claim.go", at: "begun-step",
		old: "resumed: follows", new: "resumed: false",
		packages: []string{"idempotency"}, why: "a step that may have begun is not asked about",
	},
	{
		name: "steps: an own claim that arrived late counts as interrupted", file: "claim.go", at: "begun-step",
		old: "resumed: follows", new: "resumed: true",
		packages: []string{"idempotency"}, why: "a step is refused although nothing has run",
	},
	{
		name: "steps: one that the store did not answer for is lost at a failure", file: "execute.go", at: "pending-step",
		old: "c.recordPending(ctx, store)", new: "store, error(nil)",
		packages: []string{"idempotency"}, why: "it runs again",
	},
	{
		name: "an own claim that arrived late counts as interrupted", file: "claim.go", at: "interrupted-before",
		old: "observed != nil && observed.Owner != c.owner", new: "observed != nil",
		packages: []string{"idempotency"}, why: "a key is burned although nothing has run",
	},
	{
		name: "no execution counts as interrupted", file: "claim.go", at: "interrupted-before",
		old: "observed != nil && observed.Owner != c.owner", new: "observed != nil && observed.Owner == c.owner",
		packages: []string{"idempotency"}, why: "the effect happens twice",
	},
	{
		name: "steps: a takeover given up deletes them", file: "claim.go",
		old: "|| keepsSteps)", new: "|| keepsSteps && false)",
		packages: []string{"idempotency"}, why: "a recorded step runs again",
	},
	{
		name: "steps: a takeover does not bring them", file: "claim.go",
		old: "&steps{recorded: recorded,", new: "&steps{recorded: recorded[:0],",
		packages: []string{"idempotency"}, why: "a recorded step runs again",
	},
	{
		name: "steps: a lease that is over is not noticed", file: "steps.go",
		old: "case e.call.leaseIsOver():", new: "case false:",
		packages: []string{"idempotency"}, why: "a step runs beside another owner's",
	},
	{
		name: "steps: a lost lease is not noticed by a step", file: "steps.go",
		old: "case e.lease.Err() != nil:", new: "case false:",
		packages: []string{"idempotency"}, why: "a step runs beside another owner's",
	},
	{
		name: "steps: a context that has ended is ignored", file: "steps.go",
		old: "	return context.Cause(ctx)\n}\n", new: "	return nil\n}\n",
		packages: []string{"idempotency"}, why: "a step begins for a caller that has given up",
	},
	{
		name: "steps: a refused record is ignored", file: "steps.go",
		old: "case !held:", new: "case !held && false:",
		packages: []string{"idempotency"}, why: "an execution goes on without its lease",
	},
	{
		name: "steps: one whose record was refused is recorded again", file: "steps.go",
		old: "if s.pending = nil; held {", new: "if held { s.pending = nil",
		packages: []string{"idempotency"}, why: "an execution that has lost its lease goes on asking",
	},
	{
		name: "steps: a refused record does not end the execution", file: "steps.go",
		old: "c.beating.cancel(ErrLeaseOver)", new: "_ = c.beating.cancel",
		packages: []string{"idempotency"}, why: "the next effect happens without a lease",
	},
	{
		name: "steps: one that is not recorded is forgotten", file: "steps.go",
		old: "pending != nil {", new: "pending != nil && false {",
		packages: []string{"idempotency"}, why: "the next step rests on one that a crash lets run again",
	},
	{
		name: "steps: the next begins though the last is not recorded", file: "steps.go",
		old: "*pending); err != nil {", new: "*pending); err == ErrLeaseOver {",
		packages: []string{"idempotency"}, why: "a crash lets both run again",
	},
	{
		name: "steps: a record whose reply is lost does not bind", file: "steps.go",
		old: "s.kept, s.pending = true, &step", new: "s.pending = &step",
		packages: []string{"idempotency"}, why: "a recorded step is forgotten",
	},
	{
		name: "steps: the same name twice", file: "steps.go",
		old: "case s.begun[name]:", new: "case false:",
		packages: []string{"idempotency"}, why: "the second effect is given the first one's result",
	},
	{
		name: "steps: two at once", file: "steps.go",
		old: "case s.running:", new: "case false:",
		packages: []string{"idempotency"}, why: "after a crash nobody can tell which of them had begun",
	},
	{
		name: "steps: without end", file: "steps.go",
		old: "if len(s.recorded) >= MaxSteps {", new: "if false {",
		packages: []string{"idempotency"}, why: "a record outgrows its item",
	},
	{
		name: "steps: in a reconciliation", file: "execute.go",
		old:      "c.Reconcile(withExecution(ctx, Execution{key: c.Key, owner: c.owner, declared: &c.declared}))",
		new:      "c.Reconcile(withExecution(ctx, Execution{key: c.Key, owner: c.owner, declared: &c.declared, call: c}))",
		packages: []string{"idempotency"}, why: "an execution cannot run the step any more",
	},
	{
		name: "steps: asked about on the first call", file: "steps.go",
		old: "if s.resumed && o.recovery == Reconcile {", new: "if o.recovery == Reconcile {",
		packages: []string{"idempotency"}, why: "every first call pays for a look",
	},
	{
		name: "steps: run after a reconciliation that outlived the lease", file: "steps.go",
		old: "err = e.mayGoOn(ctx) // or", new: "// or",
		packages: []string{"idempotency"}, why: "a step runs beside another owner's",
	},
	{
		name: "steps: a reconciliation that cannot be decoded is recorded", file: "steps.go",
		old: "if o.reconcile != nil {", new: "if false {",
		packages: []string{"idempotency"}, why: "every execution that follows fails",
	},
	{
		name: "steps: one that may have begun is not refused", file: "steps.go",
		old: "if first && o.recovery == Refuse {", new: "if false {",
		packages: []string{"idempotency"}, why: "the effect happens twice",
	},
	{
		name: "steps: one that has not begun is refused", file: "steps.go",
		old: "if first && o.recovery == Refuse {", new: "if s.resumed && o.recovery == Refuse {",
		packages: []string{"idempotency"}, why: "a key is stuck for nothing",
	},
	{
		name: "steps: a failure that may have had its effect frees the key", file: "steps.go",
		old: "if o.recovery != Reexecute {", new: "if false {",
		packages: []string{"idempotency"}, why: "the retry does not ask about it",
	},
	{
		name: "steps: a discarded error binds the key", file: "steps.go",
		old: "err); discarded {", new: "err); discarded && false {",
		packages: []string{"idempotency"}, why: "a key is asked about for nothing",
	},
	{
		name: "steps: sealed under the operation's name", file: "execute.go",
		old: "c.sealing.seal(c.Key.ID(), step, data)", new: `c.sealing.seal(c.Key.ID(), "", data)`,
		packages: []string{"idempotency"}, why: "one step's result passes for another's",
	},
	{
		name: "steps: too large a result is not left out", file: "steps.go",
		old: "if errors.Is(err, ErrTooLarge) && step.Data != nil {", new: "if false {",
		packages: []string{"idempotency"}, why: "the step is never recorded",
	},
	{
		name: "steps: the store is not told of those before", file: "lease.go",
		old: "	r.Steps = steps\n", new: "	_ = steps\n",
		packages: []string{"idempotency"}, why: "a step is written over another",
	},

	{
		name: "memstore: a takeover drops the steps", file: "memstore/memstore.go",
		old: "s.put(&c.Record, existing.Steps)", new: "s.put(&c.Record, nil)",
		packages: []string{"idempotency/memstore"}, why: "a recorded step runs again",
	},
	{
		name: "memstore: a renewal drops the steps", file: "memstore/memstore.go",
		old: "s.put(&r, s.records[r.ID].Steps)", new: "s.put(&r, nil)",
		packages: []string{"idempotency/memstore"}, why: "a recorded step runs again",
	},
	{
		name: "memstore: any owner's step", file: "memstore/memstore.go",
		at: "step-once", old: "!s.holds(r.ID, r.Owner)", new: "false",
		packages: []string{"idempotency/memstore"}, why: "a zombie's step is mixed into its successor's",
	},
	{
		name: "memstore: a repeated step is added again", file: "memstore/memstore.go", at: "step-once",
		old: "if !slices.ContainsFunc(existing.Steps", new: "if true || !slices.ContainsFunc(existing.Steps",
		packages: []string{"idempotency/memstore"}, why: "a step is there twice",
	},
	{
		name: "memstore: a completed record keeps its steps", file: "memstore/memstore.go",
		old: "s.put(&completed, nil)", new: "if found { s.put(&completed, existing.Steps) } else { s.put(&completed, nil) }",
		packages: []string{"idempotency/memstore"}, why: "every duplicate pays for them",
	},
	{
		name: "memstore: a step shares its bytes", file: "memstore/memstore.go",
		old: "steps[i].Data = bytes.Clone(steps[i].Data)", new: "steps[i].Data = bytes.TrimSuffix(steps[i].Data, nil)",
		packages: []string{"idempotency/memstore"}, why: "the caller's change reaches the store",
	},

	{
		name: "dynamostore: any owner's step", file: "dynamostore/steps.go", at: "step-once",
		old: "aws.String(isOwn)", new: `aws.String("attribute_exists(id) OR (" + isOwn + ")")`,
		packages: []string{"evidence/library/dynamostore"}, why: "a zombie's step is mixed into its successor's",
	},
	{
		name: "dynamostore: a late copy of the first step", file: "dynamostore/steps.go", at: "step-once",
		old: `aws.String(isOwn + " AND " + hasNoSteps)`, new: `aws.String(isOwn)`,
		packages: []string{"evidence/library/dynamostore"}, why: "it replaces all that came after it",
	},
	{
		name: "dynamostore: a takeover drops a step that it has not seen", file: "dynamostore/dynamostore.go", at: "steps-kept",
		old:      `isFreeOrOver     = isFree + " OR (" + isObserved + " AND " + hasNoSteps + ")"`,
		new:      `isFreeOrOver     = isFree + " OR (" + isObserved + ")"`,
		packages: []string{"evidence/library/dynamostore"}, why: "a recorded step runs again",
	},
	{
		name: "dynamostore: a renewal drops a step that it has not seen", file: "dynamostore/dynamostore.go",
		old: `aws.String(isOwnAndNotLater + " AND " + hasNoSteps)`, new: `aws.String(isOwnAndNotLater)`,
		packages: []string{"evidence/library/dynamostore"}, why: "a recorded step runs again",
	},
	{
		name: "dynamostore: an interruption drops a step that it has not seen", file: "dynamostore/dynamostore.go",
		old: `aws.String(isOwn + " AND " + hasNoSteps)`, new: `aws.String(isOwn)`,
		packages: []string{"evidence/library/dynamostore"}, why: "a recorded step runs again",
	},
	{
		name: "dynamostore: a record with steps is not renewed", file: "dynamostore/dynamostore.go",
		old: "	if _, stepped := item[\"steps\"]; stepped {", new: "	if false {",
		packages: []string{"evidence/library/dynamostore"}, why: "its lease ends while its owner believes to hold it",
	},
	{
		name: "dynamostore: a renewal with steps that goes back", file: "dynamostore/steps.go",
		old: "aws.String(isOwnAndNotLater),", new: "aws.String(isOwn),",
		packages: []string{"evidence/library/dynamostore"}, why: "a late copy shortens the lease",
	},
	{
		name: "dynamostore: a takeover of what has expired keeps steps", file: "dynamostore/steps.go",
		old: `isObserved + " AND expiration > :now"`, new: `isObserved + " AND (expiration > :now OR attribute_exists(id))"`,
		packages: []string{"evidence/library/dynamostore"}, why: "steps outlive their window",
	},
	{
		name: "dynamostore: own takeover with steps not recognised", file: "dynamostore/steps.go",
		old: "if isSame(met, &c.Record) {", new: "if isSame(met, &c.Record) && false {",
		packages: []string{"evidence/library/dynamostore"}, why: "a takeover meets its own lock",
	},
	{
		name: "dynamostore: parts of steps outlive one day, whatever the window", file: "dynamostore/steps.go", at: "parts-outlive",
		old: "max(window, r.Expires.Sub(r.Claimed))", new: "24 * time.Hour",
		packages: []string{"evidence/library/dynamostore"}, why: "an heir is not given what was recorded",
	},
	{
		name: "dynamostore: parts of steps outlive less than a day", file: "dynamostore/steps.go", at: "parts-outlive",
		old: "max(window, r.Expires.Sub(r.Claimed))", new: "r.Expires.Sub(r.Claimed)",
		packages: []string{"evidence/library/dynamostore"}, why: "those of a record of an earlier version are gone",
	},
	{
		name: "dynamostore: parts of steps not bound to their owner", file: "dynamostore/payload.go",
		old: `return fmt.Sprintf("%s#%s#%s#%d", p.id, p.owner, p.step, i)`, new: `return fmt.Sprintf("%s#%s#%d", p.id, p.step, i)`,
		packages: []string{"evidence/library/dynamostore"}, why: "a zombie's result is mixed into its successor's",
	},
	{
		name: "dynamostore: steps fill the record", file: "dynamostore/steps.go",
		old: "min(s.inlineLimit, maxInlineSteps)", new: "s.inlineLimit",
		packages: []string{"evidence/library/dynamostore"}, why: "the last steps do not fit",
	},

	{
		name: "valkeystore: a takeover drops the steps", file: "valkeystore/scripts.go",
		old: "keep_steps(9)", new: "redis.call('DEL', KEYS[1]) unfinished(9)",
		packages: []string{"evidence/library/valkeystore"}, why: "a recorded step runs again",
	},
	{
		name: "valkeystore: a renewal drops the steps", file: "valkeystore/scripts.go",
		old: "keep_steps(7)", new: "redis.call('DEL', KEYS[1]) unfinished(7)",
		packages: []string{"evidence/library/valkeystore"}, why: "a recorded step runs again",
	},
	{
		name: "valkeystore: any owner's step", file: "valkeystore/scripts.go", at: "step-once",
		old: "if not own then return 0 end\nif count", new: "if not exists then return 0 end\nif count",
		packages: []string{"evidence/library/valkeystore"}, why: "a zombie's step is mixed into its successor's",
	},
	{
		name: "valkeystore: a repeated step is added again", file: "valkeystore/scripts.go", at: "step-once",
		old: "if count == tonumber(ARGV[2]) then", new: "if true then",
		packages: []string{"evidence/library/valkeystore"}, why: "a step is there twice",
	},
	{
		name: "valkeystore: a step refused by a full server", file: "valkeystore/scripts.go",
		old: "  redis.call('HDEL', KEYS[1], 'steps') -- see complete\n", new: "",
		packages: []string{"evidence/library/valkeystore"}, why: "a step has run and cannot be recorded",
	},
}
