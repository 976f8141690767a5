package dynamotest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// createOrder is a handler that somebody would test: it takes each order once,
// and answers a repetition as it answered the order.
func createOrder(client *dynamodb.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := client.PutItem(r.Context(), &dynamodb.PutItemInput{
			TableName:           aws.String("orders"),
			Item:                map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: r.PathValue("id")}},
			ConditionExpression: aws.String("attribute_not_exists(id)"),
		})
		if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}
}

func put(ctx context.Context, db *dynamotest.DynamoDB, item map[string]types.AttributeValue) error {
	_, err := db.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: item})
	return err
}

func id(value string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: value}}
}

// The write is applied and its reply lost; the SDK repeats it and finds it done.
func TestLostReply(t *testing.T) {
	db := dynamotest.New(t)
	db.CreateTable(t, "orders", "id")
	db.Next("PutItem", dynamolocal.DropReply)
	calls := db.Record()

	mux := http.NewServeMux()
	mux.Handle("PUT /orders/{id}", createOrder(db.Client))
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest(http.MethodPut, "/orders/7", nil))

	if response.Code != http.StatusCreated {
		t.Errorf("the order was answered %d, want 201", response.Code)
	}
	if got := len(calls.Calls()); got != 2 {
		t.Errorf("there were %d calls, want the lost one and its repetition", got)
	}
	if got := calls.Consumed("orders"); got.Write != 2 {
		t.Errorf("they consumed %v units, want 2", got.Write)
	}
}

// Time passes without waiting: what has expired is gone when the engine sweeps.
func TestTimeToLive(t *testing.T) {
	db := dynamotest.New(t)
	db.CreateTable(t, "orders", "id")
	if _, err := db.Client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String("orders"),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expires"), Enabled: aws.Bool(true)},
	}); err != nil {
		t.Fatal(err)
	}
	order := id("7")
	order["expires"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(db.Clock.Now().Add(time.Hour).Unix(), 10)}
	if err := put(t.Context(), db, order); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} {
		if swept, err := db.Engine.Sweep(t.Context()); err != nil || swept != want {
			t.Errorf("swept %d, %v; want %d", swept, err, want)
		}
		db.Clock.Advance(2 * time.Hour)
	}
}

// A call that hangs ends when its client gives up, applied or not.
func TestHang(t *testing.T) {
	for effect, applied := range map[dynamolocal.Effect]bool{dynamolocal.Hang: false, dynamolocal.HangApplied: true} {
		ctx, giveUp := context.WithCancel(t.Context())
		db := dynamotest.New(t, dynamolocal.Config{Observe: func(event dynamolocal.Event) {
			if event.Operation == "PutItem" {
				giveUp()
			}
		}})
		db.CreateTable(t, "orders", "id")
		db.Next("PutItem", effect)
		if err := put(ctx, db, id("7")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the client gives up", err)
		}
		out, err := db.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("orders"), Key: id("7")})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Item != nil; got != applied {
			t.Errorf("the item is there: %t, want %t", got, applied)
		}
	}
}

// A call that still hangs at the end of the test does not hold it up.
func TestHangOutlivesTest(t *testing.T) {
	done := make(chan error, 1)
	t.Run("test", func(t *testing.T) {
		db := dynamotest.New(t)
		db.CreateTable(t, "orders", "id")
		calls := make(chan struct{})
		db.Engine.Inject(func(call dynamolocal.Call) dynamolocal.Action {
			if call.Operation != "PutItem" {
				return dynamolocal.Action{}
			}
			close(calls)
			return dynamolocal.Action{Effect: dynamolocal.Hang}
		})
		go func() {
			client := dynamodb.NewFromConfig(db.Config, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			_, err := client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: id("7")})
			done <- err
		}()
		<-calls
	})
	if err := <-done; err == nil {
		t.Error("the call that hung succeeded")
	}
}

func TestRecordingStops(t *testing.T) {
	db := dynamotest.New(t)
	calls := db.Record()
	db.CreateTable(t, "orders", "id")
	calls.Stop()
	if err := put(t.Context(), db, id("7")); err != nil {
		t.Fatal(err)
	}
	if got := calls.Calls(); len(got) != 1 || got[0].Operation != "CreateTable" {
		t.Errorf("it recorded %+v", got)
	}
}
