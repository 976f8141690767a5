package idemhttp

import (
	"errors"
	"io"
	"net/http"
)

// errBodyRead is the cause of the 500 with which a request is answered whose body
// somebody has read before the middleware. A fingerprint of what is left would
// be the same for different payloads.
var errBodyRead = errors.New("idemhttp: the request's body was read before the middleware: read it afterwards, or put it back in Request.Body and set Request.ContentLength to its length")

// readBody returns the whole body of a request. Its errors are problems, except
// for errBodyRead.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, limit), min(r.ContentLength, limit))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case !isWhole(r, len(body)):
		return nil, errBodyRead
	}
	return body, nil
}

func unreadable(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return payloadTooLarge(tooLarge.Limit)
	}
	if errors.Is(err, http.ErrBodyReadAfterClose) {
		return errBodyRead
	}
	return malformed("it could not be read to its end")
}

// isWhole reports whether length bytes are the whole body of r. A body of unknown
// length is not taken for whole if it is empty, because that is how a body looks
// that was read, or if it was parsed as a form. A body with a content coding is of
// unknown length if it has another one than stated: it was decoded.
func isWhole(r *http.Request, length int) bool {
	if int64(length) == r.ContentLength {
		return true
	}
	if _, coded := r.Header["Content-Encoding"]; r.ContentLength >= 0 && !coded {
		return false
	}
	parsed := r.MultipartForm != nil || r.PostForm != nil && mediaType(r) == urlencodedForm
	return length > 0 && !parsed
}

// readAll is io.ReadAll for a body of a stated length, which is negative if it is
// unknown. It trusts the length only as far as that costs little.
func readAll(body io.Reader, length int64) ([]byte, error) {
	const trusted = 64 << 10
	b := make([]byte, 0, min(max(length, 0), trusted)+1)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}
