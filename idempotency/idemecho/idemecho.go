// Package idemecho makes handlers of Echo (version 5) idempotent. It is package
// idemhttp, whose documentation holds for all that is not said here, as middleware
// of Echo:
//
//	protect, err := idemecho.New(idemhttp.Config{Guard: guard, Scope: callerOf, Operation: "payments.create"})
//	// …
//	e.POST("/payments", createPayment, protect)
//
// # Errors
//
// An error that the handler returns becomes the response that Echo's
// HTTPErrorHandler makes of it, and that response is recorded, or not, by its
// status: an [echo.HTTPError] with status 402 is recorded, and one with 500 is not.
// Middleware in front gets the error as well. The response is sent by then, which
// HTTPErrorHandler finds out as ever when Echo calls it for the second time: the
// response is committed. If HTTPErrorHandler writes nothing, the execution counts as
// failed, nothing is recorded, and the guard's recovery policy decides about the key.
//
// A panic passes through, to the Recover middleware in front. Recover behind the
// middleware makes an error of it, with status 500.
//
// # What a handler can expect
//
// The context of c.Request() carries the [idempotency.Execution], and in atomic
// mode the transaction. c.Response() buffers the response until it has been
// recorded: flushing has no effect, and hijacking is an error.
package idemecho

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// New returns a middleware, or the error of [idemhttp.New]. The functions of cfg
// are given requests whose Pattern is Echo's: "POST /payments/:id", and whose path
// values are Echo's.
func New(cfg idemhttp.Config) (echo.MiddlewareFunc, error) {
	protect, err := idemhttp.New(cfg)
	if err != nil {
		return nil, err
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return (&call{c: c, next: next}).serve(protect) }
	}, nil
}

// call is one request.
type call struct {
	c    *echo.Context
	next echo.HandlerFunc
	err  error // the handler's
	left bool  // HTTPErrorHandler made no response of it
}

func (call *call) serve(protect func(http.Handler) http.Handler) (err error) {
	c := call.c
	response, request := c.Response(), c.Request()
	defer func() {
		c.SetResponse(response) // for those in front, Recover among them
		c.SetRequest(request)
		if call.left {
			_ = recover()
			err = call.err
		}
	}()
	r := request.WithContext(request.Context())
	r.Pattern = r.Method + " " + c.Path()
	for _, value := range c.PathValues() {
		r.SetPathValue(value.Name, value.Value)
	}
	protect(http.HandlerFunc(call.run)).ServeHTTP(response, r)
	return call.err
}

// run runs the handler.
func (call *call) run(w http.ResponseWriter, r *http.Request) {
	c, response := call.c, echo.NewResponse(w, call.c.Logger())
	c.SetRequest(r)
	c.SetResponse(response)
	if call.err = call.next(c); call.err == nil {
		return
	}
	if !response.Committed {
		c.Echo().HTTPErrorHandler(c, call.err)
	}
	if !response.Committed {
		call.left = true
		panic(call.err) // which ends the execution, and no more
	}
}
