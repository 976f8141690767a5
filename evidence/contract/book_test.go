package contract_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
)

// book is what many clients of a visitor's session asked and were told while
// processes were killed.
type book struct {
	*visitor
	*ledger.Book
}

func (v *visitor) opened() book { return book{v, ledger.New(false)} }

// made is what a response names: an order, or a payment and its effects.
type made struct{ ID, ChargeID, ReceiptID string }

// effects returns the receipts of what was made for the key, by their names.
func (m made) effects(key string) (names, receipts []string) {
	for _, e := range []struct{ name, id string }{{"charge", m.ChargeID}, {"receipt", m.ReceiptID}} {
		if e.id != "" {
			names, receipts = append(names, e.name), append(receipts, ledger.Receipt(e.id+" of "+m.ID, key))
		}
	}
	if names == nil {
		return []string{"order"}, []string{ledger.Receipt(m.ID, key)}
	}
	return names, receipts
}

// ask posts until there is an answer, and enters it.
func (b book) ask(path, key, body string) response {
	b.t.Helper()
	c := b.Open(ledger.Call{Key: key, Payload: body, For: key}, 24*time.Hour)
	answer := b.postUntilDone(path, key, body)
	m := made{ID: ledger.NoEffect}
	switch answer.status {
	case http.StatusCreated:
		if err := json.Unmarshal([]byte(answer.body), &m); err != nil {
			b.t.Errorf("%s ends with %v: %v", key, answer, err)
		}
	case http.StatusConflict: // out of stock
	default:
		b.t.Errorf("%s ends with %v", key, answer)
	}
	names, receipts := m.effects(key)
	b.Enter(func(ledger.Moment) { c.Effects = names })
	rest := fmt.Sprint(answer.status, " ", answer.body)
	for _, name := range kept {
		rest += " " + answer.header.Get(name)
	}
	b.Tell(c, answer.header.Get("Idempotent-Replayed") == "true", receipts, rest)
	return answer
}

// repeat asks once more for what every key was asked for: it is replayed.
func (b book) repeat(path string) {
	b.t.Helper()
	again := make(map[string]bool)
	for _, c := range b.Calls() {
		if again[c.Key] {
			continue
		}
		again[c.Key] = true
		if r := b.ask(path, c.Key, c.Payload); r.header.Get("Idempotent-Replayed") != "true" {
			b.t.Errorf("not a replay: %v", r)
		}
	}
}

// judge enters the session's effects, and fails the test unless each key has each of
// its effects once, nobody was told of another, and there are no others.
func (b book) judge() activity {
	b.t.Helper()
	a := b.activity()
	if a.Truncated {
		b.t.Fatal("there are more effects than are shown")
	}
	for _, e := range a.Effects {
		id := e.ID + " of " + e.Resource
		if e.Kind == "order" {
			id = e.Resource
		}
		if !b.List(e.Kind, id) {
			b.t.Errorf("nobody was told of the %s %+v", e.Kind, e)
		}
	}
	// Interrupted orders are rolled back, and payments ask the processor: nothing
	// happens twice.
	for _, v := range b.Check(ledger.Promise{SkewHeld: true, Deduplicated: true}) {
		b.t.Error(v)
	}
	return a
}
