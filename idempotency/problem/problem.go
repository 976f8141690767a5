// Package problem writes errors as problem documents, RFC 9457.
package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// Problem is a problem document. It is an error, so that a function can return
// one through layers that do not know of HTTP. What it holds is shown to the
// caller: it must not carry internals.
type Problem struct {
	// Type is a URI that names the kind of problem and stays stable. Empty means
	// "about:blank": nothing more to say than Status does.
	Type string
	// Title is a short summary, the same for every problem of this Type. Default:
	// the status text.
	Title string
	// Status is the HTTP status code.
	Status int
	// Detail says what is wrong this time and what to do about it.
	Detail string
	// Extensions are further members, such as a list of invalid fields. They
	// cannot replace the standard ones.
	Extensions map[string]any
	// Header holds further header fields for the response, such as Retry-After.
	Header http.Header
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.title() + ": " + p.Detail
	}
	return p.title()
}

func (p *Problem) title() string {
	if p.Title != "" {
		return p.Title
	}
	return http.StatusText(p.Status)
}

// MarshalJSON implements [json.Marshaler]. The standard members come first, in
// the order in which one reads them.
func (p *Problem) MarshalJSON() ([]byte, error) {
	standard := struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{p.Type, p.title(), p.Status, p.Detail}
	if standard.Type == "" {
		standard.Type = "about:blank"
	}
	document, err := json.Marshal(standard)
	if err != nil {
		return nil, err
	}
	extensions := maps.Clone(p.Extensions)
	for _, taken := range []string{"type", "title", "status", "detail"} {
		delete(extensions, taken)
	}
	if len(extensions) == 0 {
		return document, nil
	}
	rest, err := json.Marshal(extensions)
	if err != nil {
		return nil, err
	}
	return append(append(document[:len(document)-1], ','), rest[1:]...), nil
}

// Write answers with the problem. It is never to be stored by caches.
func Write(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil { // only an extension that is not JSON can do that
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
		p = &Problem{Status: http.StatusInternalServerError}
	}
	header := w.Header()
	for name, values := range p.Header {
		header[name] = values
	}
	header.Set("Content-Type", ContentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone cannot be told
}
