package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// runtimeAPI is the Lambda Runtime API as one process sees it:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	addr   string
	arn    string
	server *http.Server

	// ready receives a token whenever the process asks for an event; next is
	// where the event is then handed to it.
	ready chan struct{}
	next  chan *invocation
	// failedInit receives the error that the process reports of its start.
	failedInit chan string

	mu      sync.Mutex
	current *invocation // handed out and not answered yet
}

// invocation is one event on its way through a process.
type invocation struct {
	id       string
	traceID  string
	event    []byte
	deadline time.Time
	result   chan result // buffered, takes exactly one
}

// result is what a process answered.
type result struct {
	response []byte
	// errorType is empty for a success.
	errorType, errorMessage string
}

// serveRuntimeAPI opens the API on a free loopback port.
func serveRuntimeAPI(arn string) (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	api := &runtimeAPI{
		addr:       listener.Addr().String(),
		arn:        arn,
		ready:      make(chan struct{}, 1),
		next:       make(chan *invocation),
		failedInit: make(chan string, 1),
	}
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+base+"invocation/next", api.serveNext)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", api.serveResponse)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", api.serveError)
	mux.HandleFunc("POST "+base+"init/error", api.serveInitError)
	api.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// Serve returns when close closes the listener.
		_ = api.server.Serve(listener)
	}()
	return api, nil
}

// close ends the API and every connection to it.
func (a *runtimeAPI) close() { _ = a.server.Close() }

func (a *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	busy := a.current != nil
	a.mu.Unlock()
	if busy {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the last event has not been answered")
		return
	}
	select {
	case a.ready <- struct{}{}:
	default:
	}
	select {
	case inv := <-a.next:
		a.mu.Lock()
		a.current = inv
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(inv.event)))
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", a.arn)
		h.Set("Lambda-Runtime-Trace-Id", inv.traceID)
		// A process that cannot be written to is about to be seen to exit.
		_, _ = w.Write(inv.event)
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := readPayload(r)
	if errors.Is(err, errPayloadTooLarge) {
		if a.answer(w, r, result{
			errorType:    "Function.ResponseSizeTooLarge",
			errorMessage: fmt.Sprintf("the response is larger than %d bytes", MaxPayload),
		}) {
			refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
		}
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	res := result{response: body}
	// A response that is streamed says in its trailer that it failed midway.
	if failure := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); failure != "" {
		res = result{errorType: failure, errorMessage: "the response ended in an error"}
	}
	if a.answer(w, r, res) {
		accept(w)
	}
}

func (a *runtimeAPI) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := readPayload(r)
	if err != nil {
		body = nil
	}
	if a.answer(w, r, failure(r, body)) {
		accept(w)
	}
}

func (a *runtimeAPI) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := readPayload(r)
	if err != nil {
		body = nil
	}
	f := failure(r, body)
	select {
	case a.failedInit <- f.errorType + ": " + f.errorMessage:
	default:
	}
	accept(w)
}

// answer settles the current event, or refuses when the request is not about it.
func (a *runtimeAPI) answer(w http.ResponseWriter, r *http.Request, res result) bool {
	a.mu.Lock()
	inv := a.current
	known := inv != nil && inv.id == r.PathValue("id")
	if known {
		a.current = nil
	}
	a.mu.Unlock()
	if !known {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "there is no such event to answer")
		return false
	}
	inv.result <- res
	return true
}

var errPayloadTooLarge = errors.New("the payload is too large")

// readPayload reads a body of at most MaxPayload. What exceeds it is read and
// dropped, so that the process gets to see the answer.
func readPayload(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPayload+1))
	if err != nil {
		return nil, err
	}
	if len(body) <= MaxPayload {
		return body, nil
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return nil, errPayloadTooLarge
}

// failure reads the error that a process reports.
func failure(r *http.Request, body []byte) result {
	var reported struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(body, &reported) != nil {
		reported.ErrorMessage = string(bytes.TrimSpace(body))
	}
	if reported.ErrorType == "" {
		reported.ErrorType = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	if reported.ErrorType == "" {
		reported.ErrorType = "Unhandled"
	}
	return result{errorType: reported.ErrorType, errorMessage: reported.ErrorMessage}
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	body, _ := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// awaitFirst waits for the process to ask for its first event.
func (a *runtimeAPI) awaitFirst(ctx context.Context, exited <-chan struct{}) error {
	select {
	case <-a.ready:
		return nil
	case message := <-a.failedInit:
		return fmt.Errorf("reported %s", message)
	case <-exited:
		// A report that came just before the exit says more than the exit.
		select {
		case message := <-a.failedInit:
			return fmt.Errorf("reported %s", message)
		default:
			return errExited
		}
	case <-ctx.Done():
		return fmt.Errorf("did nothing for %v", initLimit)
	}
}

var errExited = errors.New("exited")
