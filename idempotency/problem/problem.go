// Package problem writes errors as problem documents, RFC 9457.
package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// Problem is a problem document. It is an error, so that a function can return
// one through layers that do not know about HTTP. It is shown to the client, so
// it must not hold internals.
type Problem struct {
	// Type is a URI that identifies the kind of problem and stays stable. Default:
	// "about:blank", for a problem about which the status says everything.
	Type string
	// Title is a short summary, the same for every problem of this Type. Default:
	// the status text.
	Title string
	// Status is the HTTP status code, 400 to 599. Default, and instead of any
	// other: 500.
	Status int
	// Detail explains this occurrence of the problem and what to do about it.
	Detail string
	// Instance is a URI reference that identifies this occurrence, such as the id
	// of the request. Default: none.
	Instance string
	// Extensions are further members, such as a list of invalid fields. They
	// cannot replace the standard ones.
	Extensions map[string]any
	// Header holds further header fields for the response, such as Retry-After.
	Header http.Header
}

// Error implements error.
func (p *Problem) Error() string {
	if p == nil || p.Detail == "" {
		return p.title()
	}
	return p.title() + ": " + p.Detail
}

// StatusCode returns Status or, if that is not from 400 to 599, 500.
func (p *Problem) StatusCode() int {
	if p == nil || p.Status < 400 || p.Status > 599 {
		return http.StatusInternalServerError
	}
	return p.Status
}

func (p *Problem) title() string {
	if p != nil && p.Title != "" {
		return p.Title
	}
	return http.StatusText(p.StatusCode())
}

// MarshalJSON implements [json.Marshaler]. The standard members come first, in
// the order in which they are read.
func (p *Problem) MarshalJSON() ([]byte, error) {
	standard := struct {
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Detail   string `json:"detail,omitempty"`
		Instance string `json:"instance,omitempty"`
	}{p.Type, p.title(), p.StatusCode(), p.Detail, p.Instance}
	if standard.Type == "" {
		standard.Type = "about:blank"
	}
	document, err := json.Marshal(standard)
	if err != nil {
		return nil, err
	}
	extensions := maps.Clone(p.Extensions)
	for _, taken := range []string{"type", "title", "status", "detail", "instance"} {
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

// SetHeader sets the header fields of a response with the problem, except for its
// Content-Type: those of p.Header, and Cache-Control, because a cache must never
// store it.
func (p *Problem) SetHeader(header http.Header) {
	for name, values := range p.Header {
		header[name] = slices.Clone(values) // a Problem may serve many requests
	}
	header.Set("Cache-Control", "no-store")
}

// Write responds with the problem. A nil problem, and one that has an extension
// which is not JSON, is a 500.
func Write(w http.ResponseWriter, p *Problem) {
	if p == nil {
		p = &Problem{}
	}
	body, err := json.Marshal(p)
	if err != nil {
		p = &Problem{}
		body, _ = json.Marshal(p) // it has no extension
	}
	header := w.Header()
	p.SetHeader(header)
	header.Set("Content-Type", ContentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.StatusCode())
	_, _ = w.Write(body) // a client that is gone cannot be told
}
