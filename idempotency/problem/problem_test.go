package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		problem *problem.Problem
		want    map[string]any
	}{
		{"status alone", &problem.Problem{Status: 404}, map[string]any{
			"type": "about:blank", "title": "Not Found", "status": 404.0,
		}},
		{"everything", &problem.Problem{
			Type: "urn:invalid", Title: "Invalid", Status: 422, Detail: "amount is wrong",
			Instance:   "/requests/r1",
			Extensions: map[string]any{"errors": []string{"amount"}, "status": "overruled", "instance": "overruled"},
		}, map[string]any{
			"type": "urn:invalid", "title": "Invalid", "status": 422.0, "detail": "amount is wrong", "instance": "/requests/r1", "errors": []any{"amount"},
		}},
		{"no status", &problem.Problem{Type: "urn:x", Detail: "why"}, map[string]any{
			"type": "urn:x", "title": "Internal Server Error", "status": 500.0, "detail": "why",
		}},
		{"a status that is no error", &problem.Problem{Status: 204, Title: "Odd"}, map[string]any{
			"type": "about:blank", "title": "Odd", "status": 500.0,
		}},
		{"a status out of range", &problem.Problem{Status: 1000}, map[string]any{
			"type": "about:blank", "title": "Internal Server Error", "status": 500.0,
		}},
		{"nil", nil, map[string]any{
			"type": "about:blank", "title": "Internal Server Error", "status": 500.0,
		}},
		{"an extension that is not JSON", &problem.Problem{Status: 400, Extensions: map[string]any{"f": func() {}}}, map[string]any{
			"type": "about:blank", "title": "Internal Server Error", "status": 500.0,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			problem.Write(w, test.problem)
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("document %v, want %v", got, test.want)
			}
			if float64(w.Code) != test.want["status"] || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, header %v", w.Code, w.Header())
			}
		})
	}
}

func TestWriteSendsItsHeaders(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Write(w, &problem.Problem{Status: 503, Header: http.Header{"Retry-After": {"1"}}})
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("header %v", w.Header())
	}
}

// What one response's header is changed to is not in the next one's.
func TestProblemServesManyRequests(t *testing.T) {
	t.Parallel()
	p := &problem.Problem{Status: 503, Header: http.Header{"Retry-After": {"1"}}}
	for range 2 {
		w := httptest.NewRecorder()
		problem.Write(w, p)
		if w.Header()["Retry-After"][0] != "1" {
			t.Errorf("header %v", w.Header())
		}
		w.Header()["Retry-After"][0] = "60"
	}
}

func TestProblemIsAnError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("wrapped: %w", &problem.Problem{Status: 403, Detail: "not yours"})
	var none *problem.Problem
	if none.Error() != "Internal Server Error" || (&problem.Problem{}).Error() != "Internal Server Error" {
		t.Errorf("%q of a nil problem", none.Error())
	}
	if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Status != 403 || err.Error() != "wrapped: Forbidden: not yours" {
		t.Errorf("error %v", err)
	}
}
