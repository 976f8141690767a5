package crash_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
)

// section is the document's text on what was measured.
func (m *matrix) section(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`<!-- Written by ` + "`make guarantees`" + `: edit evidence/crash instead. -->

Every path of the protocol is interrupted at every one of its steps, and a client then retries, each time at a process
that knows nothing, until it is told something final. A step is a request to the store (` + "`claim`, `takeover`, `renew`, `read`, `record step`, `complete`, `release`, `commit`" + ` and so on),
or ` + "`effect`, `plan`, `reconcile`" + `, or the ` + "`answer`" + ` to the caller. Steps are found by running each path undisturbed and counting what reaches the store.

A cell reads: what the interrupted call's caller was told, → what the retries were told one after the other, · how many
effects there are in the end. "–" means told nothing. An empty cell: the path has no such step under this policy. The words for answers:

| | |
| --- | --- |
| executed | the call's own execution, which had its effect |
| replayed | the recorded response |
| reconciled | the response of an effect that was found to have happened |
| discarded, failed | the operation said that it did nothing, or ended by an error or a panic |
| unknown | 409 "outcome unknown": refused for good |
| 409, 410, 422, 503 | in progress (the client waits as long as Retry-After says), response not kept, other payload, store unavailable |

## Leased mode: the process is killed

`)
	m.table(t, &b, leasedPaths, leased, killed)
	b.WriteString(`
## Executions with steps: the process is killed

Each step has an effect of its own. They are counted one by one: "1+0" means that the first has happened and the second has not. Under
Reconcile a step can be looked up. Under the other policies it runs again if the process dies between its effect and its record.

`)
	m.table(t, &b, stepPaths, leased, killed)
	b.WriteString("\n## Atomic mode: the process is killed\n\n")
	m.table(t, &b, atomicPaths, []policy{atomicity}, killed)
	b.WriteString(`
## Atomic mode in PostgreSQL: the process is killed

The execution writes in a transaction of its own, which the server rolls back when the process is dead.

`)
	m.table(t, &b, transactionPaths(), []policy{atomicPostgres}, killed)
	b.WriteString(`
## The process lives on

Processes also stand still (a paused machine), and connections fail:

- **frozen**: the process, and the request it was making, stand still until a retry elsewhere has its answer; "late" is what its own caller is told in the end
- **stalled**: it stands still for longer than its lease, and the retry comes when it moves again
- **not delivered**, **reply lost**: one request fails, before or after the store has acted on it, and the guard, or below it the SDK, sees an error
- **hung**: one request is never answered, before or after the store has acted on it; the store's time limit ends it, and the guard makes another
- **cut off**: from this request on the process reaches the store no more

<details>
<summary>Leased mode: frozen, stalled, failed and hung requests, cut off</summary>

`)
	m.table(t, &b, leasedPaths, leased, disturbed)
	b.WriteString(`
</details>

<details>
<summary>Executions with steps: frozen, stalled, failed and hung requests, cut off</summary>

`)
	m.table(t, &b, stepPaths, leased, disturbed)
	b.WriteString(`
</details>

<details>
<summary>Atomic mode: frozen, stalled, failed and hung requests, cut off</summary>

`)
	m.table(t, &b, atomicPaths, []policy{atomicity}, disturbed)
	b.WriteString(`
</details>

<details>
<summary>Atomic mode in PostgreSQL: frozen, stalled, failed and hung requests, cut off</summary>

The server ends a transaction of which it has heard nothing for five seconds.

`)
	m.table(t, &b, transactionPaths(), []policy{atomicPostgres}, disturbed)
	b.WriteString(`
</details>

## Where each guarantee held

A cell is one run: a path, a policy, a store (in memory; DynamoDB with the SDK's repetitions; DynamoDB without; a Valkey or Redis server; a PostgreSQL server) and a fault, or two: a kill at
every step that follows a failed request. In each the oracle, which also judges the simulation and the stories, looks at the record before and after every request,
at a ledger of effects that is kept apart from the records, and at all answers, among them those to duplicates afterwards, to a stranger with the same token, and
to the same key after its window.

G4 is counted as "no key has more than one effect", and that no acknowledged key has none belongs to G3: under Refuse that means at most once, and Reexecute does not promise it.
Of an operation with steps each effect is counted by itself. In each cell in which Reexecute has an effect more than once something came between an effect and its record; elsewhere G3 would have been broken.

`)
	m.summary(&b)
	b.WriteString(`
The operation in these runs heeds its context, as operations have to. What is already on its way downstream when the lease ends
cannot be called back by anybody; against that help the fencing token and the derived key, where the downstream system looks at them.

## What the oracle objects to

An oracle that never objects proves nothing. The same runs on stores that are broken on purpose, and the guarantees that it then finds broken:

| store | objections |
| --- | --- |
`)
	for _, broken := range brokenStores {
		fmt.Fprintf(&b, "| %s (%s) | %s |\n", broken.flaw, broken.policy.name, list(broken.breaks))
	}
	for _, broken := range brokenSteps {
		fmt.Fprintf(&b, "| %s (%s) | %s |\n", broken.name, reexecute.name, list(broken.breaks))
	}
	for _, broken := range brokenTransactions {
		fmt.Fprintf(&b, "| %s (%s) | %s |\n", broken.name, broken.policy.name, list(broken.breaks))
	}
	return b.String()
}

func list(guarantees []ledger.Guarantee) string {
	names := make([]string, len(guarantees))
	for i, g := range guarantees {
		names[i] = string(g)
	}
	return strings.Join(names, ", ")
}

// publish compares the document with what was measured, or rewrites it.
func (m *matrix) publish(t *testing.T) {
	t.Helper()
	document.Publish(t, "crash-matrix.md", "crash matrix", m.section(t), "make guarantees")
}
