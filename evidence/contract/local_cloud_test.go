package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

// afterSomebodyElsesError has every request to the tables fail while one visitor asks for
// something, and returns what another one gets just after that.
func afterSomebodyElsesError(t *testing.T, stack *localstack.Stack, v *visitor) response {
	t.Helper()
	restore := stack.Engine().Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	if failed := v.get("/api/executions"); failed.status < 500 {
		t.Fatalf("got %v without the tables", failed)
	}
	restore()
	return newVisitorOf(t, stack.URL()).get("/api/executions")
}

// TestOneVisitorsErrorIsNotEverybodys holds that CloudFront remembers no error of
// the API: its cache would give it to all, for the key is the path.
func TestOneVisitorsErrorIsNotEverybodys(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	if next := afterSomebodyElsesError(t, stack, v); next.status != http.StatusOK {
		t.Errorf("another visitor gets %v", next)
	}
	// Nor is what one may not see missing for the one whose it is.
	owner := newVisitorOf(t, stack.URL())
	made := owner.pay("k1")
	owner.expectCreated(made)
	v.expectProblem(v.get(made.header.Get("Location")), http.StatusNotFound, "not-found")
	if own := owner.get(made.header.Get("Location")); own.status != http.StatusOK {
		t.Errorf("the owner gets %v", own)
	}
}

// TestErrorsWouldBeRemembered takes the error responses out of the template: the
// test above then fails.
func TestErrorsWouldBeRemembered(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, r := range document["Resources"].(map[string]any) {
		if r := r.(map[string]any); r["Type"] == "AWS::CloudFront::Distribution" {
			delete(r["Properties"].(map[string]any)["DistributionConfig"].(map[string]any), "CustomErrorResponses")
		}
	}
	changed := filepath.Join(t.TempDir(), "template.json")
	if text, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stack, v := newStackWith(t, func(c *localstack.Config) { c.Template = changed })
	if next := afterSomebodyElsesError(t, stack, v); next.status < 500 || next.header.Get("Age") == "" {
		t.Errorf("another visitor gets %v, want the error", next)
	}
}

// TestPageFitsTheThrottles sends what the page sends at most, bursts of fifty with
// protection and without, to a stack whose throttles and concurrency are those of
// the template: two visitors at once are not refused.
func TestPageFitsTheThrottles(t *testing.T) {
	t.Parallel()
	const visitors, burst = 2, 50
	stack, _ := newStackWith(t, func(c *localstack.Config) { c.Unthrottled, c.Env = false, nil })
	var refused sync.Map
	var wg sync.WaitGroup
	for i := range visitors {
		v := newVisitorOf(t, stack.URL())
		for _, path := range []string{"/api/payments", "/api/unprotected/payments"} {
			for range burst {
				wg.Go(func() {
					answer, err := v.sendBy(t.Context(), v.client, http.MethodPost, path, coffee, http.Header{"Idempotency-Key": {"k"}})
					if err != nil || answer.status != http.StatusCreated && answer.status != http.StatusConflict {
						refused.Store(fmt.Sprintf("visitor %d, %s: %v, %v", i, path, answer, err), true)
					}
				})
			}
		}
	}
	wg.Wait()
	refused.Range(func(what, _ any) bool { t.Error(what); return true })
}

// TestFaultsAreLimited asks for more crashes than a session may have in a minute:
// the rest is refused, and carries nothing out.
func TestFaultsAreLimited(t *testing.T) {
	t.Parallel()
	stack, v := newStackWith(t, func(c *localstack.Config) { c.Env = nil })
	const perSession = 10
	crashed, refused := 0, 0
	// Twice as many, because a minute may end meanwhile.
	for i := range 2*perSession + 1 {
		answer, err := v.sendBy(t.Context(), v.client, http.MethodPost, "/api/payments", coffee,
			http.Header{"Idempotency-Key": {fmt.Sprint("k", i)}, "Demo-Fault": {"drop-response"}})
		switch {
		case err != nil:
			t.Fatal(err)
		case answer.status == http.StatusTooManyRequests:
			v.expectProblem(answer, http.StatusTooManyRequests, "too-many-faults")
			refused++
		default:
			crashed++
		}
	}
	if refused == 0 || crashed < perSession || crashed > 2*perSession {
		t.Errorf("%d crashes and %d refusals", crashed, refused)
	}
	v.expectActivity(crashed, crashed)

	// Others have faults of their own, in every operation.
	other := newVisitorOf(t, stack.URL())
	for path, body := range map[string]string{"/api/customers": `{"name":"Ada","email":"ada@example.com"}`, "/api/orders": samovar} {
		if lost := other.post(path, "k1", body, "drop-response"); lost.status < 500 || lost.header.Get("Content-Type") == "application/problem+json" {
			t.Errorf("%s: got %v, want no response of the function", path, lost)
		}
	}
}

// TestHeadIsGet asks for the headers of everything that can be read.
func TestHeadIsGet(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	made := v.pay("k1")
	v.expectCreated(made)
	for _, path := range []string{
		made.header.Get("Location"), "/api/executions", "/api/calls", "/api/idempotency-records/payments.create/k1", "/api/orders/" + v.session,
	} {
		get, head := v.get(path), v.do(http.MethodHead, path, "", nil)
		if head.status != get.status || head.body != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") || head.header.Get("ETag") != get.header.Get("ETag") {
			t.Errorf("%s: GET %v, HEAD %v", path, get, head)
		}
	}
}

// sendToQueue sends a message to the queue of payments as the AWS CLI would.
func (v *visitor) sendToQueue(url, body string) {
	v.t.Helper()
	payload, err := json.Marshal(map[string]string{"QueueUrl": url, "MessageBody": body})
	if err != nil {
		v.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url, bytes.NewReader(payload))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	answer, err := http.DefaultClient.Do(request) // SQS is no part of the document
	if err != nil {
		v.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		v.t.Fatalf("got %s", answer.Status)
	}
}

// TestQueueIsConsumed sends payments to the queue of the template, some of them
// twice: its event source mapping delivers them, each is made once, and what can
// never be made ends in the dead-letter queue.
func TestQueueIsConsumed(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	url, ok := stack.Output("PaymentQueueUrl")
	if !ok {
		t.Fatal("no output names the queue")
	}
	command := func(key string, amount int) string {
		return fmt.Sprintf(`{"session":%q,"idempotencyKey":%q,"payment":{"amount":%d,"currency":"EUR","description":"by message"}}`, v.session, key, amount)
	}
	const payments = 12
	for range 2 {
		for i := range payments {
			v.sendToQueue(url, command(fmt.Sprint("k", i), 100+i))
		}
	}
	poison := []string{"hello", command("k0", 999), command("", 100)}
	for _, body := range poison {
		v.sendToQueue(url, body)
	}
	queue, dead := stack.Queue("PaymentQueueUrl"), stack.Queue("PaymentDeadLetterQueueUrl")
	v.eventually("what can be paid is paid, and the rest given up", func() (bool, time.Duration) {
		queue.Release() // as the end of the visibility timeout would, after the function has ended
		waiting, hidden := queue.Count()
		given, _ := dead.Count()
		return waiting+hidden == 0 && given == len(poison), 50 * time.Millisecond
	})
	v.expectActivity(payments, payments)
	var letters []string
	for _, m := range dead.Receive(len(poison)) {
		letters = append(letters, m.Body)
	}
	slices.Sort(letters)
	slices.Sort(poison)
	if !slices.Equal(letters, poison) {
		t.Errorf("the dead letters are %s", strings.Join(letters, "\n"))
	}
}
