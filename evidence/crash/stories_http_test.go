package crash_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// handler is an HTTP handler that has its effect by calling charge, and returns
// the body that it wrote.
type handler func(w http.ResponseWriter, r *http.Request, charge func() string) string

// handlers are what can stand behind the middleware, by the name that stories call
// it by.
var handlers = map[string]handler{
	"charges": func(w http.ResponseWriter, _ *http.Request, charge func() string) string {
		body := charge()
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, body)
		return body
	},
	"copies": func(w http.ResponseWriter, _ *http.Request, charge func() string) string {
		body := charge()
		_, _ = io.Copy(w, strings.NewReader(body))
		return body
	},
	"flushes": func(w http.ResponseWriter, _ *http.Request, charge func() string) string {
		body := charge()
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		w.WriteHeader(http.StatusTeapot) // too late
		_, _ = io.WriteString(w, body)
		return body
	},
	"sets-a-cookie": func(w http.ResponseWriter, _ *http.Request, charge func() string) string {
		body := charge()
		w.Header().Set("Set-Cookie", "session=alice")
		w.Header().Set("Location", "/payments/1")
		_, _ = io.WriteString(w, body)
		return body
	},
	"validates": func(w http.ResponseWriter, r *http.Request, charge func() string) string {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "-") {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return ""
		}
		receipt := charge()
		_, _ = io.WriteString(w, receipt)
		return receipt
	},
	"breaks": func(w http.ResponseWriter, _ *http.Request, _ func() string) string {
		w.WriteHeader(http.StatusInternalServerError)
		return ""
	},
	"gives-up-quietly": func(_ http.ResponseWriter, r *http.Request, _ func() string) string {
		<-r.Context().Done()
		return ""
	},
}

// fingerprints are the settings of the middleware that stories choose among.
var fingerprints = map[string]idemhttp.FingerprintFunc{
	"amount": idempotency.Must(idemhttp.JSONSubsetFingerprint(idemhttp.JSONMembers{Required: []string{"/amount"}})),
}

// request makes a process serve an HTTP request, which is the step's input, behind
// the middleware, and tells the response:
//
//	request A [again] [handler=charges] [parsed] [fingerprint=amount] [deadline=10s]
//
// With "parsed", something in front of the middleware has parsed the form.
func (s *story) request(t *testing.T, d *datadriven.TestData) {
	s.onlyHere = true // HTTP does not depend on the store
	serve, parsed := handlers["charges"], false
	cfg := idemhttp.Config{
		Operation: "payments.create",
		Scope:     func(*http.Request) (idempotency.Scope, error) { return idempotency.NewScope(alice) },
	}
	var r request
	for _, arg := range d.CmdArgs[1:] {
		value := strings.Join(arg.Vals, "")
		switch arg.Key {
		case "again":
		case "handler":
			if serve = handlers[value]; serve == nil {
				d.Fatalf(t, "no handler %q", value)
			}
		case "parsed":
			parsed = true
		case "fingerprint":
			cfg.Fingerprint = fingerprints[value]
		case "deadline":
			r.deadline = duration(t, d, value)
		default:
			d.Fatalf(t, "requests have no %s", arg.Key)
		}
	}
	name := d.CmdArgs[0].Key
	p := s.cast[name]
	if p == nil {
		p = s.process(name, alice)
		p.key = keyOf(t, alice, "k1")
		s.cast[name] = p
	}
	cfg.Guard = p.guard
	protect, err := idemhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	in := s.parse(t, d)
	p.tell("%s %s", in.Method, in.URL.Path)
	if parsed {
		_ = in.ParseForm()
	}
	out := httptest.NewRecorder()
	p.serve(in, r, protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.tell("executes")
		ends := p.executes(r.Context())
		e, _ := idempotency.FromContext(r.Context())
		body := serve(w, r, func() (receipt string) {
			p.step("effect", func() { receipt = p.happens(e, stepNames[0]) })
			return string(ledger.Receipts(receipt))
		})
		ends(idempotency.Result{Data: []byte(body)}, true)
	})), out)
	p.settle()
}

// parse reads the request that is a step's input.
func (s *story) parse(t *testing.T, d *datadriven.TestData) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(d.Input, "\n\n")
	first, fields, _ := strings.Cut(head, "\n")
	raw := fmt.Sprintf("%s HTTP/1.1\nHost: localhost\nContent-Length: %d\n%s\n\n%s", first, len(body), fields, body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return r
}

// serve makes the process serve the request, as [process.call] does without HTTP.
func (p *process) serve(in *http.Request, r request, h http.Handler, out *httptest.ResponseRecorder) {
	c, done := p.asks(r), make(chan struct{})
	ctx, hangUp := context.WithCancel(in.Context())
	if r.deadline > 0 {
		ctx, hangUp = context.WithTimeout(in.Context(), r.deadline)
	}
	p.done, p.hangUp = done, hangUp
	go func() {
		defer close(done)
		defer hangUp()
		h.ServeHTTP(out, in.WithContext(ctx))
		answer := answerOf(out.Result(), p.world.had(c))
		if answer == ledger.Unavailable && len(c.Executions) > 0 {
			answer = ledger.Failed // the store could be asked
		}
		p.answers(c, answer, out.Body.String(), responseText(out.Result()))
	}()
}

// answerOf is what a response says of the call.
func answerOf(r *http.Response, effect bool) ledger.Answer {
	switch {
	case r.Header.Get(idemhttp.HeaderReplayed) == "true":
		return ledger.Replayed
	case effect:
		return ledger.Executed
	case r.StatusCode == http.StatusServiceUnavailable:
		return ledger.Unavailable
	case r.StatusCode >= 500:
		return ledger.Failed
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/problem+json"):
		return ledger.Discarded
	case r.StatusCode == http.StatusUnprocessableEntity:
		return ledger.Mismatch
	case r.StatusCode == http.StatusConflict && r.Header.Get("Retry-After") != "":
		return ledger.InProgress
	case r.StatusCode == http.StatusConflict:
		return ledger.OutcomeUnknown
	}
	return ledger.Failed
}

// responseText is the response as it is told, without the dates in it.
func responseText(r *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "responds %s", r.Status)
	body, _ := io.ReadAll(r.Body)
	r.Header.Del(idemhttp.HeaderExpires)
	var refusal problem.Problem
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(body, &refusal) == nil {
		_, kind, _ := strings.Cut(refusal.Type, "#")
		return fmt.Sprintf("%s; problem %s: %s", &b, kind, cmp.Or(refusal.Detail, refusal.Title))
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "; %s: %s", name, strings.Join(r.Header[name], ", "))
	}
	fmt.Fprintf(&b, "; %q", body)
	return b.String()
}
