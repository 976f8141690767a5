// Package sqs is Amazon SQS on this machine, as far as a queue of a stack needs
// it: standard queues in memory, whose messages are hidden while they are
// handled, come again when they were not deleted, and go to a dead-letter queue
// in the end.
package sqs

import (
	"crypto/md5" // #nosec G501 -- SQS's own checksum of a body
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// MaxBatch is how many messages can be received at once.
const MaxBatch = 10

// MaxBody is the size in bytes of the largest message.
const MaxBody = 1 << 20

// Config describes a queue.
type Config struct {
	// Name and ARN are the queue's own.
	Name, ARN string
	// Visibility is how long a received message is hidden.
	Visibility time.Duration
	// Retention is how long a message is kept.
	Retention time.Duration
	// MaxReceives is how often a message is received before it goes to
	// DeadLetters; zero and nil keep it.
	MaxReceives int
	DeadLetters *Queue
	// Clock tells the time; time.Now by default.
	Clock func() time.Time
}

// Message is a message of a queue.
type Message struct {
	ID, Body, MD5 string
	// Receipt is what the message is deleted by. Each receipt is another one.
	Receipt string
	// Sent and FirstReceived are when it was, ReceiveCount how often.
	Sent, FirstReceived time.Time
	ReceiveCount        int

	visible time.Time
}

// Queue is a standard queue. It is safe for concurrent use.
type Queue struct {
	cfg Config

	mu       sync.Mutex
	messages []*Message // in the order in which they were sent
	changed  chan struct{}
	inHand   int // how many batches consumers are handling
}

// New makes a queue.
func New(cfg Config) *Queue {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Queue{cfg: cfg, changed: make(chan struct{})}
}

// Name returns the queue's name, and ARN its ARN.
func (q *Queue) Name() string { return q.cfg.Name }

// ARN returns the queue's ARN.
func (q *Queue) ARN() string { return q.cfg.ARN }

// ErrBody is returned for a message that SQS would not take.
var ErrBody = errors.New("sqs: a message has 1 to 1048576 bytes")

// Send puts a message into the queue.
func (q *Queue) Send(body string) (Message, error) {
	if body == "" || len(body) > MaxBody {
		return Message{}, ErrBody
	}
	sum := md5.Sum([]byte(body)) // #nosec G401
	m := Message{ID: uuid.NewString(), Body: body, MD5: hex.EncodeToString(sum[:]), Sent: q.cfg.Clock()}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(m)
	return m, nil
}

// add puts a message at the end. The caller holds the lock.
func (q *Queue) add(m Message) {
	q.messages = append(q.messages, &m)
	q.announce()
}

// announce wakes those who wait. The caller holds the lock.
func (q *Queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Receive returns at most limit messages that are not hidden, and hides them.
func (q *Queue) Receive(limit int) []Message {
	return q.receiveFor(limit, 0)
}

// receiveFor is Receive, and adds batches to those in hand if it returns any
// message.
func (q *Queue) receiveFor(limit, batches int) []Message {
	q.mu.Lock()
	received, dead := q.receive(limit)
	if len(received) > 0 {
		q.inHand += batches
	}
	q.mu.Unlock()
	// Outside of the lock, because a queue's dead letters may be its own.
	for _, m := range dead {
		m.ReceiveCount, m.Receipt, m.FirstReceived, m.visible = 0, "", time.Time{}, time.Time{}
		q.cfg.DeadLetters.mu.Lock()
		q.cfg.DeadLetters.add(m)
		q.cfg.DeadLetters.mu.Unlock()
	}
	return received
}

func (q *Queue) receive(limit int) (received, dead []Message) {
	now := q.cfg.Clock()
	q.messages = slices.DeleteFunc(q.messages, func(m *Message) bool {
		return q.cfg.Retention > 0 && now.Sub(m.Sent) >= q.cfg.Retention
	})
	var left []*Message
	for _, m := range q.messages {
		switch {
		case now.Before(m.visible) || len(received) == min(limit, MaxBatch):
		case q.cfg.DeadLetters != nil && m.ReceiveCount >= q.cfg.MaxReceives:
			dead = append(dead, *m)
			continue
		default:
			m.ReceiveCount++
			m.Receipt, m.visible = uuid.NewString(), now.Add(q.cfg.Visibility)
			if m.FirstReceived.IsZero() {
				m.FirstReceived = now
			}
			received = append(received, *m)
		}
		left = append(left, m)
	}
	q.messages = left
	return received, dead
}

// Delete deletes the message that was received with this receipt, unless it has
// been received again since.
func (q *Queue) Delete(receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.messages, func(m *Message) bool { return m.Receipt == receipt && receipt != "" })
	if i < 0 {
		return fmt.Errorf("sqs: %s has no message of the receipt %q", q.cfg.Name, receipt)
	}
	q.messages = slices.Delete(q.messages, i, i+1)
	return nil
}

// takeInHand receives a batch for a consumer, which calls putDown when it has
// handled it.
func (q *Queue) takeInHand(limit int) []Message {
	return q.receiveFor(limit, 1)
}

func (q *Queue) putDown() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inHand--
}

// Release ends the hiding of all messages, as the end of their visibility
// timeout does. It does nothing while a consumer handles messages, which that
// timeout outlasts.
func (q *Queue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.inHand > 0 {
		return
	}
	for _, m := range q.messages {
		m.visible = time.Time{}
	}
	q.announce()
}

// Count returns how many messages can be received, and how many are hidden.
func (q *Queue) Count() (visible, hidden int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.cfg.Clock()
	for _, m := range q.messages {
		if now.Before(m.visible) {
			hidden++
		} else {
			visible++
		}
	}
	return visible, hidden
}

// Changed returns a channel that is closed at the next change, and when the
// next hidden message comes back: zero if there is none.
func (q *Queue) Changed() (<-chan struct{}, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.cfg.Clock()
	var next time.Duration
	for _, m := range q.messages {
		if wait := m.visible.Sub(now); wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
	}
	return q.changed, next
}
