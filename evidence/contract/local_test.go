package contract_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

// newStack starts a stack that the test has for itself, to break it.
func newStack(t *testing.T) (*localstack.Stack, *visitor) {
	t.Helper()
	return newStackWith(t, nil)
}

func newStackWith(t *testing.T, change func(*localstack.Config)) (*localstack.Stack, *visitor) {
	t.Helper()
	if deployed() {
		t.Skip("a deployment cannot be reached into")
	}
	stack, err := startStack(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack, newVisitorOf(t, stack.URL())
}

// newClient returns a client of the stack's DynamoDB.
func newClient(stack *localstack.Stack) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(stack.DynamoDBURL()),
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// recordsTable is the name of the idempotency table.
func recordsTable(t *testing.T, stack *localstack.Stack) string {
	t.Helper()
	for id, name := range stack.Tables() {
		if strings.HasPrefix(id, "IdempotencyTable") {
			return name
		}
	}
	t.Fatal("the template has no idempotency table")
	return ""
}

// kill kills the one process of a function, in the middle of whatever it does,
// and returns when that has been noticed.
func (v *visitor) kill(stack *localstack.Stack, handler string) {
	v.t.Helper()
	processes := stack.Processes(handler)
	if len(processes) != 1 {
		v.t.Fatalf("%s runs in the processes %v, want one", handler, processes)
	}
	if err := syscall.Kill(processes[0], syscall.SIGKILL); err != nil {
		v.t.Fatal(err)
	}
	v.eventually("the process is gone", func() (bool, time.Duration) {
		return !slices.Contains(stack.Processes(handler), processes[0]), 0
	})
}

func TestKilledFunction(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	done := v.background(t.Context(), "k1", "slow=4s")
	v.awaitRecord("k1", "INPROGRESS")
	v.kill(stack, "payments")
	if lost := <-done; lost.err != nil || lost.status < 500 { // API Gateway answers for the dead function
		t.Errorf("got %v, %v", lost.response, lost.err)
	}
	waiting := v.pay("k1")
	v.expectProblem(waiting, http.StatusConflict, "in-progress")
	if waiting.header.Get("Retry-After") == "" {
		t.Errorf("got %v", waiting)
	}
	v.expectActivity(1, 0)
	first := v.payUntilDone("k1")
	v.expectCreated(first)
	v.expectReplay(v.pay("k1"), first)
	v.expectActivity(2, 1)
}

// TestMismatchOnAnotherProcess makes the first request and its duplicates meet
// different processes: what one remembers of the record is not what the other
// knew.
func TestMismatchOnAnotherProcess(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	first := v.pay("k1")
	v.expectCreated(first)
	v.kill(stack, "payments")
	v.expectProblem(v.post("/api/payments", "k1", strings.Replace(coffee, "1250", "1251", 1)), http.StatusUnprocessableEntity, "payload-mismatch")
	v.expectReplay(v.pay("k1"), first)
	v.expectActivity(1, 1)
}

// TestZombieAnswersWithTheWinnersResponse has another owner take over and
// complete while the first still works. For that it copies a completed record in
// the table, as no function lives long enough to be overtaken.
func TestZombieAnswersWithTheWinnersResponse(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	winners := v.pay("winner")
	v.expectCreated(winners)
	winner := v.awaitRecord("winner", "COMPLETED")

	done := v.background(t.Context(), "k1", "slow=4s")
	overtaken := v.awaitRecord("k1", "INPROGRESS")
	client := newClient(stack)
	table := aws.String(recordsTable(t, stack))
	read, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: table,
		Key:       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: winner.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	read.Item["id"] = &types.AttributeValueMemberS{Value: overtaken.ID}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: read.Item}); err != nil {
		t.Fatal(err)
	}

	zombie := <-done
	if zombie.err != nil {
		t.Fatal(zombie.err)
	}
	v.expectReplay(zombie.response, winners)
	v.expectReplay(v.pay("k1"), winners)
	if r := v.awaitRecord("k1", "COMPLETED"); r.Owner != winner.Owner {
		t.Errorf("the record is %+v, not the winner's", r)
	}
}

func TestUnavailableStoreExecutesNothing(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]dynamolocal.Effect{
		"fails":     dynamolocal.Fail,
		"refuses":   dynamolocal.Refuse,
		"throttles": dynamolocal.Throttle,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack, v := newStack(t)
			table := recordsTable(t, stack)
			restore := stack.Engine().Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
				if slices.Contains(call.Tables, table) {
					action.Effect = effect
				}
				return action
			})
			down := v.pay("k1")
			v.expectProblem(down, http.StatusServiceUnavailable, "store-unavailable")
			if down.header.Get("Retry-After") == "" {
				t.Errorf("got %v", down)
			}
			v.expectActivity(0, 0)
			restore()
			v.expectCreated(v.pay("k1"))
			v.expectActivity(1, 1)
		})
	}
}

// takeDataAway has every request fail that asks for another table than that of the
// records, until restore is called.
func takeDataAway(t *testing.T, stack *localstack.Stack) (restore func()) {
	t.Helper()
	records := recordsTable(t, stack)
	return stack.Engine().Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
		if !slices.Contains(call.Tables, records) {
			action.Effect = dynamolocal.Fail
		}
		return action
	})
}

// TestFailedCustomerFreesItsKey: creating a customer again does no harm, so that
// a key whose execution failed can be used at once.
func TestFailedCustomerFreesItsKey(t *testing.T) {
	t.Parallel()
	const ada = `{"name":"Ada","email":"ada@example.com"}`
	stack, v := newStack(t)
	restore := takeDataAway(t, stack)
	if failed := v.post("/api/customers", "k1", ada); failed.status < 500 {
		t.Fatalf("got %v without the data table", failed)
	}
	if r := v.recordResponse("customers.create", "k1"); r.status != http.StatusNotFound {
		t.Errorf("the key is still taken: %v", r)
	}
	restore()
	v.expectCreated(v.post("/api/customers", "k1", ada))
}

// TestRecordThatCannotBeCompleted takes the idempotency table away once the key is
// claimed. The payment is made and its caller told so, since an error would only
// provoke a second one; a retry finds out what became of it.
func TestRecordThatCannotBeCompleted(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	table := recordsTable(t, stack)
	var writes atomic.Int64
	restore := stack.Engine().Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
		if slices.Contains(call.Tables, table) && call.Operation != "GetItem" && writes.Add(1) > 1 {
			action.Effect = dynamolocal.Fail
		}
		return action
	})
	v.expectCreated(v.pay("k1"))
	v.awaitRecord("k1", "INPROGRESS")
	restore()
	v.expectCreated(v.payUntilDone("k1"))
	v.expectActivity(1, 1)
}

// TestPaymentThatFails takes the ledger away while a payment is executed. Whether it
// was charged is not known then, so its key is not free: a retry finds out, and charges.
func TestPaymentThatFails(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	restore := takeDataAway(t, stack)
	if failed := v.pay("k1"); failed.status < 500 {
		t.Fatalf("got %v without the ledger", failed)
	}
	v.awaitRecord("k1", "INPROGRESS")
	restore()
	v.expectCreated(v.payUntilDone("k1"))
	v.expectActivity(1, 1)
}

// TestLostReplies drops the reply to one write of the idempotency table, which
// has been applied. The SDK repeats it and meets its own doing.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int64{"claim": 1, "completion": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack, v := newStack(t)
			table := recordsTable(t, stack)
			var writes atomic.Int64
			stack.Engine().Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
				if slices.Contains(call.Tables, table) && call.Operation != "GetItem" && writes.Add(1) == lost {
					action.Effect = dynamolocal.DropReply
				}
				return action
			})
			first := v.pay("k1")
			v.expectCreated(first)
			if writes.Load() <= lost {
				t.Fatalf("the write was not repeated: %d writes", writes.Load())
			}
			v.expectReplay(v.pay("k1"), first)
			v.expectActivity(1, 1)
		})
	}
}
