// Package linearizability checks a history of calls against a sequential
// specification: each key behaves like a register that is claimed, recorded and
// read at single moments, whatever happened concurrently and whatever was lost.
//
// A call that executes in leased mode is two steps, its claim and its
// completion, because both are seen from outside: by what others are told in
// between. Of a step whose outcome nobody knows, because the store did not answer
// or the process crashed, the history says that it may happen at any later time,
// or not at all. What the process knew although its client was not told counts
// as known, which makes the check stricter.
package linearizability

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
)

// timeout bounds the search for an order of one history. The histories here
// take milliseconds.
const timeout = 20 * time.Second

// Check reports whether the calls of the book are linearizable, key by key. The error names the
// file in which porcupine shows the history, in a new directory under dir, or
// in the system's directory for temporary files if dir is empty.
func Check(book *ledger.Book, promise ledger.Promise, dir string) error {
	histories := make(map[string][]porcupine.Operation)
	blind := make(map[*ledger.Call][]*ledger.Request)
	for _, r := range book.Requests() {
		if r.Claims && !r.Replied {
			blind[r.Call] = append(blind[r.Call], r)
		}
	}
	for _, c := range book.Calls() {
		for _, s := range steps(c, blind[c], promise.Mode) {
			histories[c.Key] = append(histories[c.Key], porcupine.Operation{
				ClientId: c.Client, Input: s, Call: int64(s.from), Return: int64(s.to),
			})
		}
	}
	model := rules{promise}.model()
	for _, key := range slices.Sorted(maps.Keys(histories)) {
		history := histories[key]
		switch result := porcupine.CheckOperationsTimeout(model, history, timeout); result {
		case porcupine.Ok:
		case porcupine.Illegal:
			return fmt.Errorf("key %s: the history is not linearizable; %s", key, visualize(model, history, dir))
		default:
			return fmt.Errorf("key %s: no verdict on %d steps within %v", key, len(history), timeout)
		}
	}
	return nil
}

// visualize keeps what porcupine shows of a history and says where.
func visualize(model porcupine.Model, history []porcupine.Operation, dir string) string {
	// Overlapping operations of one client are drawn over each other, so each
	// step that is never over gets a line of its own.
	lines := 0
	for _, o := range history {
		lines = max(lines, o.ClientId+1)
	}
	for i := range history {
		if history[i].Return == int64(ledger.Never) {
			history[i].ClientId, lines = lines, lines+1
		}
	}
	_, info := porcupine.CheckOperationsVerbose(model, history, timeout)
	dir, err := os.MkdirTemp(dir, "linearizability")
	if err != nil {
		return fmt.Sprintf("it could not be drawn: %v", err)
	}
	path := filepath.Join(dir, "history.html")
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		return fmt.Sprintf("it could not be drawn: %v", err)
	}
	return "see " + path
}
