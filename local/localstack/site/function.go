package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// functionLimit stops a function that does not end. CloudFront's own limit is
// a good deal tighter.
const functionLimit = time.Second

// Function is a CloudFront Function for viewer requests, run from its source:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
type Function struct {
	name    string
	program *goja.Program
	idle    sync.Pool // of *machine, as one runs one request at a time
}

// machine is a JavaScript runtime in which a function has been loaded.
type machine struct {
	vm               *goja.Runtime
	handler          goja.Callable
	parse, stringify goja.Callable
}

// NewFunction makes a function of its code. It fails when the code cannot be
// loaded or has no function called handler.
func NewFunction(name, code string) (*Function, error) {
	program, err := goja.Compile(name, code, false)
	if err != nil {
		return nil, fmt.Errorf("site: the function %s: %w", name, err)
	}
	f := &Function{name: name, program: program}
	m, err := f.load()
	if err != nil {
		return nil, err
	}
	f.idle.Put(m)
	return f, nil
}

func (f *Function) load() (*machine, error) {
	m := &machine{vm: goja.New()}
	console := m.vm.NewObject()
	if err := errors.Join(
		console.Set("log", func(goja.FunctionCall) goja.Value { return goja.Undefined() }),
		m.vm.Set("console", console),
	); err != nil {
		return nil, fmt.Errorf("site: the function %s: %w", f.name, err)
	}
	if _, err := m.vm.RunProgram(f.program); err != nil {
		return nil, fmt.Errorf("site: the function %s: %w", f.name, err)
	}
	var ok bool
	if m.handler, ok = goja.AssertFunction(m.vm.Get("handler")); !ok {
		return nil, fmt.Errorf("site: the function %s has no function handler(event)", f.name)
	}
	codec := m.vm.Get("JSON").ToObject(m.vm)
	m.parse, _ = goja.AssertFunction(codec.Get("parse"))
	m.stringify, _ = goja.AssertFunction(codec.Get("stringify"))
	return m, nil
}

// value is how a function sees a header, a cookie or a query parameter.
type value struct {
	Value      string  `json:"value"`
	MultiValue []value `json:"multiValue,omitempty"`
	Attributes string  `json:"attributes,omitempty"`
}

type functionEvent struct {
	Version string            `json:"version"`
	Context map[string]string `json:"context"`
	Viewer  map[string]string `json:"viewer"`
	Request functionRequest   `json:"request"`
}

type functionRequest struct {
	Method      string           `json:"method"`
	URI         string           `json:"uri"`
	QueryString map[string]value `json:"querystring"`
	Headers     map[string]value `json:"headers"`
	Cookies     map[string]value `json:"cookies"`
}

// functionResult is a request or a response; only a response has a status.
type functionResult struct {
	functionRequest
	StatusCode int             `json:"statusCode"`
	Body       json.RawMessage `json:"body"`
	// Known and without effect here.
	StatusDescription string `json:"statusDescription"`
}

// run gives the request as the function would have it, or the response that
// the function gives in its stead.
func (f *Function) run(r *http.Request) (*http.Request, *response, error) {
	event, err := json.Marshal(newFunctionEvent(r))
	if err != nil {
		return nil, nil, err
	}
	m, _ := f.idle.Get().(*machine)
	if m == nil {
		if m, err = f.load(); err != nil {
			return nil, nil, err
		}
	}
	out, err := m.call(string(event))
	if err != nil {
		// The machine is dropped: who knows what state it is in.
		return nil, nil, fmt.Errorf("site: the function %s: %w", f.name, err)
	}
	f.idle.Put(m)
	var result functionResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return nil, nil, fmt.Errorf("site: the function %s returned something else than a request or a response: %w", f.name, err)
	}
	if result.StatusCode != 0 {
		res, err := result.response()
		return nil, res, err
	}
	req, err := result.request(r)
	return req, nil, err
}

// call runs the handler on an event, both in JSON.
func (m *machine) call(event string) (string, error) {
	timer := time.AfterFunc(functionLimit, func() { m.vm.Interrupt("the function took too long") })
	defer timer.Stop()
	arg, err := m.parse(goja.Undefined(), m.vm.ToValue(event))
	if err != nil {
		return "", err
	}
	out, err := m.handler(goja.Undefined(), arg)
	if err != nil {
		return "", err
	}
	if promise, ok := out.Export().(*goja.Promise); ok {
		if promise.State() != goja.PromiseStateFulfilled {
			return "", fmt.Errorf("the promise was not kept: %v", promise.Result())
		}
		out = promise.Result()
	}
	text, err := m.stringify(goja.Undefined(), out)
	if err != nil {
		return "", err
	}
	return text.String(), nil
}

func newFunctionEvent(r *http.Request) functionEvent {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	req := functionRequest{
		Method:      r.Method,
		URI:         r.URL.EscapedPath(),
		QueryString: map[string]value{},
		Headers:     map[string]value{"host": {Value: r.Host}},
		Cookies:     map[string]value{},
	}
	// A query that cannot be decoded is passed on as far as it can.
	query, _ := url.ParseQuery(r.URL.RawQuery)
	for name, values := range query {
		req.QueryString[name] = multiValue(values)
	}
	for name, values := range r.Header {
		if name != "Cookie" {
			req.Headers[strings.ToLower(name)] = multiValue(values)
		}
	}
	for _, cookie := range r.Cookies() {
		req.Cookies[cookie.Name] = value{Value: cookie.Value}
	}
	return functionEvent{
		Version: "1.0",
		Context: map[string]string{"eventType": "viewer-request"},
		Viewer:  map[string]string{"ip": ip},
		Request: req,
	}
}

func multiValue(values []string) value {
	v := value{Value: values[len(values)-1]}
	if len(values) > 1 {
		for _, each := range values {
			v.MultiValue = append(v.MultiValue, value{Value: each})
		}
	}
	return v
}

// all gives the values that a value stands for.
func (v value) all() []string {
	if len(v.MultiValue) == 0 {
		return []string{v.Value}
	}
	list := make([]string, len(v.MultiValue))
	for i, each := range v.MultiValue {
		list[i] = each.Value
	}
	return list
}

func (r functionResult) request(original *http.Request) (*http.Request, error) {
	if !strings.HasPrefix(r.URI, "/") {
		return nil, fmt.Errorf("site: a function made the path %q", r.URI)
	}
	out := withPath(original, r.URI)
	query := url.Values{}
	for name, v := range r.QueryString {
		query[name] = v.all()
	}
	out.URL.RawQuery = query.Encode()
	out.Header = http.Header{}
	for name, v := range r.Headers {
		if name != "host" {
			out.Header[http.CanonicalHeaderKey(name)] = v.all()
		}
	}
	for name, v := range r.Cookies {
		out.AddCookie(&http.Cookie{Name: name, Value: v.Value})
	}
	return out, nil
}

func (r functionResult) response() (*response, error) {
	res := newResponse()
	res.status = r.StatusCode
	for name, v := range r.Headers {
		res.header[http.CanonicalHeaderKey(name)] = v.all()
	}
	for name, v := range r.Cookies {
		cookie := name + "=" + v.Value
		if v.Attributes != "" {
			cookie += "; " + v.Attributes
		}
		res.header.Add("Set-Cookie", cookie)
	}
	if len(r.Body) == 0 {
		return res, nil
	}
	var text string
	if json.Unmarshal(r.Body, &text) != nil {
		var body struct{ Encoding, Data string }
		if err := json.Unmarshal(r.Body, &body); err != nil || body.Encoding == "base64" {
			return nil, errors.New("site: a function's response has a body that is not text")
		}
		text = body.Data
	}
	res.body.WriteString(text)
	return res, nil
}
