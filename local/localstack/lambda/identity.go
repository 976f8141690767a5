package lambda

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// newInvocation gives an event the ids that Lambda would.
func newInvocation(event []byte, deadline time.Time) *invocation {
	return &invocation{
		id:       uuid.NewString(),
		traceID:  fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), randomHex(12), randomHex(8)),
		event:    event,
		deadline: deadline,
		result:   make(chan result, 1),
	}
}

// logStream is the name of a process's log stream: the day it started and a
// random part.
func logStream(now time.Time) string {
	return now.UTC().Format("2006/01/02") + "/[$LATEST]" + randomHex(16)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	// crypto/rand.Read never fails: it ends the program instead.
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
