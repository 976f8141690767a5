package dynamolocal

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const (
	// targetPrefix precedes the operation in the X-Amz-Target header.
	targetPrefix = "DynamoDB_20120810."
	contentType  = "application/x-amz-json-1.0"
	// maxRequestBytes is the size of the largest request.
	maxRequestBytes = 16 << 20
)

// request is a decoded request.
type request interface {
	// tables returns the names of the tables in the request, as they come.
	tables() []string
}

// operation is one of the service's operations.
type operation struct {
	decode func(body []byte) (request, error)
	run    func(e *Engine, in request, consumed *usage) (any, error)
}

// operationOf makes an operation of the function that runs it.
func operationOf[T request](run func(e *Engine, in T, consumed *usage) (any, error)) operation {
	bind := binderOf(reflect.TypeFor[T]())
	return operation{
		decode: func(body []byte) (request, error) {
			var in T
			raw, err := parse(body)
			if err == nil {
				err = bind(raw, reflect.ValueOf(&in).Elem())
			}
			return in, err
		},
		run: func(e *Engine, in request, consumed *usage) (any, error) { return run(e, in.(T), consumed) },
	}
}

// operations are the operations that engines have, by name.
var operations = map[string]operation{
	"BatchGetItem":       operationOf((*Engine).batchGetItem),
	"BatchWriteItem":     operationOf((*Engine).batchWriteItem),
	"CreateTable":        operationOf((*Engine).createTable),
	"DeleteItem":         operationOf((*Engine).deleteItem),
	"DeleteTable":        operationOf((*Engine).deleteTable),
	"DescribeTable":      operationOf((*Engine).describeTable),
	"DescribeTimeToLive": operationOf((*Engine).describeTimeToLive),
	"GetItem":            operationOf((*Engine).getItem),
	"ListTables":         operationOf((*Engine).listTables),
	"PutItem":            operationOf((*Engine).putItem),
	"Query":              operationOf((*Engine).query),
	"Scan":               operationOf((*Engine).scan),
	"TransactGetItems":   operationOf((*Engine).transactGetItems),
	"TransactWriteItems": operationOf((*Engine).transactWriteItems),
	"UpdateItem":         operationOf((*Engine).updateItem),
	"UpdateTable":        operationOf((*Engine).updateTable),
	"UpdateTimeToLive":   operationOf((*Engine).updateTimeToLive),
}

// ServeHTTP implements http.Handler: it serves one call of DynamoDB's JSON
// protocol. The request's signature is not verified.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		// The service answers so to a health check.
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "healthy: dynamodb.local\n")
		return
	}
	body, err := e.body(w, r)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		http.Error(w, "The request exceeds 16 MB.", http.StatusRequestEntityTooLarge)
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		http.Error(w, "The request did not arrive in time.", http.StatusRequestTimeout)
		return
	case errors.Is(err, errNotGzip):
		e.reply(w, Event{Call: Call{Number: e.calls.Add(1)}}, nil, malformed(err.Error()))
		return
	case err != nil:
		// The client has gone in the middle of its request.
		panic(http.ErrAbortHandler)
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok {
		name = ""
	}
	call := Call{Number: e.calls.Add(1), Operation: name, AccessKeyID: accessKeyID(r)}
	e.serve(r.Context(), w, call, body)
}

var errNotGzip = errors.New("the request's body is not what its Content-Encoding says")

// body reads the request's body, compressed or not. Both what arrives and what
// it expands to is bounded, and so is the time that it takes.
func (e *Engine) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A server that has no deadlines, such as a recorder, has no clients that stall.
	_ = control.SetReadDeadline(time.Now().Add(e.readTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		return nil, err // and the deadline stays, for the server reads on
	}
	_ = control.SetReadDeadline(time.Time{})
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	expanding, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errNotGzip
	}
	expanded, err := io.ReadAll(http.MaxBytesReader(w, expanding, maxRequestBytes))
	if err != nil && !errors.As(err, new(*http.MaxBytesError)) {
		return nil, errNotGzip
	}
	return expanded, err
}

// serve decodes and runs a call and replies to it.
func (e *Engine) serve(ctx context.Context, w http.ResponseWriter, call Call, body []byte) {
	op, known := operations[call.Operation]
	if !known {
		call.Operation = ""
		fault := &exception{name: unknownOperation, message: "The operation is not known, or not one that this engine has."}
		e.reply(w, Event{Call: call}, nil, fault)
		return
	}
	in, err := op.decode(body)
	if err != nil {
		e.reply(w, Event{Call: call}, nil, err)
		return
	}
	call.Tables, call.Actions = distinct(in.tables()), actionsOf(call.Operation, in)

	action := e.faults.decide(call)
	e.wait(ctx, action.Delay)
	event := Event{Call: call, Applied: action.runs()}
	if action.dropsBefore() {
		e.observed(event)
		panic(http.ErrAbortHandler)
	}
	var out any
	consumed := new(usage)
	if event.Applied {
		out, err = op.run(e, in, consumed)
	}
	for _, t := range consumed.tables {
		total := t.total()
		event.Consumed = append(event.Consumed, Consumed{Table: t.table, Read: total.read, Write: total.write})
	}
	if action.hangs() {
		e.observed(event)
		e.wait(ctx, forever)
		panic(http.ErrAbortHandler)
	}
	if action.Effect == DropReply {
		e.observed(event)
		panic(http.ErrAbortHandler)
	}
	if fault := action.exception(call.Operation, in); fault != nil {
		err = fault
	}
	e.reply(w, event, out, err)
}

// reply answers a call with out, or with err if that is not nil.
func (e *Engine) reply(w http.ResponseWriter, event Event, out any, err error) {
	status := http.StatusOK
	if err != nil {
		fault := exceptionOf(err)
		status, out = fault.status(), fault
		event.Exception = fault.name
	}
	e.observed(event)

	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		// Answers are made of types that always marshal.
		panic(err)
	}
	payload := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(payload)))
	header.Set("X-Amzn-Requestid", rand.Text()+rand.Text())
	header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(payload)), 10))
	w.WriteHeader(status)
	// A client that has gone does not miss the answer.
	_, _ = w.Write(payload)
}

func (e *Engine) observed(event Event) {
	if e.observe != nil {
		e.observe(event)
	}
}

// forever is longer than any client waits.
const forever = time.Duration(math.MaxInt64)

// wait waits for the delay of an injected fault, or less if the client gives up
// or the engine is closed.
func (e *Engine) wait(ctx context.Context, delay time.Duration) {
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-e.closed:
	}
}

// accessKeyID returns the access key in the request's signature.
func accessKeyID(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(credential, "/")
	return id
}

// distinct returns names without repetitions, in their order.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	var once []string
	for _, name := range names {
		if name != "" && !seen[name] {
			seen[name] = true
			once = append(once, name)
		}
	}
	return once
}
