package idemhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

type handler struct {
	cfg  Config
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(h.cfg.Methods, r.Method) {
		h.next.ServeHTTP(w, r)
		return
	}
	e := &execution{handler: h, request: r, outer: w}
	token, err := e.key()
	if err == ErrNoKey && h.cfg.OptionalKey {
		if h.cfg.Key != nil { // the body has been read
			r = e.requestIn(r.Context())
		}
		h.next.ServeHTTP(w, r)
		return
	}
	var request idempotency.Request
	if err == nil {
		request, err = e.identify(token)
	}
	if err != nil {
		e.judge(false, err)
		h.cfg.Guard.ObserveRefusal(r.Context(), e.operationName(), observable(err))
		h.refuse(w, r, err)
		return
	}
	if h.cfg.Reconcile != nil {
		request.Reconcile = e.reconcile
	}
	outcome, err := h.cfg.Guard.Do(r.Context(), request, e.run)
	own := err == nil && !outcome.Replayed || err != nil && e.responded(err)
	if own {
		e.response.setHeaderOf(w)
	}
	e.judge(own || err == nil, err)
	if !outcome.Expires.IsZero() {
		w.Header()[HeaderExpires] = []string{httpDate(outcome.Expires)}
	}
	switch {
	case own:
		send(w, e.response.status, e.response.body.Bytes(), e.response.trailer)
	case err == nil:
		if err := replay(w, r, outcome.Data); err != nil {
			h.refuse(w, r, err)
		}
	default:
		h.refuse(w, r, err)
	}
}

// execution is the handling of one request, as far as it gets.
type execution struct {
	*handler
	request  *http.Request
	outer    http.ResponseWriter
	body     []byte
	response *response
}

// responded reports whether an execution that ended by err has a response for the
// client all the same.
func (e *execution) responded(err error) bool {
	switch {
	case errors.Is(err, idempotency.ErrReconcile):
		return false
	case errors.Is(err, errServerError):
		return true
	}
	return errors.Is(err, idempotency.ErrFailed) && e.response != nil && e.response.written
}

// identify returns what the guard needs to know about the request. Nothing is
// claimed before that is certain. An error that is not a problem is a mistake in
// the program.
func (e *execution) identify(token string) (idempotency.Request, error) {
	scope, err := e.cfg.Scope(e.request)
	if err != nil {
		return idempotency.Request{}, &configError{"Scope", err}
	}
	key, err := idempotency.NewKey(scope, e.operation(), token)
	if err != nil {
		return idempotency.Request{}, fmt.Errorf("idemhttp: Config.Scope and Config.OperationFunc: %w", err)
	}
	if e.cfg.Key == nil {
		if e.body, err = readBody(e.outer, e.request, e.cfg.MaxBody); err != nil {
			return idempotency.Request{}, err
		}
	}
	fingerprint, err := e.cfg.Fingerprint(e.request, e.body)
	if err != nil {
		return idempotency.Request{}, &configError{"Fingerprint", err}
	}
	firstSent, err := e.firstSent()
	if err != nil {
		return idempotency.Request{}, err
	}
	return idempotency.Request{
		Key: key, Fingerprint: fingerprint, LikelyDuplicate: e.cfg.LikelyDuplicate(e.request), FirstSent: firstSent,
	}, nil
}

// key returns the request's idempotency key. It reads the body before it calls
// Config.Key.
func (e *execution) key() (token string, err error) {
	if e.cfg.Key == nil {
		token, err = ParseKey(e.request.Header)
	} else {
		if e.body, err = readBody(e.outer, e.request, e.cfg.MaxBody); err != nil {
			return "", err
		}
		e.request = e.requestIn(e.request.Context()) // Key and Scope may read it, too
		if token, err = e.cfg.Key(e.request, e.body); err == nil {
			err = checkKey(token, "idempotency key")
		}
	}
	if err == nil && e.cfg.CheckKey != nil {
		if err = e.cfg.CheckKey(token); err != nil {
			return "", keyMalformed(err)
		}
	}
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, ErrNoKey):
		return "", ErrNoKey
	}
	return "", keyMalformed(err)
}

// operationName returns the name of the operation, or "" if it is invalid.
func (e *execution) operationName() string {
	name := e.operation()
	if _, err := idempotency.NewKey(idempotency.SharedScope(), name, "probe"); err != nil {
		return ""
	}
	return name
}

// operation returns the name of the operation, which may be invalid.
func (e *execution) operation() string {
	if e.cfg.Operation != "" {
		return e.cfg.Operation
	}
	return e.cfg.OperationFunc(e.request)
}

var (
	// errServerError ends an execution whose response is a 5xx: nobody can tell how
	// far the handler came.
	errServerError = errors.New("idemhttp: the handler responded with a server error")

	// errNoResponse ends an execution whose handler returned without a response
	// after its context had ended. That is not the empty 200 of a handler with
	// nothing to say.
	errNoResponse = errors.New("idemhttp: the handler returned without a response after its context had ended")
)

func (e *execution) run(ctx context.Context) (idempotency.Result, error) {
	e.response = newResponse(e.outer.Header())
	e.next.ServeHTTP(e.response, e.requestIn(ctx))
	return e.result(ctx)
}

func (e *execution) reconcile(ctx context.Context) (idempotency.Reconciliation, error) {
	e.response = newResponse(e.outer.Header())
	completed, err := e.cfg.Reconcile(e.response, e.requestIn(ctx))
	if err != nil || !completed {
		return idempotency.Reconciliation{}, err
	}
	result, err := e.result(ctx)
	if result.Discard {
		err = fmt.Errorf("idemhttp: Config.Reconcile responded with status %d, which is not recorded", e.response.status)
	}
	return idempotency.Reconciliation{Completed: true, Result: result}, err
}

// requestIn returns the client's request with another context and with its body
// to be read again.
func (e *execution) requestIn(ctx context.Context) *http.Request {
	r := e.request.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(e.body))
	r.ContentLength = int64(len(e.body))
	return r
}

// result returns what to record of the response.
func (e *execution) result(ctx context.Context) (idempotency.Result, error) {
	w := e.response
	if !w.written && ctx.Err() != nil {
		return idempotency.Result{}, fmt.Errorf("%w: %w", errNoResponse, context.Cause(ctx))
	}
	w.finish()
	response := Response{w.status, w.sent, w.body.Bytes()}
	recorded, kept, err := e.toRecord(response)
	switch {
	case err != nil && w.status < 500:
		return idempotency.Result{NotKept: err}, nil
	case kept:
		return idempotency.Result{Data: encodeResponse(recorded, e.outer.Header(), e.cfg.RecordedHeaders, w.trailer)}, nil
	case w.status >= 500:
		return idempotency.Result{}, errServerError
	}
	return idempotency.Result{Discard: true}, nil
}

// toRecord returns the response to record, and reports whether one is. The effect
// has happened by now, and so a panic of what the application has configured must
// not pass for a failed execution: it is an error.
func (e *execution) toRecord(response Response) (recorded Response, kept bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("idemhttp: Config.Recorded or Config.Redact panicked: %v", r)
		}
	}()
	status := response.Status
	if status == http.StatusNotModified || status > 599 || !e.cfg.Recorded(response) {
		return response, false, nil
	}
	if e.cfg.Redact != nil {
		response = e.cfg.Redact(Response{status, response.Header.Clone(), bytes.Clone(response.Body)})
		response.Status = status
	}
	return response, true, nil
}
