package main

// coreMutants are those of the guard, and of what stores do, against what the
// field does to a correct protocol: silence, hung requests, slow records, deadlines
// and mistakes in plans.
var coreMutants = []mutant{
	{
		name:     "a failed claim is executed under",
		file:     "claim.go",
		at:       "claimed",
		and:      "false",
		packages: []string{"idempotency"},
		why:      "an operation runs while the store is down",
	},
	{
		name:     "a claim that came too late is executed under",
		file:     "claim.go",
		at:       "claim-in-time",
		and:      "false",
		packages: []string{"idempotency"},
		why:      "two owners execute",
	},
	{
		name:     "memstore: renewal that goes back",
		file:     "memstore/memstore.go",
		at:       "renewal-forward",
		or:       "true",
		packages: []string{"idempotency/memstore"},
		why:      "a delayed renewal shortens the lease",
	},
	{
		name:     "memstore: completion of a completed record",
		file:     "memstore/memstore.go",
		at:       "own-completion",
		or:       "true",
		packages: []string{"idempotency/memstore"},
		why:      "a repeated completion changes the response",
	},
	{
		name:     "silence is recorded",
		file:     "execute.go",
		at:       "silence",
		and:      "ctx == nil",
		packages: []string{"idempotency"},
		why:      "a handler that gave up is remembered as an empty success",
	},
	{
		name:     "a value that encodes as nothing counts as silence",
		file:     "do.go",
		old:      "data = []byte{} // there",
		new:      "_ = data // there",
		packages: []string{"idempotency"},
		why:      "a success at the last moment is executed again",
	},
	{
		name: "a declared failure is recorded",
		file: "execute.go",
		old: `	case failure != nil:
		result.Discard = false
`,
		new: `	case failure != nil && err != nil:
		result.Discard = false
`,
		packages: []string{"idempotency"},
		why:      "what has failed is replayed",
	},
	{
		name: "a declared failure is discarded",
		file: "execute.go",
		old: `	case failure != nil:
		result.Discard = false
`,
		new: `	case failure != nil:
`,
		packages: []string{"idempotency"},
		why:      "a failure after the effect is executed again",
	},
	{
		name: "a declared discard is recorded",
		file: "execute.go",
		old: `	case discard:
		result.Discard = true`,
		new: `	case discard:
		result.Discard = false`,
		packages: []string{"idempotency"},
		why:      "a shed request burns its key",
	},
	{
		name:     "a discard before a panic is forgotten",
		file:     "execute.go",
		old:      "discard && failure == nil {",
		new:      "discard && failure != nil {",
		packages: []string{"idempotency"},
		why:      "a shed request burns its key",
	},
	{
		name: "a claim that hangs is not repeated",
		file: "claim.go",
		old: `!timedOut(ctx, err) {
			break`,
		new: `!timedOut(ctx, err) || claim.Now.IsZero() == false {
			break`,
		packages: []string{"idempotency"},
		why:      "one hung request makes the store unavailable",
	},
	{
		name:     "a claim that hangs is repeated for ever",
		file:     "claim.go",
		old:      "	maxAttempts = 3",
		new:      "	maxAttempts = 1000",
		packages: []string{"idempotency"},
		why:      "a store that does not answer keeps its callers",
	},
	{
		name:     "a commit that hangs is not repeated",
		file:     "atomic.go",
		old:      "if hung++; hung < maxAttempts {",
		new:      "if hung++; hung < 0 {",
		packages: []string{"idempotency"},
		why:      "one hung request makes the store unavailable",
	},
	{
		name:     "a renewal may take as long as it likes",
		file:     "lease.go",
		old:      "context.WithTimeout(h.lasting, h.cfg.Lease/3)",
		new:      "context.WithTimeout(h.lasting, h.cfg.Lease)",
		packages: []string{"idempotency"},
		why:      "one hung request costs the lease",
	},
	{
		name:     "a completion in a hurry may take all the time",
		file:     "execute.go",
		old:      "ctx, cancel = context.WithTimeout(ctx, left/2)",
		new:      "ctx, cancel = context.WithTimeout(ctx, left)",
		packages: []string{"idempotency"},
		why:      "one hung request costs the effect its record",
	},
	{
		name:     "a look lasts longer than the wait",
		file:     "wait.go",
		old:      "ctx, cancel := context.WithDeadline(ctx, until)",
		new:      "ctx, cancel := context.WithCancel(ctx)",
		packages: []string{"idempotency"},
		why:      "a duplicate waits longer than was configured",
	},
	{
		name:     "dynamostore: requests without a limit",
		file:     "dynamostore/dynamostore.go",
		old:      "if s.timeout < 0 {",
		new:      "if s.timeout != 0 {",
		packages: []string{"evidence/library/dynamostore"},
		why:      "a hung request is never given up",
	},
	{
		name:     "valkeystore: requests without a limit",
		file:     "valkeystore/valkeystore.go",
		old:      "if s.timeout > 0 {",
		new:      "if s.timeout < 0 {",
		packages: []string{"evidence/library/valkeystore"},
		why:      "a hung request is never given up",
	},
	{
		name:     "valkeystore: a limit that passed is not said",
		file:     "valkeystore/valkeystore.go",
		old:      "ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {",
		new:      "ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded) {",
		packages: []string{"evidence/library/valkeystore"},
		why:      "the guard does not repeat a claim that hung",
	},
	{
		name: "the heartbeat stops when the operation has returned",
		file: "execute.go",
		old: `	returned = true
	heartbeat.end()
`,
		new: `	returned = true
	heartbeat.stop()
`,
		packages: []string{"idempotency"},
		why:      "a slow completion is overtaken",
	},
	{
		name: "the heartbeat goes on while the key is given up",
		file: "execute.go",
		old: `	case err != nil:
		heartbeat.stop()
		c.fail`,
		new: `	case err != nil:
		c.fail`,
		packages: []string{"idempotency"},
		why:      "a late renewal locks a key that was given up",
	},
	{
		name:     "a lease lasts until the deadline",
		file:     "lease.go",
		old:      "d = max(min(d, time.Until(c.lease.deadline)), 0)",
		new:      "d = max(time.Until(c.lease.deadline), 0)",
		packages: []string{"idempotency"},
		why:      "a dead owner blocks its key for a function's fifteen minutes",
	},
	{
		name:     "a lease outlasts the deadline",
		file:     "lease.go",
		old:      "d = max(min(d, time.Until(c.lease.deadline)), 0)",
		new:      "d = max(d, 0)",
		packages: []string{"idempotency"},
		why:      "a dead owner blocks its key for longer than it could run",
	},
	{
		name:     "a lease with a deadline is not renewed",
		file:     "lease.go",
		old:      "if !c.lease.deadline.IsZero() && !until.Before(c.lease.deadline) {",
		new:      "if !c.lease.deadline.IsZero() {",
		packages: []string{"idempotency"},
		why:      "a long execution loses its lease",
	},
	{
		name:     "an execution lasts until the deadline",
		file:     "lease.go",
		old:      "return max(min(time.Second, left/10), 0)",
		new:      "return max(min(time.Second, left/10), 0) * 0",
		packages: []string{"idempotency"},
		why:      "a handler that heeds its context is killed before its failure is recorded",
	},
	{
		name:     "something is begun without time",
		file:     "guard.go",
		old:      "if c.lease.outOfTime() && !errors.Is(ctx.Err(), context.Canceled) {",
		new:      "if c.lease.outOfTime() && errors.Is(ctx.Err(), context.Canceled) {",
		packages: []string{"idempotency"},
		why:      "an execution is interrupted for sure",
	},
	{
		name:     "something is begun after a slow claim",
		file:     "claim.go",
		old:      "case c.lease.outOfTime():",
		new:      "case c.lease.deadline.IsZero() && c.lease.outOfTime():",
		packages: []string{"idempotency"},
		why:      "an execution is interrupted for sure",
	},
	{
		name:     "execution after a reconciliation that outlived its lease",
		file:     "execute.go",
		at:       "reconciled-in-time",
		and:      "c == nil",
		packages: []string{"idempotency"},
		why:      "two owners execute",
	},
	{
		name:     "a frozen process does not look at the clock",
		file:     "lease.go",
		at:       "lease-noticed",
		old:      "h.leaseIsOver()",
		new:      "!time.Now().Before(h.lease.until)",
		packages: []string{"idempotency"},
		why:      "an execution goes on under a lease that others think is over",
	},
	{
		name:     "a frozen process looks at the clock too late",
		file:     "lease.go",
		old:      "const checkEvery = time.Second",
		new:      "const checkEvery = time.Hour",
		packages: []string{"idempotency"},
		why:      "an execution goes on under a lease that others think is over",
	},
	{
		name:     "a nested execution outlives the outer lease",
		file:     "lease.go",
		old:      "if cause := context.Cause(outer.lease); cause == ErrLeaseOver {",
		new:      "if cause := context.Cause(outer.lease); cause == nil {",
		packages: []string{"idempotency"},
		why:      "an effect happens under a lease that is over",
	},
	{
		name:     "a nested execution ends with the outer one",
		file:     "lease.go",
		old:      "if cause := context.Cause(outer.lease); cause == ErrLeaseOver {",
		new:      "if cause := context.Cause(outer.lease); cause != nil {",
		packages: []string{"idempotency"},
		why:      "an effect is interrupted without need",
	},
	{
		name: "durations overflow",
		file: "config.go",
		old: `	c.Lease = min(c.Lease, saturated)
`,
		new:      "",
		packages: []string{"idempotency"},
		why:      "a lease that is meant to be endless is over at once",
	},
	{
		name:     "a claim's reply is replayed past its window",
		file:     "claim.go",
		at:       "reply-in-window",
		and:      "existing.Expires.IsZero()",
		packages: []string{"idempotency"},
		why:      "a record past its window is replayed",
	},
	{
		name: "atomic: whether a record has expired is decided before planning",
		file: "atomic.go",
		old: `		existing, err := c.commit(execution, store, completed, now, forOne)
		if errors`,
		new: `		existing, err := c.commit(execution, store, completed, own.Expires.Add(-c.cfg.Window), forOne)
		if errors`,
		packages: []string{"idempotency"},
		why:      "a record past its window is replayed",
	},
	{
		name:     "atomic: a commit's reply is replayed past its window",
		file:     "atomic.go",
		old:      "err == nil && existing != nil && !c.cfg.Clock().Before(existing.Expires):",
		new:      "err == nil && existing != nil && existing.Expires.IsZero():",
		packages: []string{"idempotency"},
		why:      "a record past its window is replayed",
	},
	{
		name:     "valkeystore: time to live overflows",
		file:     "valkeystore/record.go",
		old:      "min(max(time.Until(r.Expires), 0), longest) + keepAfterWindow",
		new:      "max(time.Until(r.Expires), 0) + keepAfterWindow",
		packages: []string{"evidence/library/valkeystore"},
		why:      "the server deletes a record at once",
	},
	{
		name: "atomic: a panic is not observed",
		file: "atomic.go",
		old: `		if !returned { // run panicked or left by runtime.Goexit
			c.observe`,
		new: `		if returned && !returned {
			c.observe`,
		packages: []string{"idempotency"},
		why:      "a failure is not counted",
	},
	{
		name: "a result without room is cached",
		file: "execute.go",
		old: `			completed.Data = nil
			c.observe(ctx, ObservedOversized, err)
			winner`,
		new: `			kept := completed
			defer func() { completed = kept }()
			completed.Data = nil
			c.observe(ctx, ObservedOversized, err)
			winner`,
		packages: []string{"idempotency"},
		why:      "two processes answer one key differently",
	},
	{
		name:     "atomic: a mistake in the plan is an outage",
		file:     "atomic.go",
		old:      "case errors.Is(err, ErrPlan):",
		new:      "case errors.Is(err, ErrPlan) && err == nil:",
		packages: []string{"idempotency"},
		why:      "a mistake is retried for ever",
	},
	{
		name:     "atomic: a mistake that DynamoDB finds is an outage",
		file:     "dynamostore/transaction.go",
		old:      `return ok && failure.ErrorCode() == "ValidationException"`,
		new:      `return ok && failure.ErrorCode() == "Validation"`,
		packages: []string{"evidence/library/dynamostore"},
		why:      "a mistake is retried for ever",
	},
	{
		name:     "atomic: an unknown table is an outage",
		file:     "dynamostore/transaction.go",
		old:      "unknownTable := errors.AsType[*types.ResourceNotFoundException](err); unknownTable {",
		new:      "unknownTable := errors.AsType[*types.ResourceInUseException](err); unknownTable {",
		packages: []string{"evidence/library/dynamostore"},
		why:      "a mistake is retried for ever",
	},
	{
		name:     "atomic: one item may be planned twice",
		file:     "dynamostore/transaction.go",
		old:      "		if sameItem(w, other) {",
		new:      "		if sameItem(w, other) && i < 0 {",
		packages: []string{"evidence/library/dynamostore"},
		why:      "a mistake is found by a request",
	},
	{
		name: "atomic: a mistake that was ignored is written",
		file: "dynamostore/transaction.go",
		old: `	if t.err != nil {
		return nil, t.err`,
		new: `	if t.err != nil && s == nil {
		return nil, t.err`,
		packages: []string{"evidence/library/dynamostore"},
		why:      "a part of the plan happens",
	},
	{
		name:     "atomic: effects refused for want of room",
		file:     "dynamostore/transaction.go",
		old:      "if p.size() > 0 && (1+len",
		new:      "if p.size() > 100<<20 && (1+len",
		packages: []string{"evidence/library/dynamostore"},
		why:      "a response costs its effects",
	},
	{
		name: "atomic: no transaction is a panic",
		file: "dynamostore/transaction.go",
		old: `	if t == nil {
		return ErrNoTransaction`,
		new: `	if t == nil && name == "" {
		return ErrNoTransaction`,
		packages: []string{"evidence/library/dynamostore"},
		why:      "a mistake in the set-up ends the process",
	},
	{
		name:     "dynamostore: no read where a refusal has no item",
		file:     "dynamostore/dynamostore.go",
		old:      "	if existing, refused = refusal(err); !refused || existing != nil {",
		new:      "	if existing, refused = refusal(err); !refused || existing != nil || refused {",
		packages: []string{"evidence/library/dynamostore"},
		why:      "every duplicate finds the store unavailable",
	},
	{
		name:     "atomic: no read where a refusal has no item",
		file:     "dynamostore/transaction.go",
		old:      "if item == nil { var err error",
		new:      "if item == nil && s == nil { var err error",
		packages: []string{"evidence/library/dynamostore"},
		why:      "every duplicate finds the store unavailable",
	},
	{
		name:     "dynamostore: too many parts are silently not kept",
		file:     "dynamostore/payload.go",
		old:      `return payload{}, fmt.Errorf("dynamostore: %d parts: %w", len(p.parts), idempotency.ErrTooLarge)`,
		new:      "return payload{}, nil",
		packages: []string{"evidence/library/dynamostore"},
		why:      "the process that executed replays what nobody else has",
	},
	{
		name:     "every call that waits looks for itself",
		file:     "wait.go",
		old:      "w := &waiter{leads: len(s.queues[id]) == 0,",
		new:      "w := &waiter{leads: true,",
		packages: []string{"idempotency"},
		why:      "many duplicates are a load of their own",
	},
	{
		name: "nobody looks when the first has gone",
		file: "wait.go",
		old: `		next.leads, next.succeeds = true, true
		close`,
		new: `		next.leads, next.succeeds = false, true
		close`,
		packages: []string{"idempotency"},
		why:      "duplicates wait in vain",
	},
	{
		name: "those who wait share bytes",
		file: "wait.go",
		old: `		copied := clone(r)
		w.seen <- &copied`,
		new:      "		w.seen <- r",
		packages: []string{"idempotency"},
		why:      "one caller's change is another's replay",
	},
	{
		name: "an observer's panic breaks the request",
		file: "observer.go",
		old: `if r := recover(); r != nil {
			logPanic(ctx, "idempotency: the observer panicked", r, slog`,
		new: `if r := any(nil); r != nil {
			logPanic(ctx, "idempotency: the observer panicked", r, slog`,
		packages: []string{"idempotency"},
		why:      "a mistake in a metric costs the response",
	},
	{
		name:     "a logger's panic breaks the request",
		file:     "observer.go",
		old:      "defer func() { _ = recover() }()",
		new:      "defer func() {}()",
		packages: []string{"idempotency"},
		why:      "a mistake in a log handler costs the response",
	},
	{
		name:     "a starter without a context breaks the request",
		file:     "observer.go",
		old:      "operation, id); own == nil {",
		new:      "operation, id); own == nil && id == \"\" {",
		packages: []string{"idempotency"},
		why:      "a mistake in a tracer costs the response",
	},
	{
		name:     "a store's panic passes for a failed execution",
		file:     "execute.go",
		old:      "	defer containStore(&err)\n",
		new:      "",
		packages: []string{"idempotency"},
		why:      "an effect that was acknowledged happens again",
	},
	{
		name:     "a store's panic in a renewal ends the process",
		file:     "lease.go",
		old:      "	defer containStore(&err) // no request's goroutine is here to recover it\n",
		new:      "",
		packages: []string{"idempotency"},
		why:      "every other request dies with it",
	},
	{
		name:     "nothing to run is found out after the claim",
		file:     "guard.go",
		old:      "case !runs:",
		new:      "case !runs && g == nil:",
		packages: []string{"idempotency"},
		why:      "a mistake costs the key",
	},
	{
		name:     "a nil pointer passes for a store",
		file:     "config.go",
		old:      "if c.Store == nil || isNil(c.Store) {",
		new:      "if c.Store == nil {",
		packages: []string{"idempotency"},
		why:      "a mistake at construction is a panic at request time",
	},
	{
		name:     "a client that hangs up is an outage",
		file:     "guard.go",
		old:      "case errors.Is(ctx.Err(), context.Canceled):",
		new:      "case errors.Is(ctx.Err(), ErrStore):",
		packages: []string{"idempotency"},
		why:      "alarms are raised by impatient clients",
	},
	{
		name: "memstore: released keys stay in memory",
		file: "memstore/memstore.go",
		old: `	heap.Remove(&s.expiry, e.index)
	delete(s.records, e.ID)
}`,
		new: `	if len(s.expiry) > 0 && s.expiry[0] == e {
		heap.Remove(&s.expiry, e.index)
	}
	delete(s.records, e.ID)
}`,
		packages: []string{"idempotency/memstore"},
		why:      "memory grows with what was given up",
	},
	{
		name:     "memstore: a given-up claim is not taken over",
		file:     "memstore/memstore.go",
		at:       "takeover",
		old:      "a.LeaseUntil.Equal(b.LeaseUntil)",
		new:      "!a.LeaseUntil.IsZero() && a.LeaseUntil.Equal(b.LeaseUntil)",
		packages: []string{"idempotency/memstore"},
		why:      "a key whose owner gave up is locked for its window",
	},
	{
		name: "memstore: a renewal forgets the window",
		file: "memstore/memstore.go",
		old:  "		s.put(&r, s.records[r.ID].Steps)",
		new: `		r.Expires = s.records[r.ID].Expires
		s.put(&r, s.records[r.ID].Steps)`,
		packages: []string{"idempotency/memstore"},
		why:      "a running operation counts as absent",
	},
	{
		name:     "blank principal accepted",
		file:     "key.go",
		old:      `if strings.TrimSpace(principal) == "" {`,
		new:      `if principal == "" {`,
		packages: []string{"idempotency"},
		why:      "callers whose name is missing share records",
	},
	{
		name:     "dynamostore: a large request has no more time",
		file:     "dynamostore/dynamostore.go",
		old:      "s.timeout*time.Duration(1+travelling/bytesPerTimeout)",
		new:      "s.timeout*time.Duration(1+0*travelling/bytesPerTimeout)",
		packages: []string{"evidence/library/dynamostore"},
		why:      "a large response on a slow connection is given up each time",
	},
}
