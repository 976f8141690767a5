// Package gateway is API Gateway's HTTP API on this machine: it picks the
// route of a request, turns the request into a Lambda event of payload format
// 2.0 and the function's answer into a response, and does what the API's
// configuration has API Gateway do on its own: CORS, throttling, limits.
//
// Reference:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// MaxBody is the size in bytes of the largest request body.
	MaxBody = 10 * 1024 * 1024
	// MaxIntegrationTimeout is how long API Gateway waits for a function
	// unless the integration says less.
	MaxIntegrationTimeout = 30 * time.Second
)

// Invoker runs a function once on an event. Errors that wrap ErrEventTooLarge
// or ErrUnavailable are answered as what they are, and any other as an
// internal error. A context that ends must end the waiting.
type Invoker interface {
	Invoke(ctx context.Context, function string, event []byte) ([]byte, error)
}

var (
	// ErrEventTooLarge says that the event exceeds what a function can take.
	ErrEventTooLarge = errors.New("gateway: the event is too large for the function")
	// ErrUnavailable says that the function could not be run for now.
	ErrUnavailable = errors.New("gateway: the function is not available")
)

// Config describes one HTTP API and its stage. Only Routes and Invoker are
// needed.
type Config struct {
	// ID is the API's id and Domain the host it is reached by; functions see
	// both. "local" and the request's own host by default.
	ID, Domain string
	// AccountID is the account that functions see; "000000000000" by default.
	AccountID string
	// Routes are the API's routes.
	Routes []Route
	// CORS is the API's CORS configuration; nil leaves CORS to the functions.
	CORS *CORS
	// Throttle limits each route that has no limit of its own; the zero value
	// is no limit.
	Throttle Throttle
	// StageVariables go into every event.
	StageVariables map[string]string
	// Invoker runs the functions.
	Invoker Invoker
	// Clock tells the time; time.Now by default.
	Clock func() time.Time
	// Log receives why a request was answered with an error of the gateway's
	// own; dropped by default.
	Log *slog.Logger
}

// Route leads requests to a function.
type Route struct {
	// Key is the route key: "GET /things/{id}", "ANY /{proxy+}" or "$default".
	Key string
	// Function is the name that the Invoker knows the function by.
	Function string
	// Timeout is how long the integration waits; MaxIntegrationTimeout by
	// default and at most.
	Timeout time.Duration
	// Throttle limits this route; the zero value is Config.Throttle.
	Throttle Throttle
}

// API is an HTTP API with the stage $default. It is an http.Handler.
type API struct {
	cfg    Config
	routes *routes
	cors   *corsPolicy
}

// New makes an API. It fails when a route or the CORS configuration is not one
// that API Gateway would take.
func New(cfg Config) (*API, error) {
	if cfg.Invoker == nil {
		return nil, errors.New("gateway: an Invoker is needed")
	}
	if cfg.ID == "" {
		cfg.ID = "local"
	}
	if cfg.AccountID == "" {
		cfg.AccountID = "000000000000"
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	api := &API{cfg: cfg}
	var err error
	if api.routes, err = newRoutes(cfg.Routes, cfg.Throttle); err != nil {
		return nil, err
	}
	if cfg.CORS != nil {
		if api.cors, err = newCORSPolicy(*cfg.CORS); err != nil {
			return nil, err
		}
	}
	return api, nil
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newRequestID()
	w.Header().Set("Apigw-Requestid", id)
	if a.cors != nil {
		if r.Method == http.MethodOptions {
			a.cors.preflight(w, r)
			return
		}
		w = a.cors.wrap(w, r)
	}
	path := decodedPath(r)
	match, ok := a.routes.find(r.Method, path)
	if !ok {
		reply(w, http.StatusNotFound, "Not Found")
		return
	}
	now := a.cfg.Clock()
	if !match.route.limiter.allow(now) {
		reply(w, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		reply(w, http.StatusBadRequest, "Bad Request")
		return
	}
	if len(body) > MaxBody {
		reply(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	event, err := json.Marshal(a.event(r, match, path, id, now, body))
	if err != nil {
		a.fail(w, match, id, err)
		return
	}
	// A client that goes away does not take the invocation with it: that runs
	// to its own end, or to the end of the gateway's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), match.route.timeout)
	defer cancel()
	out, err := a.cfg.Invoker.Invoke(ctx, match.route.function, event)
	if err != nil {
		a.fail(w, match, id, err)
		return
	}
	if err := writeResponse(w, r, out); err != nil {
		a.fail(w, match, id, err)
	}
}

// fail answers for an integration that gave no usable response.
func (a *API) fail(w http.ResponseWriter, m match, id string, err error) {
	status, message := http.StatusInternalServerError, "Internal Server Error"
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrUnavailable):
		status, message = http.StatusServiceUnavailable, "Service Unavailable"
	case errors.Is(err, ErrEventTooLarge):
		status, message = http.StatusRequestEntityTooLarge, "Request Entity Too Large"
	}
	a.cfg.Log.Warn("the API answered for the function", "route", m.route.key, "status", status, "requestId", id, "error", err)
	reply(w, status, message)
}

// reply writes a response of the gateway's own.
func reply(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}

// decodedPath is the path as HTTP APIs see it: percent-decoded before the
// route is chosen, so that %2F separates segments, and cut at a question mark
// that decoding brings to light.
func decodedPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.URL.Path, "?")
	if path == "" {
		return "/"
	}
	return path
}

// newRequestID makes an id in the form of API Gateway's.
func newRequestID() string {
	return base64.StdEncoding.EncodeToString(randomBytes(11))
}
