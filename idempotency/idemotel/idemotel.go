// Package idemotel shows what a guard does by OpenTelemetry: a span for each call,
// and metrics.
//
//	observer, err := idemotel.NewObserver(idemotel.Config{})
//	// …
//	guard, err := idempotency.New(idempotency.Config{Store: store, Observer: observer})
//
// # Spans
//
// Each call of [idempotency.Guard.Do] is a span, named "idempotent" and the
// operation, under that of the caller's context. The spans of the store's client
// and of the execution are below it. Its attributes are
//
//	idempotency.operation    the operation
//	idempotency.record.id    the record's key, a hash
//	idempotency.outcome      how the call ended, such as "executed" or "replayed"
//	idempotency.round_trips  requests to the store
//	idempotency.read_units   capacity units consumed, if the store has such
//	idempotency.write_units
//
// What happens on the way, such as that an execution begins or takes over from
// another, is an event of the span. A call that failed has the status Error.
//
// # Metrics
//
//	idempotency.call.duration       histogram of calls in seconds
//	idempotency.call.active         calls that have begun and not ended
//	idempotency.call.events         what happened on the way, by idempotency.event
//	idempotency.store.round_trips   requests to the store
//	idempotency.store.read_units    capacity units consumed
//	idempotency.store.write_units
//
// All have the attribute idempotency.operation, and those that are counted at the
// end of a call also idempotency.outcome and, if the call failed, error.type. The
// record's id is no attribute of metrics.
//
// Names and units follow the naming of OpenTelemetry's semantic conventions, which
// have none of their own for idempotent requests.
package idemotel

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Name is the name of the instrumentation scope.
const Name = "github.com/idempotent-requests/idempotent-requests/idempotency/idemotel"

// Config configures an observer. The zero Config uses the global providers.
type Config struct {
	// TracerProvider makes the spans. Default: [otel.GetTracerProvider].
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics. Default: [otel.GetMeterProvider].
	MeterProvider metric.MeterProvider
}

// NewObserver returns an observer, or an error if an instrument cannot be made.
// Beside another observer, pass both to [idempotency.Observers].
func NewObserver(cfg Config) (idempotency.Starter, error) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	o := &observer{tracer: cfg.TracerProvider.Tracer(Name)}
	if err := o.makeInstruments(cfg.MeterProvider.Meter(Name)); err != nil {
		return nil, err
	}
	return o, nil
}

type observer struct {
	tracer trace.Tracer

	duration   metric.Float64Histogram
	active     metric.Int64UpDownCounter
	events     metric.Int64Counter
	roundTrips metric.Int64Counter
	readUnits  metric.Float64Counter
	writeUnits metric.Float64Counter
}

// buckets are those that the semantic conventions advise for HTTP and databases.
var buckets = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60}

func (o *observer) makeInstruments(m metric.Meter) (err error) {
	if o.duration, err = m.Float64Histogram("idempotency.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of calls, the execution included."), metric.WithExplicitBucketBoundaries(buckets...)); err != nil {
		return err
	}
	if o.active, err = m.Int64UpDownCounter("idempotency.call.active", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that have begun and not ended.")); err != nil {
		return err
	}
	if o.events, err = m.Int64Counter("idempotency.call.events", metric.WithUnit("{event}"),
		metric.WithDescription("What happened on the way of calls, and refusals before them.")); err != nil {
		return err
	}
	if o.roundTrips, err = m.Int64Counter("idempotency.store.round_trips", metric.WithUnit("{request}"),
		metric.WithDescription("Requests to the store.")); err != nil {
		return err
	}
	if o.readUnits, err = m.Float64Counter("idempotency.store.read_units", metric.WithUnit("{unit}"),
		metric.WithDescription("Read capacity units consumed.")); err != nil {
		return err
	}
	o.writeUnits, err = m.Float64Counter("idempotency.store.write_units", metric.WithUnit("{unit}"),
		metric.WithDescription("Write capacity units consumed."))
	return err
}

// Attribute keys.
const (
	keyOperation  = attribute.Key("idempotency.operation")
	keyOutcome    = attribute.Key("idempotency.outcome")
	keyEvent      = attribute.Key("idempotency.event")
	keyRecord     = attribute.Key("idempotency.record.id")
	keyStep       = attribute.Key("idempotency.step")
	keyRoundTrips = attribute.Key("idempotency.round_trips")
	keyReadUnits  = attribute.Key("idempotency.read_units")
	keyWriteUnits = attribute.Key("idempotency.write_units")
	keyErrorType  = attribute.Key("error.type")
)

// spanKey is the context key of the span that an observer has started: two
// observers may watch the same call.
type spanKey struct{ o *observer }

// Start implements [idempotency.Starter].
func (o *observer) Start(ctx context.Context, operation, id string) context.Context {
	o.active.Add(ctx, 1, metric.WithAttributes(keyOperation.String(operation)))
	ctx, span := o.tracer.Start(ctx, "idempotent "+operation, trace.WithAttributes(keyOperation.String(operation), keyRecord.String(id)))
	return context.WithValue(ctx, spanKey{o}, span)
}

// Observe implements [idempotency.Observer].
func (o *observer) Observe(ctx context.Context, e idempotency.Event) {
	operation := keyOperation.String(e.Operation)
	span, started := ctx.Value(spanKey{o}).(trace.Span)
	if !started { // refused before the guard was asked
		span = trace.SpanFromContext(ctx)
	}
	if !started || !e.Observation.Ends() {
		o.events.Add(ctx, 1, metric.WithAttributes(operation, keyEvent.String(string(e.Observation))))
		span.AddEvent("idempotency."+string(e.Observation), trace.WithAttributes(detailsOf(e)...))
		return
	}

	attributes := []attribute.KeyValue{operation, keyOutcome.String(string(e.Observation))}
	if e.Level() >= slog.LevelError {
		attributes = append(attributes, keyErrorType.String(string(e.Observation)))
		span.SetStatus(codes.Error, message(e.Err))
	}
	span.SetAttributes(attributes[1:]...)
	with := metric.WithAttributeSet(attribute.NewSet(attributes...)) // which sorts them
	o.duration.Record(ctx, e.Duration.Seconds(), with)
	o.roundTrips.Add(ctx, int64(e.Cost.RoundTrips), with)
	o.readUnits.Add(ctx, e.Cost.ReadUnits, with)
	o.writeUnits.Add(ctx, e.Cost.WriteUnits, with)
	o.active.Add(ctx, -1, metric.WithAttributes(operation))

	span.SetAttributes(keyRoundTrips.Int(e.Cost.RoundTrips), keyReadUnits.Float64(e.Cost.ReadUnits), keyWriteUnits.Float64(e.Cost.WriteUnits))
	span.End()
}

// detailsOf returns the attributes of an event on the way.
func detailsOf(e idempotency.Event) (details []attribute.KeyValue) {
	if e.Step != "" {
		details = append(details, keyStep.String(e.Step))
	}
	if e.Err != nil {
		details = append(details, attribute.String("error.message", e.Err.Error()))
	}
	return details
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
