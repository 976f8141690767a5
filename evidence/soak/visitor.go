package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// visitor is a client with a session of its own, who asks for something a few times
// over, repeats some of it, and is checked at the end.
type visitor struct {
	address string
	client  *http.Client
	session string
	// patience is how long an answer may take to come, retries included.
	patience time.Duration
	// measured is called with the milliseconds of each request that was answered at
	// once.
	measured func(replay bool, milliseconds float64)
	book     *ledger.Book
	mu       sync.Mutex
	lost     []error
	sent     int // requests
}

const (
	// intents is how many things a visitor asks for.
	intents = 8
	// requestsOfAVisit is how many requests that takes, if none is repeated because it
	// was not answered: the last asks for the effects.
	requestsOfAVisit = intents + intents/2 + intents/4 + 1
)

// intent is one thing that is asked for.
type intent struct {
	kind    string // of its effect
	path    string
	key     string
	payload string // what an answer has to repeat, without blanks
	body    []byte
	receipt bool
	fault   string
}

func newVisitor(address string, client *http.Client) *visitor {
	return &visitor{
		address: address, client: client, session: uuid.NewString(), patience: time.Minute,
		measured: func(bool, float64) {}, book: ledger.New(false),
	}
}

// intent returns the i-th. No two of a visitor have the same payload, so that an
// answer shows whose it is.
func (v *visitor) intent(i int) intent {
	n := intent{key: uuid.NewString()}
	switch i % 4 {
	case 0, 1:
		n.kind, n.path, n.payload, n.receipt = "charge", "/api/payments", strconv.Itoa(i+1)+"/"+n.key, i%4 == 1
		n.body = fmt.Appendf(nil, `{"amount":%d,"currency":"EUR","description":%q,"receipt":%t}`, i+1, n.key, n.receipt)
	case 2:
		n.kind, n.path, n.payload = "customer", "/api/customers", n.key
		n.body = fmt.Appendf(nil, `{"name":%q,"email":"ada@example.com"}`, n.key)
	default:
		n.kind, n.path, n.payload = "order", "/api/orders", strconv.Itoa(i+1)
		n.body = fmt.Appendf(nil, `{"sku":"mug","quantity":%d}`, i+1)
	}
	return n
}

// answered is what an answer repeats of the request.
func (n intent) answered(body []byte) (resource, payload string, err error) {
	var answer struct {
		ID, Name, Description string
		Amount, Quantity      int
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", "", err
	}
	switch n.kind {
	case "charge":
		payload = strconv.Itoa(answer.Amount) + "/" + answer.Description
	case "customer":
		payload = answer.Name
	default:
		payload = strconv.Itoa(answer.Quantity)
	}
	return answer.ID, payload, nil
}

// visit asks for everything, half of it twice in turn and a quarter twice at once,
// and returns what was wrong. With a fault the first request has it.
func (v *visitor) visit(ctx context.Context, fault string) []error {
	for i := range intents {
		n := v.intent(i)
		if i == 0 {
			n.fault = fault
		}
		var group sync.WaitGroup
		if i%4 == 2 {
			group.Go(func() { v.ask(ctx, n, true) })
		}
		v.ask(ctx, n, i%4 == 2)
		group.Wait()
		if i%2 == 1 {
			n.fault = ""
			v.ask(ctx, n, false)
		}
		if ctx.Err() != nil {
			return nil // the soak is over: nothing can be said of the rest
		}
	}
	effects, err := v.effects(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return append(v.lost, fmt.Errorf("session %s: %w", v.session, err))
	}
	return v.check(effects)
}

// ask sends a request until it is answered and enters the answer into the book. A
// request that races against another is not measured: it may have to wait.
func (v *visitor) ask(ctx context.Context, n intent, races bool) {
	ctx, cancel := context.WithTimeout(ctx, v.patience)
	defer cancel()
	call := v.book.Open(ledger.Call{Key: n.key, Payload: n.payload, For: n.key + " " + n.payload, Effects: n.effects()}, idempotency.DefaultWindow)
	fault := n.fault
	for attempt := 0; ; attempt++ {
		start := time.Now()
		response, body, err := v.send(ctx, http.MethodPost, n.path, n, fault)
		took := float64(time.Since(start)) / float64(time.Millisecond)
		if err == nil && response.StatusCode == http.StatusCreated {
			replayed := response.Header.Get("Idempotent-Replayed") == "true"
			if !races && n.fault == "" && attempt == 0 {
				v.measured(replayed, took)
			}
			if err := v.enter(call, n, replayed, body); err != nil {
				v.lose(fmt.Errorf("session %s, key %s: damaged answer %.80q: %w", v.session, n.key, body, err))
			}
			return
		}
		if err == nil && !isTemporary(response) {
			v.lose(fmt.Errorf("session %s, key %s: status %d: %.200s", v.session, n.key, response.StatusCode, body))
			return
		}
		fault = "" // it has happened
		wait := 100 * time.Millisecond
		if err == nil {
			if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
				wait = time.Duration(seconds) * time.Second
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			v.lose(fmt.Errorf("session %s, key %s: no answer within %s", v.session, n.key, v.patience))
			return
		}
	}
}

func isTemporary(response *http.Response) bool {
	return response.StatusCode >= 500 || response.Header.Get("Retry-After") != ""
}

// effects are those that the intent has.
func (n intent) effects() []string {
	if n.receipt {
		return []string{n.kind, "receipt"}
	}
	return []string{n.kind}
}

// enter enters an answer into the book.
func (v *visitor) enter(call *ledger.Call, n intent, replayed bool, body []byte) error {
	resource, payload, err := n.answered(body)
	if err != nil {
		return err
	}
	var receipts []string
	for _, name := range n.effects() {
		receipts = append(receipts, ledger.Receipt(name+":"+resource, n.key+" "+payload))
	}
	v.book.Tell(call, replayed, receipts, fmt.Sprintf("%x", sha256.Sum256(body)))
	return nil
}

func (v *visitor) lose(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = append(v.lost, err)
}

func (v *visitor) send(ctx context.Context, method, path string, n intent, fault string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, v.address+path, bytes.NewReader(n.body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Demo-Session", v.session)
	if n.key != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", n.key)
	}
	if fault != "" {
		r.Header.Set("Demo-Fault", fault)
	}
	v.mu.Lock()
	v.sent++
	v.mu.Unlock()
	response, err := v.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// effect is one of the session's, as the API lists them.
type effect struct{ Kind, Resource string }

func (v *visitor) effects(ctx context.Context) ([]effect, error) {
	response, body, err := v.send(ctx, http.MethodGet, "/api/executions", intent{}, "")
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the list of effects: status %d: %.200s", response.StatusCode, body)
	}
	var list struct {
		Effects   []effect
		Truncated bool
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the list of effects: %w", err)
	}
	if list.Truncated {
		return nil, errors.New("the list of effects is not whole")
	}
	return list.Effects, nil
}

// check enters the effects and returns what is wrong: answers that were lost, effects
// of which nobody was told, and what the ledger finds.
func (v *visitor) check(effects []effect) []error {
	wrong := v.lost
	for _, e := range effects {
		if !v.book.List(e.Kind, e.Kind+":"+e.Resource) {
			wrong = append(wrong, fmt.Errorf("session %s: nobody was told of the %s of %s", v.session, e.Kind, e.Resource))
		}
	}
	// Every operation has its effects once, whatever crashes: an id that derives from
	// the key, a processor that is asked, a transaction, a step.
	for _, violation := range v.book.Check(ledger.Promise{SkewHeld: true, Deduplicated: true}) {
		wrong = append(wrong, fmt.Errorf("session %s: %v", v.session, violation))
	}
	return wrong
}
