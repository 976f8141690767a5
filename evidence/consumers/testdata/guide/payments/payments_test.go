package payments_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/golang-jwt/jwt/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"

	"example.com/consumer/payments"
)

func TestPaymentIsMadeOnce(t *testing.T) {
	bank := &payments.Sandbox{}
	server := newServer(t, newDynamoDB(t), "first", bank)
	first, again := server.pay("alice", "k1", `{"amount":1250}`), server.pay("alice", "k1", `{"amount": 1250}`)
	if first.Code != http.StatusCreated || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%v, then %v", first, again)
	}
	if other := server.pay("alice", "k1", `{"amount":9}`); other.Code != http.StatusUnprocessableEntity {
		t.Errorf("another amount: %v", other)
	}
	if bank.Calls() != 1 {
		t.Errorf("the bank was called %d times", bank.Calls())
	}
	if bob := server.pay("bob", "k1", `{"amount":9}`); bob.Code != http.StatusCreated || bob.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("bob, who happens to use the same key: %v", bob)
	}
}

func TestLostReply(t *testing.T) {
	db, bank := newDynamoDB(t), &payments.Sandbox{}
	server := newServer(t, db, "first", bank)
	db.Next("PutItem", dynamolocal.DropReply) // the key is claimed, and we do not learn it
	if response := server.pay("alice", "k1", `{"amount":1250}`); response.Code != http.StatusCreated {
		t.Errorf("%v", response)
	}
	if again := server.pay("alice", "k1", `{"amount":1250}`); again.Code != http.StatusCreated || bank.Calls() != 1 {
		t.Errorf("%v, and the bank was called %d times", again, bank.Calls())
	}
}

func TestCrashAfterTheCharge(t *testing.T) {
	db, bank := newDynamoDB(t), &payments.Sandbox{}
	bank.AfterCharge = func() error { // nothing of what the first process sends arrives from here on
		db.Engine.Inject(func(call dynamolocal.Call) dynamolocal.Action {
			if call.AccessKeyID == "first" {
				return dynamolocal.Action{Effect: dynamolocal.Refuse}
			}
			return dynamolocal.Action{}
		})
		return nil
	}
	newServer(t, db, "first", bank, givingUpSoon).pay("alice", "k1", `{"amount":1250}`)

	restarted := newServer(t, db, "second", bank)
	if early := restarted.pay("alice", "k1", `{"amount":1250}`); early.Code != http.StatusConflict {
		t.Errorf("while the lease runs: %v", early)
	}
	db.Clock.Advance(idempotency.DefaultLease + idempotency.DefaultSkew + time.Second)
	if response := restarted.pay("alice", "k1", `{"amount":1250}`); response.Code != http.StatusCreated || !strings.Contains(response.Body.String(), "ch_1") {
		t.Errorf("after it: %v", response)
	}
	if bank.Calls() != 1 {
		t.Errorf("the bank was called %d times", bank.Calls())
	}
}

func TestBankWhoseReplyIsLost(t *testing.T) {
	bank := &payments.Sandbox{AfterCharge: func() error { return errors.New("connection reset") }}
	server := newServer(t, newDynamoDB(t), "first", bank)
	if response := server.pay("alice", "k1", `{"amount":1250}`); response.Code != http.StatusBadGateway {
		t.Errorf("%v", response)
	}
	if again := server.pay("alice", "k1", `{"amount":1250}`); again.Code != http.StatusCreated || bank.Calls() != 1 {
		t.Errorf("%v, and the bank was called %d times", again, bank.Calls())
	}
}

func TestStrangersAreRefused(t *testing.T) {
	bank := &payments.Sandbox{}
	server := newServer(t, newDynamoDB(t), "first", bank)
	_, foreign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	server.key = foreign
	if response := server.pay("alice", "k1", `{"amount":1250}`); response.Code != http.StatusUnauthorized || bank.Calls() != 0 {
		t.Errorf("%v, and the bank was called %d times", response, bank.Calls())
	}
}

// givingUpSoon is for a process that is not to try for long to record a response.
func givingUpSoon(cfg *idempotency.Config) { cfg.CompletionTimeout = time.Millisecond }

func newDynamoDB(t *testing.T) *dynamotest.DynamoDB {
	t.Helper()
	db := dynamotest.New(t)
	db.CreateTable(t, "idempotency", "id")
	return db
}

// server is one process that serves the API. Its access key is its name.
type server struct {
	t       *testing.T
	handler http.Handler
	key     ed25519.PrivateKey
}

func newServer(t *testing.T, db *dynamotest.DynamoDB, process string, bank payments.Bank, options ...func(*idempotency.Config)) *server {
	t.Helper()
	client := dynamodb.NewFromConfig(db.Config, func(o *dynamodb.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(process, "secret", "")
	})
	store, err := dynamostore.New(client, "idempotency")
	if err != nil {
		t.Fatal(err)
	}
	cfg := idempotency.Config{Store: store, Clock: db.Clock.Now}
	for _, option := range options {
		option(&cfg)
	}
	api, err := payments.New(cfg, bank)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &server{t, payments.Authenticate(func(*jwt.Token) (any, error) { return public, nil })(api), private}
}

func (s *server) pay(caller, key, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: "https://login.example.com", Audience: jwt.ClaimStrings{"payments"}, Subject: caller,
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).SignedString(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	s.handler.ServeHTTP(response, request)
	return response
}
