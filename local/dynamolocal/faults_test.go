package dynamolocal_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// onPuts is a fault of PutItem alone.
func onPuts(action dynamolocal.Action) dynamolocal.Fault {
	return func(call dynamolocal.Call) dynamolocal.Action {
		if call.Operation == "PutItem" {
			return action
		}
		return dynamolocal.Action{}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		effect  dynamolocal.Effect
		code    string // "" if nothing is answered
		applied bool
	}{
		{"refuse", dynamolocal.Refuse, "", false},
		{"drop reply", dynamolocal.DropReply, "", true},
		{"throttle", dynamolocal.Throttle, "ProvisionedThroughputExceededException", false},
		{"limit rate", dynamolocal.LimitRate, "ThrottlingException", false},
		{"fail", dynamolocal.Fail, "InternalServerError", false},
		{"fail applied", dynamolocal.FailApplied, "InternalServerError", true},
		{"conflict", dynamolocal.Conflict, "TransactionConflictException", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, dynamolocal.Config{})
			s.table(t, "items", false)
			key := item{"pk": str("a")}

			remove := s.Inject(onPuts(dynamolocal.Action{Effect: c.effect}))
			err := s.put(t, "items", key)
			if err == nil || codeOf(err) != c.code {
				t.Errorf("got %v, want the code %q", err, c.code)
			}
			if got := s.has(t, "items", key); got != c.applied {
				t.Errorf("the item is there: %t, want %t", got, c.applied)
			}
			remove()
			if err := s.put(t, "items", key); err != nil {
				t.Errorf("without the fault: %v", err)
			}
		})
	}
}

func TestFaultsAreProgrammable(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	s.table(t, "others", false)
	// The second call on the table fails, once.
	calls := 0
	s.Inject(func(call dynamolocal.Call) dynamolocal.Action {
		if !slices.Contains(call.Tables, "items") {
			return dynamolocal.Action{}
		}
		if calls++; calls == 2 {
			return dynamolocal.Action{Effect: dynamolocal.Throttle}
		}
		return dynamolocal.Action{}
	})
	for i, want := range []string{"", "ProvisionedThroughputExceededException", ""} {
		if err := s.put(t, "others", item{"pk": str("a")}); err != nil {
			t.Errorf("put %d in the other table: %v", i+1, err)
		}
		if err := s.put(t, "items", item{"pk": str("a")}); codeOf(err) != want {
			t.Errorf("put %d gives %v, want %q", i+1, err, want)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	const delay = 30 * time.Millisecond
	s.Inject(onPuts(dynamolocal.Action{Delay: delay}))
	started := time.Now()
	if err := s.put(t, "items", item{"pk": str("a")}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < delay {
		t.Errorf("the call took %v, want at least %v", took, delay)
	}
}

// A client that gives up does not undo its call: it is applied all the same.
func TestDelayOutlastsTheClient(t *testing.T) {
	t.Parallel()
	served := make(chan dynamolocal.Event, 8)
	s := serve(t, dynamolocal.Config{Observe: func(event dynamolocal.Event) { served <- event }})
	s.table(t, "items", false)
	<-served
	ctx, giveUp := context.WithCancel(t.Context())
	delayed := onPuts(dynamolocal.Action{Delay: time.Hour})
	s.Inject(func(call dynamolocal.Call) dynamolocal.Action {
		giveUp()
		return delayed(call)
	})
	_, err := s.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("items"), Item: item{"pk": str("a")}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that the client gives up", err)
	}
	if event := <-served; !event.Applied || event.Operation != "PutItem" {
		t.Errorf("got %+v, want the put applied", event)
	}
	if !s.has(t, "items", item{"pk": str("a")}) {
		t.Error("the item is not there")
	}
}

func TestStopAndResume(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	remove := s.Inject(onPuts(dynamolocal.Action{Effect: dynamolocal.Stop}))
	if err := s.put(t, "items", item{"pk": str("a")}); err == nil || codeOf(err) != "" {
		t.Errorf("the put that stops the engine gives %v, want a broken connection", err)
	}
	remove()
	_, err := s.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err == nil || codeOf(err) != "" {
		t.Errorf("a call of a stopped engine gives %v, want a broken connection", err)
	}
	s.Resume()
	if s.has(t, "items", item{"pk": str("a")}) {
		t.Error("the put was applied")
	}
}

func TestConflictInTransaction(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	s.Inject(func(call dynamolocal.Call) dynamolocal.Action {
		if call.Operation != "TransactWriteItems" {
			return dynamolocal.Action{}
		}
		return dynamolocal.Action{Effect: dynamolocal.Conflict, Position: 1}
	})
	_, err := s.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: aws.String("items"), Item: item{"pk": str("a")}}},
		{Put: &types.Put{TableName: aws.String("items"), Item: item{"pk": str("b")}}},
	}})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		t.Fatalf("got %v, want a TransactionCanceledException", err)
	}
	var codes []string
	for _, reason := range cancelled.CancellationReasons {
		codes = append(codes, aws.ToString(reason.Code))
	}
	if want := []string{"None", "TransactionConflict"}; !slices.Equal(codes, want) {
		t.Errorf("the reasons are %v, want %v", codes, want)
	}
	if s.has(t, "items", item{"pk": str("a")}) {
		t.Error("the transaction was applied")
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var (
		mu     sync.Mutex
		events []dynamolocal.Event
	)
	s := serve(t, dynamolocal.Config{Observe: func(event dynamolocal.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event)
	}})
	s.table(t, "items", false)
	s.table(t, "others", false)
	if err := s.put(t, "items", item{"pk": str("a")}); err != nil {
		t.Fatal(err)
	}
	condition := "attribute_not_exists(pk)"
	if _, err := s.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("items"), Item: item{"pk": str("a")}, ConditionExpression: &condition,
	}); codeOf(err) != "ConditionalCheckFailedException" {
		t.Fatal(err)
	}
	s.has(t, "others", item{"pk": str("a")})
	remove := s.Inject(onPuts(dynamolocal.Action{Effect: dynamolocal.DropReply}))
	if err := s.put(t, "items", item{"pk": str("b")}); err == nil {
		t.Fatal("the reply was not dropped")
	}
	remove()
	if _, err := s.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: aws.String("others"), Item: item{"pk": str("c")}}},
		{Delete: &types.Delete{TableName: aws.String("items"), Key: item{"pk": str("a")}}},
		{Delete: &types.Delete{TableName: aws.String("items"), Key: item{"pk": str("b")}}},
	}}); err != nil {
		t.Fatal(err)
	}

	call := func(number int64, operation string, tables ...string) dynamolocal.Call {
		var actions []dynamolocal.TableAction
		for _, table := range tables {
			actions = append(actions, dynamolocal.TableAction{Action: operation, Table: table})
		}
		return dynamolocal.Call{Number: number, Operation: operation, Tables: tables, Actions: actions, AccessKeyID: accessKey}
	}
	transaction := call(7, "TransactWriteItems", "others", "items")
	transaction.Actions = []dynamolocal.TableAction{{Action: "PutItem", Table: "others"}, {Action: "DeleteItem", Table: "items"}, {Action: "DeleteItem", Table: "items"}}
	want := []dynamolocal.Event{
		{Call: call(1, "CreateTable", "items"), Applied: true},
		{Call: call(2, "CreateTable", "others"), Applied: true},
		{Call: call(3, "PutItem", "items"), Applied: true, Consumed: []dynamolocal.Consumed{{Table: "items", Write: 1}}},
		{
			Call: call(4, "PutItem", "items"), Applied: true, Consumed: []dynamolocal.Consumed{{Table: "items", Write: 1}},
			Exception: "ConditionalCheckFailedException",
		},
		{Call: call(5, "GetItem", "others"), Applied: true, Consumed: []dynamolocal.Consumed{{Table: "others", Read: 0.5}}},
		{Call: call(6, "PutItem", "items"), Applied: true, Consumed: []dynamolocal.Consumed{{Table: "items", Write: 1}}},
		{
			Call: transaction, Applied: true,
			Consumed: []dynamolocal.Consumed{{Table: "others", Write: 2}, {Table: "items", Write: 4}},
		},
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("the events differ (-want +got):\n%s", diff)
	}
}
