package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// response is a function's answer in payload format 2.0.
type response struct {
	StatusCode      json.RawMessage            `json:"statusCode"`
	Headers         map[string]json.RawMessage `json:"headers"`
	Cookies         []string                   `json:"cookies"`
	Body            *string                    `json:"body"`
	IsBase64Encoded bool                       `json:"isBase64Encoded"`
}

// writeResponse writes what a function answered. It writes nothing when the
// answer is not one that API Gateway could make a response of.
func writeResponse(w http.ResponseWriter, r *http.Request, out []byte) error {
	status, res, err := parseResponse(out)
	if err != nil {
		return fmt.Errorf("gateway: the function's response: %w", err)
	}
	headers := map[string]string{"Content-Type": "text/plain;charset=UTF-8"}
	for name, raw := range res.Headers {
		value, err := headerValue(raw)
		if err != nil {
			return fmt.Errorf("gateway: the function's response: header %s: %w", name, err)
		}
		headers[http.CanonicalHeaderKey(name)] = value
	}
	var body []byte
	if res.Body != nil {
		body = []byte(*res.Body)
	}
	if res.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(string(body)); err != nil {
			return fmt.Errorf("gateway: the function's response: body: %w", err)
		}
	}
	h := w.Header()
	for name, value := range headers {
		switch name {
		case "Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			// The gateway's own business.
		default:
			h.Set(name, value)
		}
	}
	for _, cookie := range res.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		h.Del("Content-Type")
		if value, set := res.header("Content-Type"); set {
			h.Set("Content-Type", value)
		}
		w.WriteHeader(status)
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return nil
}

// parseResponse reads a function's answer. One without a status code stands
// for the body of a 200 in JSON: a JSON string for its text, anything else for
// itself.
func parseResponse(out []byte) (int, response, error) {
	out = bytes.TrimSpace(out)
	var res response
	if !json.Valid(out) {
		return 0, res, errors.New("it is not JSON")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(out, &fields) != nil || fields["statusCode"] == nil {
		body := string(out)
		_ = json.Unmarshal(out, &body)
		return http.StatusOK, response{
			Headers: map[string]json.RawMessage{"Content-Type": json.RawMessage(`"application/json"`)},
			Body:    &body,
		}, nil
	}
	if err := json.Unmarshal(out, &res); err != nil {
		return 0, res, err
	}
	status, err := strconv.Atoi(string(bytes.Trim(res.StatusCode, `"`)))
	if err != nil || status < 200 || status > 599 {
		return 0, res, fmt.Errorf("%s is not a status code", res.StatusCode)
	}
	return status, res, nil
}

func (r response) header(name string) (string, bool) {
	for n, raw := range r.Headers {
		if http.CanonicalHeaderKey(n) == name {
			value, err := headerValue(raw)
			return value, err == nil
		}
	}
	return "", false
}

// headerValue takes a text, a number or a truth value.
func headerValue(raw json.RawMessage) (string, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, float64:
		return string(raw), nil
	default:
		return "", fmt.Errorf("%s is not a text", raw)
	}
}
