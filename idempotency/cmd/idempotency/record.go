package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// The states of a key.
const (
	stateFree        = "free"
	stateRunning     = "running"     // its lease runs
	stateInterrupted = "interrupted" // its lease is over, and there is no result
	stateCompleted   = "completed"
)

func stateOf(r *idempotency.Record, now time.Time) string {
	switch {
	case r == nil:
		return stateFree
	case r.Status == idempotency.Completed:
		return stateCompleted
	case r.Interrupted(now):
		return stateInterrupted
	}
	return stateRunning
}

// shown is a record as JSON shows it.
type shown struct {
	ID           string     `json:"id"`
	State        string     `json:"state"`
	Claimed      *time.Time `json:"claimed,omitempty"`
	LeaseUntil   *time.Time `json:"leaseUntil,omitempty"`
	Expires      *time.Time `json:"expires,omitempty"`
	FencingToken string     `json:"fencingToken,omitempty"`
	Fingerprint  string     `json:"fingerprint,omitempty"`
	Result       *result    `json:"result,omitempty"`
	Steps        []step     `json:"steps,omitempty"` // those that an unfinished execution has recorded
}

// step is a recorded step of an execution.
type step struct {
	Name   string  `json:"name"`
	Result *result `json:"result"`
}

// result is a recorded result. Header and body are those of a full one.
type result struct {
	Kind        string          `json:"kind"` // http, json, bytes, none
	Size        int             `json:"size"`
	Status      int             `json:"status,omitempty"`
	ContentType string          `json:"contentType,omitempty"`
	Header      http.Header     `json:"header,omitempty"`
	Trailer     http.Header     `json:"trailer,omitempty"`
	JSON        json.RawMessage `json:"json,omitempty"`
	Text        *string         `json:"text,omitempty"`
	Bytes       []byte          `json:"bytes,omitempty"` // base64 in JSON
}

func show(id string, r *idempotency.Record, now time.Time, full bool) shown {
	s := shown{ID: id, State: stateOf(r, now)}
	if r == nil {
		return s
	}
	s.Claimed, s.Expires = timeOf(r.Claimed), timeOf(r.Expires)
	s.FencingToken, s.Fingerprint = r.Owner, string(r.Fingerprint)
	switch s.State {
	case stateCompleted:
		s.Result = resultOf(r.Data, full)
	default:
		for _, recorded := range r.Steps {
			s.Steps = append(s.Steps, step{recorded.Name, resultOf(recorded.Data, full)})
		}
		if r.LeaseUntil.After(time.Unix(0, 0)) { // or its owner has given up
			s.LeaseUntil = timeOf(r.LeaseUntil)
		}
	}
	return s
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// resultOf describes recorded data: a response of idemhttp, the JSON of
// idempotency.Do, or bytes of which nothing is known, as sealed ones are.
func resultOf(data []byte, full bool) *result {
	if data == nil {
		return &result{Kind: "none"}
	}
	r := &result{Size: len(data)}
	content := data
	if response, trailer, err := idemhttp.DecodeResponse(data); err == nil {
		r.Kind, r.Status, r.Size, content = "http", response.Status, len(response.Body), response.Body
		r.ContentType = response.Header.Get("Content-Type")
		if full {
			r.Header, r.Trailer = response.Header, trailer
		}
	} else if json.Valid(data) {
		r.Kind = "json"
	} else {
		r.Kind = "bytes"
	}
	switch {
	case !full || len(content) == 0:
	case json.Valid(content):
		r.JSON = content
	case utf8.Valid(content):
		text := string(content)
		r.Text = &text
	default:
		r.Bytes = content
	}
	return r
}

func (r *result) String() string {
	switch r.Kind {
	case "none":
		return "not kept: duplicates are told that the operation has completed"
	case "http":
		text := fmt.Sprintf("HTTP %d %s, %d bytes", r.Status, http.StatusText(r.Status), r.Size)
		if r.ContentType != "" {
			text += " of " + clean(r.ContentType)
		}
		return text
	case "json":
		return fmt.Sprintf("JSON, %d bytes", r.Size)
	}
	return fmt.Sprintf("%d bytes that are neither HTTP nor JSON; sealed, perhaps: say --kms-key", r.Size)
}

// print writes a record for people.
func (s shown) print(w io.Writer, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, value) }
	at := func(name string, value *time.Time) {
		if value != nil {
			line(name, fmt.Sprintf("%s (%s)", value.Format(time.RFC3339), ago(*value, now)))
		}
	}
	line("id", s.ID)
	line("state", map[string]string{
		stateFree:        "free: no record, or its window has passed",
		stateRunning:     "running: an execution holds its lease",
		stateInterrupted: "interrupted: the lease is over, and no result was recorded",
		stateCompleted:   "completed",
	}[s.State])
	at("claimed", s.Claimed)
	at("lease until", s.LeaseUntil)
	at("window until", s.Expires)
	if s.FencingToken != "" {
		line("fencing token", clean(s.FencingToken))
		line("fingerprint", clean(s.Fingerprint))
	}
	if s.Result != nil {
		line("result", s.Result.String())
	}
	for _, step := range s.Steps {
		line("recorded step", clean(step.Name)+": "+step.Result.String())
	}
	_ = t.Flush()
	for _, step := range s.Steps {
		step.Result.printContent(w)
	}
	if s.Result != nil {
		s.Result.printContent(w)
	}
}

// printContent writes header and body of a full result.
func (r *result) printContent(w io.Writer) {
	for _, fields := range []http.Header{r.Header, r.Trailer} {
		for i, name := range slices.Sorted(maps.Keys(fields)) {
			if i == 0 {
				fmt.Fprintln(w)
			}
			for _, value := range fields[name] {
				fmt.Fprintf(w, "%s: %s\n", clean(name), clean(value))
			}
		}
	}
	switch {
	case r.JSON != nil:
		fmt.Fprintf(w, "\n%s\n", clean(string(r.JSON)))
	case r.Text != nil:
		fmt.Fprintf(w, "\n%s\n", clean(*r.Text))
	case r.Bytes != nil:
		fmt.Fprintf(w, "\n%q\n", r.Bytes)
	}
}

// clean keeps what others have chosen from controlling the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
}
