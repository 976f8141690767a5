package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

// patience is how long tests wait for what must happen: an interrupted payment
// takes the rest of its lease, 15 seconds at most, to be made, and a busy machine
// is no failure.
const patience = 5 * time.Minute

const (
	coffee            = `{"amount":1250,"currency":"EUR","description":"coffee"}`
	coffeeWithReceipt = `{"amount":1250,"currency":"EUR","description":"coffee","receipt":true}`
)

// visitor is a client with a session of its own.
type visitor struct {
	t       testing.TB
	url     string
	session string
	client  *http.Client // sends once
	patient *http.Client // sends until there is an answer
}

// newVisitor returns a new visitor of the API under test.
func newVisitor(t testing.TB) *visitor { return newVisitorOf(t, apiURL) }

func newVisitorOf(t testing.TB, url string) *visitor {
	t.Helper()
	once := newValidator(t)
	patiently, err := idemclient.New(idemclient.Config{Base: once, Timeout: patience, MaxAttempts: 1000, MaxDelay: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{
		t: t, url: strings.TrimSuffix(url, "/"), session: uuid.NewString(),
		client: &http.Client{Transport: once}, patient: &http.Client{Transport: patiently},
	}
}

// response is an answer, read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

func (r response) String() string { return fmt.Sprintf("%d %v %s", r.status, r.header, r.body) }

// send sends a request, and again where the API has too many at once: tests that
// run side by side make more of them than visitors do. A header whose list of
// values is nil is left out, though the visitor would send it by itself.
func (v *visitor) send(ctx context.Context, method, path, body string, header http.Header) (response, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		answer, err := v.sendBy(ctx, v.client, method, path, body, header)
		if err != nil || answer.status != http.StatusTooManyRequests || time.Now().After(deadline) {
			return answer, err
		}
	}
}

func (v *visitor) sendBy(ctx context.Context, client *http.Client, method, path, body string, header http.Header) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, v.url+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	request.Header.Set("Demo-Session", v.session)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		if values == nil {
			request.Header.Del(name)
		} else {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	answer, err := client.Do(request)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return response{answer.StatusCode, answer.Header, string(text)}, err
}

// do is send for requests that must be answered, whatever the answer is.
func (v *visitor) do(method, path, body string, header http.Header) response {
	v.t.Helper()
	answer, err := v.send(v.t.Context(), method, path, body, header)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

func (v *visitor) get(path string) response {
	v.t.Helper()
	return v.do(http.MethodGet, path, "", nil)
}

// post posts with a key and, if there is one, a fault.
func (v *visitor) post(path, key, body string, fault ...string) response {
	v.t.Helper()
	return v.do(http.MethodPost, path, body, http.Header{"Idempotency-Key": {key}, "Demo-Fault": fault})
}

// pay makes a payment with a key and, if there is one, a fault.
func (v *visitor) pay(key string, fault ...string) response {
	v.t.Helper()
	return v.post("/api/payments", key, coffee, fault...)
}

// payUntilDone makes a payment with a key and waits for its answer.
func (v *visitor) payUntilDone(key string) response {
	v.t.Helper()
	return v.postUntilDone("/api/payments", key, coffee)
}

// postUntilDone posts as a client should: with the same key, after the time that
// the answer asks for, until there is one that does not ask for a retry.
func (v *visitor) postUntilDone(path, key, body string) response {
	v.t.Helper()
	answer, err := v.sendBy(v.t.Context(), v.patient, http.MethodPost, path, body, http.Header{"Idempotency-Key": {key}})
	if err != nil || !final(answer) {
		v.t.Fatalf("no final answer to %s with the key %s within %v, but %v, %v", path, key, patience, answer, err)
	}
	return answer
}

// final reports whether an answer is that of the operation, and not one that asks
// for a retry: as documented, those are 5xx and 409 with Retry-After.
func final(answer response) bool {
	return answer.status < 500 && answer.header.Get("Retry-After") == ""
}

// concurrently sends the same request many times at once.
func (v *visitor) concurrently(times int, path, key, body string) []response {
	v.t.Helper()
	answers := make([]response, times)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range answers {
		wg.Go(func() {
			<-start
			var err error
			answers[i], err = v.send(v.t.Context(), http.MethodPost, path, body, http.Header{"Idempotency-Key": {key}})
			if err != nil {
				v.t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// expectOneFirst checks that of a request's answers one is no replay, and that
// those that do not ask for a retry say the same as the last one.
func (v *visitor) expectOneFirst(answers []response, last response) {
	v.t.Helper()
	firsts := 0
	for _, answer := range answers {
		if !final(answer) {
			v.expectProblem(answer, http.StatusConflict, "in-progress")
			continue
		}
		if answer.header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
		expectSame(v.t, answer, last)
	}
	if firsts != 1 {
		v.t.Errorf("%d answers are no replays, want 1", firsts)
	}
}

// eventually asks until the answer is yes, waiting as long as the asker wants in
// between, or a little.
func (v *visitor) eventually(what string, ask func() (done bool, wait time.Duration)) {
	v.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		done, wait := ask()
		if done {
			return
		}
		if wait == 0 {
			wait = 20 * time.Millisecond
		}
		if time.Now().Add(wait).After(deadline) {
			v.t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(wait)
	}
}

// activity is what GET /api/executions answers.
type activity struct {
	Executions []struct {
		ID, Operation, KeyHash string
		Steps                  []struct{ Name string }
	}
	Effects []struct {
		ID, Kind, Operation, Resource string
		Detail                        struct {
			Amount              int
			Currency, Reference string
			SKU                 string
			Quantity            int
		}
	}
	ExecutionCount, EffectCount int
	Truncated                   bool
}

func (v *visitor) activity() activity {
	v.t.Helper()
	var a activity
	v.decode(v.get("/api/executions"), &a)
	return a
}

// expectActivity compares how often operations ran in the session and how many
// effects that had.
func (v *visitor) expectActivity(executions, effects int) activity {
	v.t.Helper()
	a := v.activity()
	if a.ExecutionCount != executions || a.EffectCount != effects {
		v.t.Errorf("%d executions with %d effects, want %d with %d: %+v", a.ExecutionCount, a.EffectCount, executions, effects, a)
	}
	return a
}

// record is what GET /api/idempotency-records answers.
type record struct {
	ID, Status, Owner, Fingerprint string
	LeaseExpiresAt, ExpiresAt      time.Time
	Size                           int
}

func (v *visitor) recordResponse(operation, key string) response {
	v.t.Helper()
	return v.get("/api/idempotency-records/" + operation + "/" + url.PathEscape(key))
}

// awaitRecord waits until the record of a payment's key has a status.
func (v *visitor) awaitRecord(key, status string) (r record) {
	v.t.Helper()
	v.eventually("the record is "+status, func() (bool, time.Duration) {
		answer := v.recordResponse("payments.create", key)
		if answer.status == http.StatusNotFound {
			return false, 0
		}
		v.decode(answer, &r)
		return r.Status == status, 0
	})
	return r
}

func (v *visitor) decode(r response, into any) {
	v.t.Helper()
	if r.status >= 300 {
		v.t.Fatalf("got %v", r)
	}
	if err := json.NewDecoder(bytes.NewBufferString(r.body)).Decode(into); err != nil {
		v.t.Fatalf("%v: %v", err, r)
	}
}

func (v *visitor) expectStatus(r response, status int) {
	v.t.Helper()
	if r.status != status {
		v.t.Fatalf("got %v, want %d", r, status)
	}
}

// expectCreated checks a first answer.
func (v *visitor) expectCreated(r response) {
	v.t.Helper()
	v.expectStatus(r, http.StatusCreated)
	if r.header.Get("Idempotent-Replayed") != "" {
		v.t.Errorf("a first answer says that it is a replay: %v", r)
	}
}

// expectReplay checks that an answer repeats the first one.
func (v *visitor) expectReplay(r, first response) {
	v.t.Helper()
	if r.header.Get("Idempotent-Replayed") != "true" {
		v.t.Errorf("not a replay: %v", r)
	}
	expectSame(v.t, r, first)
}

// kept are the header fields that a replay has from the first answer.
var kept = []string{"Content-Type", "Location", "Etag", "Idempotency-Expires"}

// expectSame compares what replays keep of an answer.
func expectSame(t testing.TB, r, first response) {
	t.Helper()
	if r.status != first.status || r.body != first.body {
		t.Errorf("got %v, want %v", r, first)
	}
	for _, name := range kept {
		if got, want := r.header.Get(name), first.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// expectProblem checks a problem document and that it is not a replay.
func (v *visitor) expectProblem(r response, status int, slug string) {
	v.t.Helper()
	var document struct {
		Type   string
		Status int
	}
	if err := json.Unmarshal([]byte(r.body), &document); err != nil || r.status != status || document.Status != status ||
		!strings.HasSuffix(document.Type, "#"+slug) || r.header.Get("Content-Type") != "application/problem+json" {
		v.t.Errorf("got %v, want the problem %s with status %d", r, slug, status)
	}
	if r.header.Get("Idempotent-Replayed") != "" {
		v.t.Errorf("an error says that it is a replay: %v", r)
	}
}
