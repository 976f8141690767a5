package emf_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/emf"
)

var at = time.UnixMilli(1_790_000_000_123)

func observer(t *testing.T, w *bytes.Buffer) idempotency.Observer {
	t.Helper()
	o, err := emf.NewObserver(w, emf.Config{
		Namespace:  "IdempotentRequests",
		Dimensions: map[string]string{"stage": "demo"},
		Clock:      func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// The format is CloudWatch's specification of the embedded metric format.
func TestObserver(t *testing.T) {
	t.Parallel()
	metadata := func(metrics string) string {
		return `"_aws":{"Timestamp":1790000000123,"CloudWatchMetrics":[{
			"Namespace":"IdempotentRequests","Dimensions":[["operation","outcome","stage"]],"Metrics":[` + metrics + `]}]}`
	}
	for _, test := range []struct {
		name  string
		event idempotency.Event
		want  string
	}{
		{
			"the end of a call",
			idempotency.Event{
				Observation: idempotency.ObservedReplayed, Operation: "payments.create", ID: "payments.create#hash",
				Duration: 1500 * time.Microsecond, Cost: idempotency.Cost{RoundTrips: 2, ReadUnits: 0.5, WriteUnits: 1},
			},
			`{"operation":"payments.create","outcome":"replayed","stage":"demo","Count":1,"Duration":1.5,"RoundTrips":2,"ReadUnits":0.5,"WriteUnits":1,` +
				metadata(`{"Name":"Count","Unit":"Count"},{"Name":"Duration","Unit":"Milliseconds"},{"Name":"RoundTrips","Unit":"Count"},{"Name":"ReadUnits","Unit":"Count"},{"Name":"WriteUnits","Unit":"Count"}`) + `}`,
		},
		{
			"something on the way",
			idempotency.Event{Observation: idempotency.ObservedTakenOver, Operation: "payments.create", Cost: idempotency.Cost{RoundTrips: 2}},
			`{"operation":"payments.create","outcome":"taken_over","stage":"demo","Count":1,` + metadata(`{"Name":"Count","Unit":"Count"}`) + `}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			observer(t, &b).Observe(t.Context(), test.event)
			var got, want any
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatalf("%q: %v", b.String(), err)
			}
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("line %v, want %v", got, want)
			}
		})
	}
}

func TestLinesStayWhole(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	o := observer(t, &b)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { o.Observe(t.Context(), idempotency.Event{Observation: idempotency.ObservedExecuted}) })
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 50 {
		t.Errorf("%d lines, want 50", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]emf.Config{
		"no namespace":       {},
		"namespace too long": {Namespace: strings.Repeat("n", 256)},
		"empty value":        {Namespace: "n", Dimensions: map[string]string{"stage": ""}},
		"empty name":         {Namespace: "n", Dimensions: map[string]string{"": "demo"}},
		"a name that is taken": {Namespace: "n", Dimensions: map[string]string{
			"outcome": "mine"}},
	} {
		if _, err := emf.NewObserver(nil, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
