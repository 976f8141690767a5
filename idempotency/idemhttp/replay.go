package idemhttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// errEncoding is why a recorded response cannot be replayed: it has a content
// coding that the request does not accept, and that cannot be undone here.
var errEncoding = errors.New("idemhttp: the request does not accept the content coding of the recorded response")

// maxDecoded bounds the size of a body whose content coding is undone, in bytes.
const maxDecoded = 64 << 20

// replay sends a recorded response. If it returns an error, it has sent nothing.
func replay(w http.ResponseWriter, r *http.Request, recorded []byte) error {
	response, err := decodeResponse(recorded)
	if err != nil {
		return err
	}
	coding := response.fields.contentCoding()
	undo := coding != "" && !accepts(r.Header, coding)
	if undo {
		if response.body, err = decodeContent(coding, response.body); err != nil {
			return err
		}
	}
	header := w.Header()
	response.fields.setIn(header)
	if undo {
		toIdentity(header)
	}
	if !response.fields.mayHave("content-type") && len(response.body) > 0 {
		if _, set := header["Content-Type"]; !set {
			header["Content-Type"] = nil // the handler did without, so net/http must not guess one
		}
	}
	header[HeaderReplayed] = []string{"true"}
	var trailer http.Header
	if response.trailer != "" {
		trailer = make(http.Header)
		response.trailer.setIn(trailer)
	}
	send(w, response.status, response.body, trailer)
	return nil
}

// mayHave reports whether the section may have a field of the given name. It is a
// fast check: only its false is certain.
func (s fieldSection) mayHave(name string) bool { return strings.Contains(string(s), name) }

// contentCoding returns the value of Content-Encoding, or "" for none.
func (s fieldSection) contentCoding() string {
	if !s.mayHave("content-encoding") {
		return ""
	}
	header := make(http.Header)
	s.setIn(header)
	return strings.Join(header["Content-Encoding"], ",")
}

// decodeContent undoes the content coding of a body.
func decodeContent(coding string, body []byte) ([]byte, error) {
	if !isGzip(coding) {
		return nil, fmt.Errorf("%w: %q", errEncoding, coding)
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxDecoded+1))
	if err == nil && len(plain) > maxDecoded {
		err = fmt.Errorf("the body is larger than %d bytes", maxDecoded)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	return plain, nil
}

// toIdentity makes a header that of the same content without its coding.
func toIdentity(header http.Header) {
	for _, name := range []string{"Content-Encoding", "Content-Digest", "Content-Md5", "Digest", "Repr-Digest"} {
		delete(header, name)
	}
	// A strong ETag says that the bytes are the same (RFC 9110 section 8.8.3.3).
	if etag := header.Get("Etag"); strings.HasPrefix(etag, `"`) {
		header["Etag"] = []string{"W/" + etag}
	}
}

// accepts reports whether a request accepts the content codings of a response
// (RFC 9110 section 12.5.3). It accepts all if it does not say anything.
func accepts(header http.Header, codings string) bool {
	values, said := header["Accept-Encoding"]
	if !said {
		return true
	}
	for coding := range strings.SplitSeq(codings, ",") {
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "" && coding != "identity" && quality(values, coding) <= 0 {
			return false
		}
	}
	return true
}

// quality returns the weight that the values of Accept-Encoding give to a coding:
// its own or, without one, that of "*". A weight that is not a number counts
// as 0, because every client accepts content without a coding.
func quality(values []string, coding string) float64 {
	weight := 0.0
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(element, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			own := name == coding || isGzip(name) && isGzip(coding)
			if !own && name != "*" {
				continue
			}
			q := 1.0
			if text, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q="); ok {
				q, _ = strconv.ParseFloat(text, 64)
			}
			if own {
				return q
			}
			weight = q
		}
	}
	return weight
}

func isGzip(coding string) bool {
	coding = strings.ToLower(strings.TrimSpace(coding))
	return coding == "gzip" || coding == "x-gzip"
}
