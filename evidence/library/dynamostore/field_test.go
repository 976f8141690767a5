package dynamostore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// through returns the client with its requests going through the given function.
func through(client *dynamodb.Client, do func(next aws.HTTPClient, r *http.Request) (*http.Response, error)) *dynamodb.Client {
	options := client.Options()
	next := options.HTTPClient
	return dynamodb.New(options, func(o *dynamodb.Options) {
		o.HTTPClient = httpClient(func(r *http.Request) (*http.Response, error) { return do(next, r) })
	})
}

type httpClient func(*http.Request) (*http.Response, error)

func (c httpClient) Do(r *http.Request) (*http.Response, error) { return c(r) }

// hanging is a connection on which the next request is not answered.
type hanging struct {
	mu    sync.Mutex
	hangs bool
	lost  bool
}

func (h *hanging) hang(lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs, h.lost = true, lost
}

func (h *hanging) do(next aws.HTTPClient, r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	hangs, lost := h.hangs, h.lost
	h.hangs = false
	h.mu.Unlock()
	if !hangs {
		return next.Do(r)
	}
	if !lost {
		if response, err := next.Do(r.WithContext(context.WithoutCancel(r.Context()))); err == nil {
			_ = response.Body.Close()
		}
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

const limit = 5 * time.Second // for other requests, too, on a busy machine

func TestARequestThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t, dynamolocal.Config{})
	var tables atomic.Int32
	for name, options := range map[string][]dynamostore.Option{"inline": nil, "parts": {dynamostore.InlineLimit(0)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunHanging(t, limit, func(t *testing.T) (idempotency.Store, func(bool)) {
				table := fmt.Sprint("hanging-", tables.Add(1))
				db.CreateTable(t, table, "id")
				h := &hanging{}
				store, err := dynamostore.New(through(db.Client, h.do), table, append(options, dynamostore.RequestTimeout(limit))...)
				if err != nil {
					t.Fatal(err)
				}
				return store, h.hang
			})
		})
	}
	t.Run("a limit of nothing is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := dynamostore.New(db.Client, table, dynamostore.RequestTimeout(0)); err == nil {
			t.Error("accepted")
		}
	})
}

// With a guard, one request that hangs costs nothing but time.
func TestOneHungRequest(t *testing.T) {
	t.Parallel()
	for _, mode := range []idempotency.Mode{idempotency.Leased, idempotency.Atomic} {
		for _, at := range []int{1, 2} {
			for _, lost := range []bool{true, false} {
				if mode == idempotency.Atomic && at == 2 {
					continue // there is but one request
				}
				t.Run(fmt.Sprintf("mode %d, request %d, lost %v", mode, at, lost), func(t *testing.T) {
					t.Parallel()
					f, requests := newFixture(t), 0
					h := &hanging{}
					client := through(f.Client, func(next aws.HTTPClient, r *http.Request) (*http.Response, error) {
						if requests++; requests == at {
							h.hang(lost)
						}
						return h.do(next, r)
					})
					store, err := dynamostore.NewAtomic(client, table, dynamostore.RequestTimeout(limit))
					if err != nil {
						t.Fatal(err)
					}
					guard, err := idempotency.New(idempotency.Config{Store: store, Mode: mode, CacheEntries: -1, CompletionTimeout: time.Hour})
					if err != nil {
						t.Fatal(err)
					}
					key, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", "k1")
					if err != nil {
						t.Fatal(err)
					}
					request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint(nil)}
					executions := 0
					for _, replayed := range []bool{false, true} {
						outcome, err := guard.Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
							executions++
							return idempotency.Result{Data: fmt.Appendf(nil, "order %d", executions)}, nil
						})
						wantOutcome(t, outcome, err, "order 1", replayed)
					}
				})
			}
		}
	}
}

// withoutOldItems is a connection to an endpoint that leaves old items out of its
// refusals, as DAX does and endpoints that do not know of
// ReturnValuesOnConditionCheckFailure.
func withoutOldItems(next aws.HTTPClient, r *http.Request) (*http.Response, error) {
	response, err := next.Do(r)
	if err != nil || response.StatusCode != http.StatusBadRequest {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var failure map[string]any
	if err := json.Unmarshal(body, &failure); err != nil {
		return nil, err
	}
	delete(failure, "Item")
	if reasons, ok := failure["CancellationReasons"].([]any); ok {
		for _, reason := range reasons {
			delete(reason.(map[string]any), "Item")
		}
	}
	if body, err = json.Marshal(failure); err != nil {
		return nil, err
	}
	response.Header.Del("X-Amz-Crc32")
	response.ContentLength = int64(len(body))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func TestStoreWithoutOldItems(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t, dynamolocal.Config{})
	var tables atomic.Int32
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		table := fmt.Sprint("bare-", tables.Add(1))
		db.CreateTable(t, table, "id")
		store, err := dynamostore.New(through(db.Client, withoutOldItems), table, unhurried)
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

func TestAtomicWithoutOldItems(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.Client = through(s.Client, withoutOldItems)
	s.guard = s.newGuard(t)
	sell := func(token string) (idempotency.Outcome, error) {
		return s.guard.Do(t.Context(), s.request(t, token, "one"), func(ctx context.Context) (idempotency.Result, error) {
			tx, err := dynamostore.TransactionFrom(ctx)
			if err != nil {
				return idempotency.Result{}, err
			}
			if _, refused := tx.Refused("stock"); refused {
				return idempotency.Result{Data: []byte("out of stock")}, nil
			}
			return s.plan(ctx)
		})
	}
	outcome, err := sell("k1")
	wantOutcome(t, outcome, err, "order 1", false)
	outcome, err = sell("k1")
	wantOutcome(t, outcome, err, "order 1", true)
	outcome, err = sell("k2")
	wantOutcome(t, outcome, err, "out of stock", false)
	outcome, err = sell("k2")
	wantOutcome(t, outcome, err, "out of stock", true)
	s.wantLedger(t, 0, 1)
}

// The process that executed and every other one answer alike, whatever the store
// had room for, and effects come before the response. What has no room is known
// before it is sent: megabytes that DynamoDB would refuse are no request.
func TestAtomicResponsesWithoutRoom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		bytes   int
		effects int
		kept    bool
	}{
		{"a response beside the record", 10_000, 1, true},
		{"a large response", 3 << 20, 1, true},
		{"a response that is larger than a transaction", 4 << 20, 1, false},
		{"the largest response", 6 << 20, 1, false},
		{"many effects and a large response", 5 << 19, 92, true},
		{"more effects and a large response", 5 << 19, 95, false},
		{"as many effects as there can be", 100, 99, true},
		{"as many effects as there can be, and a response beside the record", 10_000, 99, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, 10)
			var requests atomic.Int32
			s.Client = through(s.Client, func(next aws.HTTPClient, r *http.Request) (*http.Response, error) {
				if strings.Contains(r.Header.Get("Amz-Sdk-Request"), "attempt=1;") { // and not what the SDK sends again
					requests.Add(1)
				}
				return next.Do(r)
			})
			answer := records.Random(test.bytes)
			var seen []idempotency.Observation
			observe := func(c *idempotency.Config) {
				c.CacheEntries = 0 // the default
				c.Observer = observerFunc(func(e idempotency.Event) { seen = append(seen, e.Observation) })
			}
			execute := func(guard *idempotency.Guard) (idempotency.Outcome, error) {
				return guard.Do(t.Context(), s.request(t, "k1", "one"), func(ctx context.Context) (idempotency.Result, error) {
					tx, err := dynamostore.TransactionFrom(ctx)
					for i := range test.effects {
						err = errors.Join(err, tx.Plan(fmt.Sprint(i), put(i)))
					}
					return idempotency.Result{Data: answer}, err
				})
			}
			executing := s.newGuard(t, observe)
			outcome, err := execute(executing)
			wantOutcome(t, outcome, err, string(answer), false)
			if oversized := strings.Contains(fmt.Sprint(seen), string(idempotency.ObservedOversized)); oversized == test.kept {
				t.Errorf("observed %v", seen)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests, want one", n)
			}
			for name, guard := range map[string]*idempotency.Guard{"the process that executed": executing, "another process": s.newGuard(t)} {
				outcome, err := execute(guard)
				if test.kept {
					wantOutcome(t, outcome, err, string(answer), true)
				} else if !errors.Is(err, idempotency.ErrResultNotKept) {
					t.Errorf("%s: error %v, want ErrResultNotKept", name, err)
				}
			}
			if _, orders := s.ledger(t); orders != test.effects {
				t.Errorf("%d effects, want %d", orders, test.effects)
			}
		})
	}
}

// put plans the order of that number.
func put(i int) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(goods), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: fmt.Sprint("order#", i)},
	}}}
}

type observerFunc func(idempotency.Event)

func (f observerFunc) Observe(_ context.Context, e idempotency.Event) { f(e) }

// Every guard of a process may be told to keep more than one record can take.
func TestResponseOfTooManyParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("a")
	records.MustClaim(t, f, r)
	huge := make([]byte, 256*380<<10+1)
	_, err := newStore(t, f.DynamoDB, table, dynamostore.CompressAbove(-1)).Complete(t.Context(), records.Completed(r, huge))
	if !errors.Is(err, idempotency.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

// A large request is not taken for one that hangs: it has more time.
func TestLargeRequestsHaveMoreTime(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t, dynamolocal.Config{})
	db.CreateTable(t, "large", "id")
	var (
		mu      sync.Mutex
		longest time.Duration
	)
	client := through(db.Client, func(next aws.HTTPClient, r *http.Request) (*http.Response, error) {
		deadline, _ := r.Context().Deadline()
		mu.Lock()
		longest = max(longest, time.Until(deadline))
		mu.Unlock()
		return next.Do(r)
	})
	limits := dynamostore.RequestTimeout(time.Hour)
	store, err := dynamostore.New(client, "large", limits, dynamostore.CompressAbove(-1))
	if err != nil {
		t.Fatal(err)
	}
	transactions, err := dynamostore.NewAtomic(client, "large", limits, dynamostore.CompressAbove(-1))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		guard   idempotency.Config
		size    int
		atLeast time.Duration
	}{
		{"a small response", idempotency.Config{Store: store}, 100, 0},
		{"a large response", idempotency.Config{Store: store}, 3 << 20, 5 * time.Hour},
		{"a small transaction", idempotency.Config{Store: transactions, Mode: idempotency.Atomic}, 100, 0},
		{"a large transaction", idempotency.Config{Store: transactions, Mode: idempotency.Atomic}, 3 << 20, 6 * time.Hour},
	} {
		mu.Lock()
		longest = 0
		mu.Unlock()
		test.guard.CompletionTimeout = 100 * time.Hour
		guard, err := idempotency.New(test.guard)
		if err != nil {
			t.Fatal(err)
		}
		key, err := idempotency.NewKey(idempotency.SharedScope(), "large", test.name)
		if err != nil {
			t.Fatal(err)
		}
		request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte(test.name))}
		_, err = guard.Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: make([]byte, test.size)}, nil
		})
		mu.Lock()
		if got := longest; err != nil || got < test.atLeast || test.atLeast == 0 && got > time.Hour {
			t.Errorf("%s: a request has %v, %v", test.name, got, err)
		}
		mu.Unlock()
	}
}

// The time of a large request is a multiple of the limit, which has one itself.
func TestTheLongestTimeLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	store := newStore(t, f.DynamoDB, table, dynamostore.RequestTimeout(math.MaxInt64), dynamostore.CompressAbove(-1))
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	records.MustComplete(t, store, records.Completed(r, make([]byte, 600<<10)))
}
