package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/plaindynamo"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// The names of requests to the store.
const (
	stepClaim      = "claim"
	stepTakeOver   = "takeover"
	stepRenew      = "renew"
	stepInterrupt  = "mark interrupted"
	stepComplete   = "complete"
	stepRelease    = "release"
	stepRead       = "read"
	stepRecordStep = "record step"
	stepCommit     = "commit"
	// Those of an execution in a transaction of its own.
	stepBegin    = "begin"
	stepEffect   = "effect"
	stepRecord   = "record"
	stepRollback = "rollback"
)

// backend is a store that lasts for one run.
type backend interface {
	// open is the store as a process sees it.
	open(p *process) idempotency.Store
	// look is the record as it stands, seen past the code under test where there
	// is some.
	look(id string) ledger.State
	// effects are those that the store itself has written.
	effects() []planned
}

// planned is an effect of an execution in atomic mode.
type planned struct{ id, token string }

type labelKey struct{}

func label(ctx context.Context, l string) context.Context {
	return context.WithValue(ctx, labelKey{}, l)
}

func labelOf(ctx context.Context) string {
	l, _ := ctx.Value(labelKey{}).(string)
	return l
}

// requestNames are how requests are called in the tables and the stories.
var requestNames = map[string]string{
	"Claim": stepClaim, "TakeOver": stepTakeOver, "Renew": stepRenew, "Interrupt": stepInterrupt, "Complete": stepComplete,
	"Release": stepRelease, "Load": stepRead, "RecordStep": stepRecordStep, "Begin": stepBegin, "Commit": stepCommit,
}

// named names a request that the process's guard makes.
func (p *process) named(ctx context.Context, r intercept.Request, next intercept.Next) (any, error) {
	switch r.Name {
	case "Claim", "TakeOver", "Begin":
		p.claims(r.Record.Owner)
	}
	return next(label(ctx, requestNames[r.Name]))
}

// memory is a store in memory. Each of its methods is one request. below and
// above, if set, break it: on the side of the store, or of the guard.
type memory struct {
	store idempotency.Store
	above func(idempotency.Store) idempotency.Store
}

func newMemory(b breakage) *memory {
	m := &memory{store: memstore.New(), above: b.above}
	if b.below != nil {
		m.store = b.below(m.store)
	}
	return m
}

func (m *memory) open(p *process) idempotency.Store {
	s := intercept.Store(intercept.Store(m.store, p.overNetwork), p.named)
	if m.above != nil {
		s = m.above(s)
	}
	return s
}

func (m *memory) look(id string) ledger.State {
	r, err := m.store.Load(context.Background(), id)
	if err != nil {
		panic(err) // a store in memory does not fail
	}
	return ledger.StateOf(r)
}

func (*memory) effects() []planned { return nil }

// overNetwork makes a request of a process, with the time limit that stores have.
func (p *process) overNetwork(ctx context.Context, _ intercept.Request, next intercept.Next) (reply any, err error) {
	ctx, cancel := context.WithTimeout(ctx, dynamostore.DefaultRequestTimeout)
	defer cancel()
	if lost := p.request(ctx, labelOf(ctx), func(ctx context.Context) { reply, err = next(ctx) }); lost != nil {
		return nil, lost
	}
	return reply, err
}

// dynamoDB is a store in an embedded DynamoDB. Each HTTP request that the SDK
// makes is one request.
type dynamoDB struct {
	engine  *dynamolocal.Engine
	plain   plaindynamo.Client
	n       int64
	atomic  bool
	repeats bool // the SDK repeats failed requests, as it does by default
	options []dynamostore.Option
	client  func(dynamostore.AtomicClient) dynamostore.AtomicClient // breaks it, if set
	large   *cloakroom
}

var tables atomic.Int64

// newDynamoDB makes tables in the engine, which runs may share.
func newDynamoDB(t *testing.T, engine *dynamolocal.Engine, d dynamoDB) *dynamoDB {
	t.Helper()
	d.engine, d.n, d.large = engine, tables.Add(1), &cloakroom{kept: make(map[string][]byte)}
	d.plain = plaindynamo.Of(engine)
	for _, name := range []string{d.records(), d.goods()} {
		if err := d.plain.CreateTable(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return &d
}

func (d *dynamoDB) close() {
	for _, name := range []string{d.records(), d.goods()} {
		if err := d.plain.Call(context.Background(), "DeleteTable", map[string]any{"TableName": name}, &struct{}{}); err != nil {
			panic(err) // it is there
		}
	}
}

func (d *dynamoDB) records() string { return fmt.Sprint("records-", d.n) }
func (d *dynamoDB) goods() string   { return fmt.Sprint("goods-", d.n) }

func (d *dynamoDB) open(p *process) idempotency.Store {
	client := d.clientOf(p)
	if d.client != nil {
		client = d.client(client)
	}
	store, err := dynamostore.NewAtomic(client, d.records(), d.options...)
	if err != nil {
		panic(err) // the arguments are ours
	}
	if d.atomic {
		return intercept.AtomicStore(store, p.named)
	}
	return intercept.Store(store, p.named)
}

func (d *dynamoDB) clientOf(p *process) dynamostore.AtomicClient {
	c := connection{d.engine, p}
	if p.name != theProcess {
		return shrinking{plaindynamo.Client(c.Do), d.large}
	}
	options := dynamodb.Options{
		BaseEndpoint: aws.String("http://dynamodb.invalid"),
		Region:       "eu-central-1",
		Credentials:  aws.AnonymousCredentials{}, // signatures take time, and the engine does not verify them
		HTTPClient:   c,
	}
	if !d.repeats {
		options.Retryer = aws.NopRetryer{}
	}
	return shrinking{dynamodb.New(options), d.large}
}

// connection carries a process's requests to the engine without a network.
type connection struct {
	engine *dynamolocal.Engine
	p      *process
}

// Do implements the SDK's HTTP client.
func (c connection) Do(r *http.Request) (response *http.Response, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	name, part := labelOf(r.Context()), partOf(r.Header.Get("X-Amz-Target"), body)
	if part != nil {
		// Parts are requested all at once. So that each run is like the other they
		// arrive one after the other.
		time.Sleep(time.Duration(part.n) * time.Millisecond)
		name += part.String()
	}
	err = c.p.request(r.Context(), name, func(ctx context.Context) {
		arrived := r.Clone(ctx)
		arrived.Header.Set("Authorization", "Credential="+c.p.name+"/")
		arrived.Body = io.NopCloser(bytes.NewReader(body))
		recorder := httptest.NewRecorder()
		c.engine.ServeHTTP(recorder, arrived)
		response = recorder.Result()
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// part is one of those of a large response.
type part struct {
	verb string
	n    int // from 1
}

func (p part) String() string { return fmt.Sprintf(": %s part %d", p.verb, p.n) }

// partOf tells which part of a large response a request is about, if any: its
// id is that of the record, the fencing token and a number.
func partOf(target string, body []byte) *part {
	_, operation, _ := strings.Cut(target, ".")
	verb, known := map[string]string{"PutItem": "write", "GetItem": "read"}[operation]
	_, after, found := bytes.Cut(body, []byte(`"id":{"S":"`))
	if !known || !found {
		return nil
	}
	id, _, _ := bytes.Cut(after, []byte(`"`))
	fields := bytes.Split(id, []byte("#"))
	if len(fields) != 4 && len(fields) != 5 { // with the name of a step
		return nil
	}
	n, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil {
		return nil
	}
	return &part{verb, n + 1}
}

func (d *dynamoDB) look(id string) ledger.State {
	item, err := d.plain.Get(context.Background(), d.records(), id)
	if err != nil {
		panic(err) // nothing goes wrong on this connection
	}
	return ledger.StateOfItem(item)
}

func (d *dynamoDB) effects() (rows []planned) {
	if !d.atomic {
		return nil
	}
	items, err := d.plain.Scan(context.Background(), d.goods())
	if err != nil {
		panic(err) // nothing goes wrong on this connection
	}
	for _, item := range items {
		if token, ok := item["token"].(*types.AttributeValueMemberS); ok {
			rows = append(rows, planned{item["id"].(*types.AttributeValueMemberS).Value, token.Value})
		}
	}
	return rows
}
