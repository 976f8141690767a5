// Package emf turns the events of a guard into metrics, as log lines in the
// CloudWatch embedded metric format: CloudWatch extracts metrics from the lines
// that a Lambda function writes, without a request and without an agent.
//
// Each event becomes one line, except beginnings, which the end of the call
// counts. Dimensions are operation and outcome, beside those configured; the
// metrics are:
//
//	Count       1 for each event
//	Duration    milliseconds from the beginning of the call
//	RoundTrips  requests to the store
//	ReadUnits   capacity units consumed
//	WriteUnits  capacity units consumed
//
// Events on the way, which do not end a call, carry Count alone, so that sums
// over outcomes count each call's cost once.
package emf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Config configures an observer. Namespace is required.
type Config struct {
	// Namespace is the metrics' CloudWatch namespace: 1 to 255 characters.
	Namespace string
	// Dimensions are added to operation and outcome, such as the stage. At most
	// 28, neither name nor value empty: CloudWatch allows 30 in all.
	Dimensions map[string]string
	// Clock returns the time of events. Default [time.Now].
	Clock func() time.Time
}

const (
	maxNamespace  = 255
	maxDimensions = 28
)

// NewObserver returns an observer that writes to w, in Lambda os.Stdout, one line
// and one call of Write for each event. It returns an error that names the field
// of cfg that is wrong.
func NewObserver(w io.Writer, cfg Config) (idempotency.Observer, error) {
	if cfg.Namespace == "" || len(cfg.Namespace) > maxNamespace {
		return nil, errors.New("emf: Config.Namespace: want 1 to 255 characters")
	}
	if len(cfg.Dimensions) > maxDimensions {
		return nil, fmt.Errorf("emf: Config.Dimensions: %d are more than %d", len(cfg.Dimensions), maxDimensions)
	}
	names := append([]string{"operation", "outcome"}, slices.Sorted(maps.Keys(cfg.Dimensions))...)
	for name, value := range cfg.Dimensions {
		if name == "" || value == "" || slices.Contains(reserved, name) {
			return nil, fmt.Errorf("emf: Config.Dimensions: %q: %q is empty or taken", name, value)
		}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &observer{w: w, cfg: cfg, dimensions: names}, nil
}

var reserved = []string{"operation", "outcome", "_aws", "Count", "Duration", "RoundTrips", "ReadUnits", "WriteUnits"}

type observer struct {
	cfg        Config
	dimensions []string

	mu sync.Mutex // keeps lines whole
	w  io.Writer
}

type metric struct{ Name, Unit string }

var (
	onTheWay = []metric{{"Count", "Count"}}
	atTheEnd = []metric{{"Count", "Count"}, {"Duration", "Milliseconds"}, {"RoundTrips", "Count"}, {"ReadUnits", "Count"}, {"WriteUnits", "Count"}}
)

// Observe implements [idempotency.Observer]. A metric that cannot be written is
// lost: it must not cost a request.
func (o *observer) Observe(_ context.Context, e idempotency.Event) {
	if e.Observation == idempotency.ObservedBegan {
		return
	}
	line := map[string]any{
		"operation": e.Operation,
		"outcome":   e.Observation,
		"Count":     1,
	}
	metrics := onTheWay
	if e.Observation.Ends() {
		metrics = atTheEnd
		line["Duration"] = float64(e.Duration.Microseconds()) / 1000
		line["RoundTrips"] = e.Cost.RoundTrips
		line["ReadUnits"] = e.Cost.ReadUnits
		line["WriteUnits"] = e.Cost.WriteUnits
	}
	for name, value := range o.cfg.Dimensions {
		line[name] = value
	}
	line["_aws"] = map[string]any{
		"Timestamp": o.cfg.Clock().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  o.cfg.Namespace,
			"Dimensions": [][]string{o.dimensions},
			"Metrics":    metrics,
		}},
	}
	text, err := json.Marshal(line)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = o.w.Write(append(text, '\n'))
}
