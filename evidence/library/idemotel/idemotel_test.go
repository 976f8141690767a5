package idemotel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemotel"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// world is a guard that is watched.
type world struct {
	t      *testing.T
	guard  *idempotency.Guard
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
	tracer trace.Tracer
	store  idempotency.Store
	down   bool
}

func newWorld(t *testing.T, configure ...func(*idempotency.Config)) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	tracers := sdk.NewTracerProvider(sdk.WithSyncer(w.spans))
	w.tracer = tracers.Tracer("the application")
	w.store = intercept.Store(memstore.New(), w.traced)
	observer, err := idemotel.NewObserver(idemotel.Config{TracerProvider: tracers, MeterProvider: metric.NewMeterProvider(metric.WithReader(w.reader))})
	if err != nil {
		t.Fatal(err)
	}
	cfg := idempotency.Config{Store: w.store, Observer: idempotency.Observers(observer), CacheEntries: -1}
	for _, c := range configure {
		c(&cfg)
	}
	if w.guard, err = idempotency.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// traced makes a span of each write of the store.
func (w *world) traced(ctx context.Context, r intercept.Request, next intercept.Next) (any, error) {
	if r.Name != "Claim" && r.Name != "Complete" {
		return next(ctx)
	}
	ctx, span := w.tracer.Start(ctx, "DynamoDB.PutItem")
	defer span.End()
	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1, WriteUnits: 1})
	if w.down {
		return nil, errors.New("no route to host")
	}
	return next(ctx)
}

// call is a call of the guard inside of a server's span.
func (w *world) call(run func(context.Context) (idempotency.Result, error)) error {
	w.t.Helper()
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, span := w.tracer.Start(w.t.Context(), "POST /payments", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	_, err = w.guard.Do(ctx, idempotency.Request{Key: key, Fingerprint: "f"}, run)
	return err
}

func (w *world) pay(ctx context.Context) (idempotency.Result, error) {
	_, span := w.tracer.Start(ctx, "charge the card")
	span.End()
	return idempotency.Result{Data: []byte("paid")}, nil
}

// draw draws the traces that were made, each span below its parent, in the order in which
// they began.
func (w *world) draw() string {
	spans := w.spans.GetSpans()
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var b strings.Builder
	var below func(parent trace.SpanID, depth int)
	below = func(parent trace.SpanID, depth int) {
		for _, s := range spans {
			if s.Parent.SpanID() != parent {
				continue
			}
			fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", depth), s.Name)
			for _, a := range s.Attributes {
				if text := a.Value.String(); a.Key != "idempotency.operation" && text != "0" {
					fmt.Fprintf(&b, "  %s=%s", strings.TrimPrefix(string(a.Key), "idempotency."), shorten(text))
				}
			}
			if s.Status.Code == codes.Error {
				fmt.Fprintf(&b, "  ERROR %s", s.Status.Description)
			}
			b.WriteString("\n")
			for _, e := range s.Events {
				fmt.Fprintf(&b, "%s· %s\n", strings.Repeat("  ", depth+1), e.Name)
			}
			below(s.SpanContext.SpanID(), depth+1)
		}
	}
	below(trace.SpanID{}, 0)
	return b.String()
}

// shorten shortens a record's id.
func shorten(text string) string {
	if name, hash, ok := strings.Cut(text, "#"); ok && len(hash) > 6 {
		return name + "#" + hash[:6] + "…"
	}
	return text
}

func TestTraceOfAFirstCallAndOfAReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		if err := w.call(w.pay); err != nil {
			t.Fatal(err)
		}
	}
	document.Publish(t, "../../docs/telemetry.md", "trace", "```text\n"+w.draw()+"```\n", "go test ./evidence/library/idemotel -update")
}

func TestSpanOfAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.call(func(context.Context) (idempotency.Result, error) {
		return idempotency.Result{}, errors.New("bank is closed")
	}); err == nil {
		t.Error("no error")
	}
	w.down = true
	if err := w.call(w.pay); !errors.Is(err, idempotency.ErrStore) {
		t.Error(err)
	}
	got := w.draw()
	for _, want := range []string{
		"outcome=released  error.type=released  round_trips=1  write_units=1  ERROR bank is closed",
		"outcome=store_unavailable  error.type=store_unavailable  round_trips=1  write_units=1  ERROR no route to host",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %q", got, want)
		}
	}
}

// points returns the values of all metrics: the count of a histogram, the sum of the rest.
func (w *world) points() map[string]float64 {
	w.t.Helper()
	var collected metricdata.ResourceMetrics
	if err := w.reader.Collect(w.t.Context(), &collected); err != nil {
		w.t.Fatal(err)
	}
	points := make(map[string]float64)
	add := func(name, unit string, set attribute.Set, value float64) {
		points[fmt.Sprintf("%s %s %s", name, unit, set.Encoded(attribute.DefaultEncoder()))] = value
	}
	for _, scope := range collected.ScopeMetrics {
		if scope.Scope.Name != idemotel.Name {
			w.t.Errorf("metrics of %q", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, m.Unit, p.Attributes, float64(p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, m.Unit, p.Attributes, float64(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, m.Unit, p.Attributes, p.Value)
				}
			}
		}
	}
	return points
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var active float64
	if err := w.call(func(ctx context.Context) (idempotency.Result, error) {
		active = w.points()["idempotency.call.active {call} idempotency.operation=payments.create"]
		return w.pay(ctx)
	}); err != nil {
		t.Fatal(err)
	}
	if active != 1 {
		t.Errorf("%v calls are active during one", active)
	}
	if err := w.call(w.pay); err != nil {
		t.Fatal(err)
	}
	w.down = true
	if err := w.call(w.pay); !errors.Is(err, idempotency.ErrStore) {
		t.Error(err)
	}
	w.guard.ObserveRefusal(t.Context(), "payments.create", errors.New("no key"))

	const operation, outcome = "idempotency.operation=payments.create", "idempotency.operation=payments.create,idempotency.outcome="
	want := map[string]float64{
		"idempotency.call.active {call} " + operation:                                                           0,
		"idempotency.call.events {event} idempotency.event=began," + operation:                                  1,
		"idempotency.call.events {event} idempotency.event=refused," + operation:                                1,
		"idempotency.call.duration s " + outcome + "executed":                                                   1,
		"idempotency.call.duration s " + outcome + "replayed":                                                   1,
		"idempotency.store.round_trips {request} " + outcome + "executed":                                       2,
		"idempotency.store.round_trips {request} " + outcome + "replayed":                                       1,
		"idempotency.store.read_units {unit} " + outcome + "executed":                                           0,
		"idempotency.store.read_units {unit} " + outcome + "replayed":                                           0,
		"idempotency.store.write_units {unit} " + outcome + "executed":                                          2,
		"idempotency.store.write_units {unit} " + outcome + "replayed":                                          1,
		"idempotency.call.duration s error.type=store_unavailable," + outcome + "store_unavailable":             1,
		"idempotency.store.round_trips {request} error.type=store_unavailable," + outcome + "store_unavailable": 1,
		"idempotency.store.read_units {unit} error.type=store_unavailable," + outcome + "store_unavailable":     0,
		"idempotency.store.write_units {unit} error.type=store_unavailable," + outcome + "store_unavailable":    1,
	}
	if diff := cmp.Diff(want, w.points()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// What a guard refuses before there is a call belongs to the span of the caller.
func TestRefusalIsAnEventOfTheCallersSpan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, span := w.tracer.Start(t.Context(), "POST /payments")
	w.guard.ObserveRefusal(ctx, "payments.create", errors.New("no key"))
	if !span.IsRecording() {
		t.Error("the caller's span was ended")
	}
	span.End()
	if got, want := w.draw(), "POST /payments\n  · idempotency.refused\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
