package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// byHand is the middleware as one would write it for one service: the same work for
// a request as ours, namely scope and key hashed to a record's name, the body read
// and hashed, one look-up, and the response kept. It is the limit that ours is
// compared with. It has no lease that is renewed, no recovery after a crash, and no
// limits: a process that dies blocks its key until the record expires.
type byHand struct {
	next    http.Handler
	scope   func(*http.Request) (string, error)
	records byHandRecords
}

// byHandRecord is a claim, or a completed response if Status is set.
type byHandRecord struct {
	Owner, Fingerprint string
	Status             int
	Header             http.Header
	Body               []byte
}

type byHandRecords interface {
	// claim keeps r if there is no record of the name, and returns the other one
	// otherwise.
	claim(ctx context.Context, name string, r *byHandRecord) (*byHandRecord, error)
	// complete replaces the claim of r.Owner.
	complete(ctx context.Context, name string, r *byHandRecord) error
}

const byHandWindow = 24 * time.Hour

func (h *byHand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope, err := h.scope(r)
	key := r.Header.Get("Idempotency-Key")
	if err != nil || key == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := hashed(scope, key)
	claim := &byHandRecord{Owner: rand.Text(), Fingerprint: hashed(r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body))}

	existing, err := h.records.claim(r.Context(), name, claim)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case existing == nil:
	case existing.Fingerprint != claim.Fingerprint:
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	case existing.Status == 0:
		w.WriteHeader(http.StatusConflict)
		return
	default:
		w.Header().Set("Idempotent-Replayed", "true")
		existing.answer(w)
		return
	}
	response := byHandResponse{byHandRecord{Owner: claim.Owner, Fingerprint: claim.Fingerprint, Header: make(http.Header)}}
	h.next.ServeHTTP(&response, r)
	if response.Status == 0 {
		response.Status = http.StatusOK
	}
	if err := h.records.complete(context.WithoutCancel(r.Context()), name, &response.byHandRecord); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	response.answer(w)
}

func hashed(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = io.WriteString(h, part)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (r *byHandRecord) answer(w http.ResponseWriter) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body)
}

// byHandResponse keeps what the handler writes.
type byHandResponse struct{ byHandRecord }

func (r *byHandResponse) Header() http.Header { return r.byHandRecord.Header }

func (r *byHandResponse) WriteHeader(status int) {
	if r.Status == 0 {
		r.Status = status
	}
}

func (r *byHandResponse) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.Body = append(r.Body, p...)
	return len(p), nil
}

// byHandMemory keeps records in a map, and removes none that nobody asks for.
type byHandMemory struct {
	mu      sync.Mutex
	records map[string]byHandEntry
}

type byHandEntry struct {
	*byHandRecord
	expires time.Time
}

func (m *byHandMemory) claim(_ context.Context, name string, r *byHandRecord) (*byHandRecord, error) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if existing, found := m.records[name]; found && now.Before(existing.expires) {
		return existing.byHandRecord, nil
	}
	m.records[name] = byHandEntry{r, now.Add(byHandWindow)}
	return nil, nil
}

func (m *byHandMemory) complete(_ context.Context, name string, r *byHandRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	existing, found := m.records[name]
	if !found || existing.Owner != r.Owner {
		return errors.New("another has taken over")
	}
	m.records[name] = byHandEntry{r, existing.expires}
	return nil
}

// byHandValkey keeps records in Valkey or Redis by go-redis: a plain SET with NX
// and GET to claim, and a script that compares before it sets to complete.
type byHandValkey struct{ client *redis.Client }

func (v byHandValkey) claim(ctx context.Context, name string, r *byHandRecord) (*byHandRecord, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	found, err := v.client.SetArgs(ctx, name, text, redis.SetArgs{Mode: "NX", Get: true, TTL: byHandWindow}).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, err
	}
	existing := new(byHandRecord)
	return existing, json.Unmarshal(found, existing)
}

var byHandComplete = redis.NewScript(`
local claim = redis.call('GET', KEYS[1])
if not claim or cjson.decode(claim).Owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
`)

func (v byHandValkey) complete(ctx context.Context, name string, r *byHandRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	done, err := byHandComplete.Run(ctx, v.client, []string{name}, r.Owner, text).Int()
	if err == nil && done == 0 {
		err = errors.New("another has taken over")
	}
	return err
}
