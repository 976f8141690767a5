// Package idemgin makes handlers of Gin idempotent. It is package idemhttp, whose
// documentation holds for all that is not said here, as middleware of Gin:
//
//	protect, err := idemgin.New(idemhttp.Config{Guard: guard, Scope: callerOf, Operation: "payments.create"})
//	// …
//	router.POST("/payments", protect, createPayment)
//
// A replay and a refusal abort the chain: no handler behind the middleware runs,
// and middleware in front of it sees the response's status as ever.
//
// # Errors
//
// What is recorded is the response that the handlers behind the middleware leave.
// Middleware that turns the errors of [gin.Context.Error] into a response
// therefore belongs behind this one: what it writes is recorded, or not, by its
// status.
//
//	payments := router.Group("/payments", protect, respondToErrors)
//
// If it stands in front, an execution that has left errors and written nothing
// counts as failed: nothing is recorded, the guard's recovery policy decides about
// the key, and the middleware in front writes the response.
//
// A panic passes through, to gin.Recovery in front of the middleware. Recovery
// behind it makes a response with status 500, which is not recorded either.
//
// # What a handler can expect
//
// The context of c.Request carries the [idempotency.Execution], and in atomic mode
// the transaction; a gin.Context itself does not, unless the engine has
// ContextWithFallback. c.Writer buffers the response until it has been recorded:
// flushing has no effect, and hijacking is an error.
//
// A guard in atomic mode runs an execution again if its effects were refused. Gin
// cannot go back in a chain, so only the last handler of the route runs again.
package idemgin

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// New returns a middleware, or the error of [idemhttp.New]. The functions of cfg
// are given requests whose Pattern is Gin's: "POST /payments/:id", and whose path
// values are Gin's parameters.
func New(cfg idemhttp.Config) (gin.HandlerFunc, error) {
	protect, err := idemhttp.New(cfg)
	if err != nil {
		return nil, err
	}
	var self uintptr // what all middleware of this package has in common
	middleware := func(c *gin.Context) {
		if reflect.ValueOf(c.Handler()).Pointer() == self {
			_ = c.AbortWithError(http.StatusInternalServerError, errNoHandler)
			return
		}
		call := &call{c: c, outer: c.Writer, request: c.Request, errors: len(c.Errors)}
		call.serve(protect)
	}
	self = reflect.ValueOf(middleware).Pointer()
	return middleware, nil
}

var (
	errNoHandler = errors.New("idemgin: the middleware is the last handler of its route: it belongs in front of what it protects")
	errHijack    = errors.New("idemgin: a response that is recorded cannot be hijacked")
)

// call is one request.
type call struct {
	c       *gin.Context
	outer   gin.ResponseWriter
	request *http.Request
	errors  int       // how many there were before
	runs    int       // how often the handlers ran
	left    *response // of a chain that left its errors to middleware in front
}

func (call *call) serve(protect func(http.Handler) http.Handler) {
	c := call.c
	defer func() {
		// For those in front, gin.Recovery among them.
		c.Writer, c.Request = call.outer, call.request
		if call.left != nil {
			_ = recover()
			maps.Copy(call.outer.Header(), call.left.Header())
			call.outer.WriteHeader(call.left.status)
		}
	}()
	r := c.Request.WithContext(c.Request.Context())
	r.Pattern = r.Method + " " + c.FullPath()
	for _, parameter := range c.Params {
		r.SetPathValue(parameter.Key, parameter.Value)
	}
	protect(http.HandlerFunc(call.run)).ServeHTTP(call.outer, r)
	if call.runs == 0 {
		c.Abort()
	}
}

// run runs the handlers behind the middleware.
func (call *call) run(w http.ResponseWriter, r *http.Request) {
	c, writer := call.c, &response{inner: w, status: http.StatusOK, size: -1}
	c.Writer, c.Request, c.Errors = writer, r, c.Errors[:call.errors]
	if call.runs++; call.runs == 1 {
		c.Next()
	} else {
		c.Handler()(c)
	}
	switch {
	case writer.Written():
	case len(c.Errors) > call.errors:
		call.left = writer
		panic(c.Errors.Last()) // which ends the execution, and no more
	case writer.status != http.StatusOK:
		writer.WriteHeaderNow()
	}
}

// response is a gin.ResponseWriter that writes to another writer.
type response struct {
	inner  http.ResponseWriter
	status int
	size   int // -1 until the header is written
}

var _ gin.ResponseWriter = (*response)(nil)

func (w *response) Header() http.Header { return w.inner.Header() }

// WriteHeader only notes the status, as Gin's does.
func (w *response) WriteHeader(status int) {
	if status > 0 && !w.Written() {
		w.status = status
	}
}

func (w *response) WriteHeaderNow() {
	if !w.Written() {
		w.size = 0
		w.inner.WriteHeader(w.status)
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	n, err := w.inner.Write(p)
	w.size += n
	return n, err
}

func (w *response) WriteString(s string) (int, error) {
	w.WriteHeaderNow()
	n, err := io.WriteString(w.inner, s)
	w.size += n
	return n, err
}

func (w *response) Status() int   { return w.status }
func (w *response) Size() int     { return w.size }
func (w *response) Written() bool { return w.size >= 0 }
func (w *response) Flush()        { w.WriteHeaderNow() }

func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errHijack }
func (w *response) Pusher() http.Pusher                          { return nil }

// CloseNotify implements http.CloseNotifier. A client that disconnects does not
// cancel an execution.
func (w *response) CloseNotify() <-chan bool { return make(chan bool) }
