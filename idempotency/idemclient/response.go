package idemclient

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Verdict is a decision about a response: see [Config].ShouldRetry.
type Verdict int

const (
	// ByRules leaves the decision to the rules in the package documentation.
	ByRules Verdict = iota
	// Final gives the response to the caller.
	Final
	// Again sends the request again, as an attempt that counts.
	Again
	// InProgress sends the request again because an earlier one with the same key
	// is still running. It is asked about until Config.Timeout is over, however
	// often that is.
	InProgress
)

// maxProblem bounds what is read of an error response to learn what it says, in
// bytes.
const maxProblem = 64 << 10

// read decides about a response. The body of a response to a keyed
// request is read to its end, so that one that breaks off is an error as long as
// there is time to send the request again.
func (c *call) read(response *http.Response) (Verdict, error) {
	// A stream has no length. That of a body that was compressed on the way is lost.
	if c.key != "" && (response.ContentLength >= 0 && response.ContentLength <= c.cfg.MaxBody || response.Uncompressed) {
		if _, err := peek(response, c.cfg.MaxBody); err != nil {
			return Final, err
		}
	}
	if c.cfg.ShouldRetry != nil {
		v, err := c.ask(response)
		if err != nil || v != ByRules {
			return v, err
		}
	}
	if Replayed(response) {
		return Final, nil // every further attempt would be given the same
	}
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Again, nil
	case http.StatusConflict:
		document, err := peek(response, maxProblem)
		if err == nil && c.saysInProgress(response.Header, document) {
			return InProgress, nil
		}
		return Final, err
	}
	return Final, nil
}

// ask calls Config.ShouldRetry with a response whose body it may read. That of a
// success is left alone.
func (c *call) ask(response *http.Response) (Verdict, error) {
	copied := *response
	copied.Body = http.NoBody
	if response.StatusCode >= 400 {
		start, err := peek(response, maxProblem)
		if err != nil {
			return Final, err
		}
		copied.Body = io.NopCloser(bytes.NewReader(start))
	}
	return c.cfg.ShouldRetry(&copied), nil
}

func (c *call) saysInProgress(header http.Header, document []byte) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != problem.ContentType {
		return false
	}
	var p struct{ Type string }
	return json.Unmarshal(document, &p) == nil && p.Type == c.cfg.InProgressType
}

// peek returns the beginning of the body, limit bytes at most, and leaves it to be
// read again.
func peek(response *http.Response, limit int64) ([]byte, error) {
	start, err := io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), response.Body), response.Body}
	return start, nil
}

// retryAfter returns how long a response asks to wait, RFC 9110 section 10.2.3: a
// number of seconds or a date. It is 0 if the response does not ask, or there is
// none.
func retryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, fromNow(response, date))
	}
	return 0
}

// fromNow returns how far a time that the response names lies ahead, by the clock
// of the server if the response has its Date.
func fromNow(response *http.Response, at time.Time) time.Duration {
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		return at.Sub(date)
	}
	return time.Until(at)
}
