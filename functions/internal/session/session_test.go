package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

const canonical = "3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44"

func TestFromRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		values  []string
		refused string // problem type, empty: accepted
	}{
		{"canonical", []string{canonical}, ""},
		{"upper case", []string{"3F1B6A5E-8C0D-4A57-9D3E-6A1F0C2B7E44"}, ""},
		{"missing", nil, problemtype.SessionMissing},
		{"empty", []string{""}, problemtype.SessionMalformed},
		{"not a UUID", []string{"me"}, problemtype.SessionMalformed},
		{"nil UUID", []string{"00000000-0000-0000-0000-000000000000"}, problemtype.SessionMalformed},
		{"without hyphens", []string{"3f1b6a5e8c0d4a579d3e6a1f0c2b7e44"}, problemtype.SessionMalformed},
		{"in braces", []string{"{" + canonical + "}"}, problemtype.SessionMalformed},
		{"as URN", []string{"urn:uuid:" + canonical}, problemtype.SessionMalformed},
		{"sent twice", []string{canonical, canonical}, problemtype.SessionMalformed},
		{"sent twice and joined", []string{canonical + "," + canonical}, problemtype.SessionMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header[session.Header] = test.values
			id, err := session.FromRequest(r)
			if test.refused == "" {
				if err != nil || id != canonical {
					t.Fatalf("got %q, %v; want %s", id, err, canonical)
				}
				return
			}
			p, ok := errors.AsType[*problem.Problem](err)
			if !ok || p.Type != test.refused || p.Status != http.StatusBadRequest {
				t.Fatalf("got %q, %v; want the problem %s", id, err, test.refused)
			}
			if _, err := session.Scope(r); err == nil {
				t.Error("Scope accepts what FromRequest refuses")
			}
		})
	}
}

func TestContextCarriesTheSession(t *testing.T) {
	t.Parallel()
	if id, ok := session.FromContext(t.Context()); ok {
		t.Errorf("a context without a session carries %s", id)
	}
	if id, ok := session.FromContext(session.NewContext(t.Context(), canonical)); !ok || id != canonical {
		t.Errorf("got %q, %v", id, ok)
	}
}
