package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// api is one like the stack's, with as little behind it as will do.
type api struct {
	mu      sync.Mutex
	answers map[string]string // by key
	effects []effect
	number  int
	// again lets a duplicate execute, and have an effect under a new id.
	again bool
	// change is applied to what duplicates get, if it is set.
	change func(string) string
	// forget leaves out the effects of a kind, twice lists them twice.
	forget, twice string
	// refuse is called before anything else, and reports whether it has answered.
	refuse func(w http.ResponseWriter, r *http.Request) bool
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil && a.refuse(w, r) {
		return
	}
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]any{"effects": a.effects})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	answer, replayed := a.answers[key]
	switch {
	case replayed && !a.again:
		w.Header().Set("Idempotent-Replayed", "true")
		if a.change != nil {
			answer = a.change(answer)
		}
	default:
		answer = a.execute(r)
		a.answers[key] = answer
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(answer))
}

func (a *api) execute(r *http.Request) string {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return err.Error()
	}
	a.number++
	id := fmt.Sprint("id-", a.number)
	kinds := map[string][]string{"/api/payments": {"charge"}, "/api/customers": {"customer"}, "/api/orders": {"order"}}[r.URL.Path]
	if body["receipt"] == true {
		kinds = append(kinds, "receipt")
	}
	for _, kind := range kinds {
		if kind == a.forget {
			continue
		}
		a.effects = append(a.effects, effect{kind, id})
		if kind == a.twice {
			a.effects = append(a.effects, effect{kind, id})
		}
	}
	body["id"] = id
	text, _ := json.Marshal(body)
	return string(text)
}

// transport answers by a handler, without a network.
type transport struct{ handler http.Handler }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	if w.Code == http.StatusTeapot {
		return nil, errors.New("the connection broke")
	}
	return w.Result(), nil
}

func TestVisitorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	failFirst := func(status int) func(http.ResponseWriter, *http.Request) bool {
		first := true
		return func(w http.ResponseWriter, _ *http.Request) bool {
			fail := first
			if first = false; fail {
				w.WriteHeader(status)
			}
			return fail
		}
	}
	for name, test := range map[string]struct {
		api  *api
		want string // "" for nothing
	}{
		"nothing":                     {&api{}, ""},
		"a request failed once":       {&api{refuse: failFirst(http.StatusBadGateway)}, ""},
		"a connection broke once":     {&api{refuse: failFirst(http.StatusTeapot)}, ""},
		"duplicates execute":          {&api{again: true}, "G3: "},
		"an effect happened twice":    {&api{twice: "charge"}, "G4: 2 effects"},
		"a receipt was sent twice":    {&api{twice: "receipt"}, "G4: 2 effects of the step receipt"},
		"an effect was lost":          {&api{forget: "order"}, "G3: "},
		"a receipt was lost":          {&api{forget: "receipt"}, "of which the receipt has not happened"},
		"another's answer":            {&api{change: func(s string) string { return strings.Replace(s, `"amount":`, `"amount":7`, 1) }}, "G6"},
		"an answer in other words":    {&api{change: func(s string) string { return s + " " }}, "G1"},
		"a damaged answer":            {&api{change: func(s string) string { return s[:5] }}, "damaged answer"},
		"an effect that nobody knows": {&api{effects: []effect{{"charge", "id-0"}}}, "nobody was told of the charge of id-0"},
		"a refusal":                   {&api{refuse: failFirst(http.StatusUnprocessableEntity)}, "status 422"},
		"no answer": {&api{refuse: func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return r.Method == http.MethodPost
		}}, "no answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test.api.answers = make(map[string]string)
				v := newVisitor("http://stack.test", &http.Client{Transport: transport{test.api}})
				measured := 0
				v.measured = func(bool, float64) { measured++ }
				var got []string
				for _, err := range v.visit(t.Context(), "") {
					got = append(got, err.Error())
				}
				if all := strings.Join(got, "\n"); (test.want == "") != (all == "") || !strings.Contains(all, test.want) {
					t.Errorf("found %q, want %q", all, test.want)
				}
				repeated := v.sent - requestsOfAVisit
				if test.want == "" && (repeated < 0 || measured != requestsOfAVisit-1-intents/2-repeated) {
					t.Errorf("%d requests were sent and %d measured", v.sent, measured)
				}
			})
		})
	}
}
