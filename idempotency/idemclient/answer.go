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

// maxProblem bounds what is read of a 409 to learn its type.
const maxProblem = 64 << 10

// read decides whether an answer asks for a retry. What the answer to a keyed
// request holds is read to its end, so that one that breaks off is an error as
// long as there is time to ask again.
func (c *call) read(answer *http.Response) (retryable bool, err error) {
	switch answer.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		retryable = true
	case http.StatusConflict:
		document, err := peek(answer, maxProblem)
		if err != nil {
			return false, err
		}
		retryable = c.saysInProgress(answer.Header, document)
	}
	// A stream has no length. Of what was compressed on the way it is lost.
	if c.key != "" && (answer.ContentLength >= 0 && answer.ContentLength <= c.cfg.MaxBody || answer.Uncompressed) {
		_, err = peek(answer, c.cfg.MaxBody)
	}
	return retryable, err
}

func (c *call) saysInProgress(header http.Header, document []byte) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != problem.ContentType {
		return false
	}
	var p struct{ Type string }
	return json.Unmarshal(document, &p) == nil && p.Type == c.cfg.InProgressType
}

// peek returns what the body begins with, limit bytes at most, and leaves it to
// be read again.
func peek(answer *http.Response, limit int64) ([]byte, error) {
	start, err := io.ReadAll(io.LimitReader(answer.Body, limit))
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), answer.Body), answer.Body}
	return start, nil
}

// retryAfter is how long an answer asks to wait, RFC 9110 section 10.2.3: a
// number of seconds or a date. 0 where it does not ask, or there is no answer.
func retryAfter(answer *http.Response) time.Duration {
	if answer == nil {
		return 0
	}
	value := answer.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, fromNow(answer, date))
	}
	return 0
}

// fromNow is how far a time that the answer names lies ahead, by the clock of
// the server where the answer tells that, too.
func fromNow(answer *http.Response, at time.Time) time.Duration {
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		return at.Sub(date)
	}
	return time.Until(at)
}
