package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
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

// labelled names the requests that a guard makes.
type labelled struct {
	idempotency.Store
	p *process
}

type labelKey struct{}

func label(ctx context.Context, l string) context.Context {
	return context.WithValue(ctx, labelKey{}, l)
}

func labelOf(ctx context.Context) string {
	l, _ := ctx.Value(labelKey{}).(string)
	return l
}

func (s labelled) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	s.p.claims(c.Record.Owner)
	if c.TakeOver != nil {
		return s.Store.Claim(label(ctx, stepTakeOver), c)
	}
	return s.Store.Claim(label(ctx, stepClaim), c)
}

func (s labelled) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	if r.LeaseUntil.Before(time.Now()) {
		return s.Store.Renew(label(ctx, stepInterrupt), r)
	}
	return s.Store.Renew(label(ctx, stepRenew), r)
}

func (s labelled) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	return s.Store.Complete(label(ctx, stepComplete), r)
}

func (s labelled) Release(ctx context.Context, id, owner string) error {
	return s.Store.Release(label(ctx, stepRelease), id, owner)
}

func (s labelled) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.Store.Load(label(ctx, stepRead), id)
}

// labelledAtomic does the same for an atomic store.
type labelledAtomic struct {
	labelled
	store idempotency.AtomicStore
}

func (s labelledAtomic) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	s.p.claims(a.Record.Owner)
	return s.store.Begin(label(ctx, stepBegin), a)
}

func (s labelledAtomic) End(ctx context.Context) { s.store.End(ctx) }

func (s labelledAtomic) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	return s.store.Commit(label(ctx, stepCommit), completed, now)
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
	var s idempotency.Store = labels(overNetwork(m.store, p), p)
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

// remote makes each method of a store a request of a process, with the time limit
// that stores have.
type remote struct {
	store idempotency.Store
	p     *process
}

func (s remote) request(ctx context.Context, apply func(context.Context)) error {
	ctx, cancel := context.WithTimeout(ctx, dynamostore.DefaultRequestTimeout)
	defer cancel()
	return s.p.request(ctx, labelOf(ctx), apply)
}

func (s remote) Claim(ctx context.Context, c idempotency.Claim) (r *idempotency.Record, err error) {
	lost := s.request(ctx, func(ctx context.Context) { r, err = s.store.Claim(ctx, c) })
	if lost != nil {
		return nil, lost
	}
	return r, err
}

func (s remote) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	lost := s.request(ctx, func(ctx context.Context) { held, err = s.store.Renew(ctx, r) })
	if lost != nil {
		return false, lost
	}
	return held, err
}

func (s remote) Complete(ctx context.Context, completed idempotency.Record) (r *idempotency.Record, err error) {
	lost := s.request(ctx, func(ctx context.Context) { r, err = s.store.Complete(ctx, completed) })
	if lost != nil {
		return nil, lost
	}
	return r, err
}

func (s remote) Release(ctx context.Context, id, owner string) (err error) {
	lost := s.request(ctx, func(ctx context.Context) { err = s.store.Release(ctx, id, owner) })
	if lost != nil {
		return lost
	}
	return err
}

func (s remote) Load(ctx context.Context, id string) (r *idempotency.Record, err error) {
	lost := s.request(ctx, func(ctx context.Context) { r, err = s.store.Load(ctx, id) })
	if lost != nil {
		return nil, lost
	}
	return r, err
}

// dynamoDB is a store in an embedded DynamoDB. Each HTTP request that the SDK
// makes is one request.
type dynamoDB struct {
	engine  *dynamolocal.Engine
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
	for _, name := range []string{d.records(), d.goods()} {
		d.call(t.Context(), "CreateTable", map[string]any{
			"TableName": name, "BillingMode": "PAY_PER_REQUEST",
			"AttributeDefinitions": []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
			"KeySchema":            []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
		}, nil)
	}
	return &d
}

func (d *dynamoDB) close() {
	for _, name := range []string{d.records(), d.goods()} {
		d.call(context.Background(), "DeleteTable", map[string]any{"TableName": name}, nil)
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
		return labelledAtomic{labelled{store, p}, store}
	}
	return labels(store, p)
}

func (d *dynamoDB) clientOf(p *process) dynamostore.AtomicClient {
	c := connection{d.engine, p}
	if p.name != theProcess {
		return shrinking{plainClient{c}, d.large}
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

// call makes a request of nobody's, which reads or prepares.
func (d *dynamoDB) call(ctx context.Context, operation string, in, out any) {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://dynamodb.invalid/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	recorder := httptest.NewRecorder()
	d.engine.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusOK {
		panic(fmt.Sprintf("%s: %s", operation, recorder.Body))
	}
	if out != nil {
		if err := json.Unmarshal(recorder.Body.Bytes(), out); err != nil {
			panic(err)
		}
	}
}

type attribute struct {
	S, N string
	L    []struct{ M map[string]attribute }
}

func (a attribute) number() int64 {
	n, _ := strconv.ParseInt(a.N, 10, 64)
	return n
}

func (d *dynamoDB) look(id string) ledger.State {
	var out struct{ Item map[string]attribute }
	d.call(context.Background(), "GetItem", map[string]any{
		"TableName": d.records(), "Key": map[string]any{"id": attributeS(id)}, "ConsistentRead": true,
	}, &out)
	var steps []string
	for _, s := range out.Item["steps"].L {
		steps = append(steps, s.M["name"].S)
	}
	return ledger.State{
		Steps:   strings.Join(steps, " "),
		Status:  idempotency.Status(out.Item["status"].S),
		Owner:   out.Item["owner"].S,
		Lease:   out.Item["in_progress_expiration"].number(),
		Expires: out.Item["expiration"].number() * 1000,
	}
}

func (d *dynamoDB) effects() (rows []planned) {
	if !d.atomic {
		return nil
	}
	var out struct{ Items []map[string]attribute }
	d.call(context.Background(), "Scan", map[string]any{"TableName": d.goods()}, &out)
	for _, item := range out.Items {
		if token := item["token"].S; token != "" {
			rows = append(rows, planned{item["id"].S, token})
		}
	}
	return rows
}

func attributeS(value string) map[string]string { return map[string]string{"S": value} }
