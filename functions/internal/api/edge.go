package api

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Edge is the outermost handler of a function: it logs each request, answers
// panics with 500, and replaces the mux's own refusals by problem documents.
// Neither bodies nor idempotency keys nor paths, which hold both ids and keys,
// are logged: the route is.
func Edge(mux *http.ServeMux, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		answer := &statusRecorder{ResponseWriter: w, bodiless: r.Method == http.MethodHead}
		handler, route := mux.Handler(r)
		defer func() {
			if cause := recover(); cause != nil {
				if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(cause) // net/http's way to abandon a response
				}
				logger.LogAttrs(r.Context(), slog.LevelError, "panic",
					slog.String("route", route),
					slog.Any("cause", cause),
					slog.String("stack", string(debug.Stack())),
				)
				if answer.status == 0 {
					problem.Write(answer, internal())
				}
			}
			logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", r.Method),
				slog.String("route", route),
				slog.Int("status", answer.status),
				slog.Bool("replayed", answer.Header().Get(idemhttp.HeaderReplayed) == "true"),
				slog.Float64("durationMs", float64(time.Since(start).Microseconds())/1000),
			)
		}()
		if route == "" {
			refuse(answer, r, handler)
			return
		}
		mux.ServeHTTP(answer, r)
	})
}

// refuse says as a problem document what the mux's handler for unknown routes
// says as text.
func refuse(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	verdict := &statusRecorder{ResponseWriter: discard{make(http.Header)}}
	handler.ServeHTTP(verdict, r)
	if verdict.status != http.StatusMethodNotAllowed {
		problem.Write(w, notFound())
		return
	}
	allowed := verdict.Header().Values("Allow")
	problem.Write(w, &problem.Problem{
		Type:   problemtype.MethodNotAllowed,
		Title:  "The method is not allowed",
		Status: http.StatusMethodNotAllowed,
		Detail: "Allowed here: " + strings.Join(allowed, ", ") + ".",
		Header: http.Header{"Allow": allowed},
	})
}

// statusRecorder remembers the status of a response. A response to HEAD has the
// headers of one to GET and no body: net/http sees to that, Lambda does not.
type statusRecorder struct {
	http.ResponseWriter
	status   int
	bodiless bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusRecorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.bodiless {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
