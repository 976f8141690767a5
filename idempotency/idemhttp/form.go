package idemhttp

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

const (
	urlencodedForm = "application/x-www-form-urlencoded"
	multipartForm  = "multipart/form-data"
)

// FormFingerprint covers what a form says: its fields, and its files with their
// names, media types and content. The order of fields with different names, the
// escapes of an application/x-www-form-urlencoded body and the boundary of a
// multipart/form-data body do not matter. It is [RawFingerprint] for bodies of other media
// types and for those that are not well-formed.
func FormFingerprint(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
	var fields []formField
	var err error
	media := mediaType(r)
	switch media {
	case urlencodedForm:
		fields, err = urlencodedFields(body)
	case multipartForm:
		fields, err = multipartFields(r.Header.Get("Content-Type"), body)
	default:
		return rawFingerprint(r, media, body), nil
	}
	if err != nil {
		return rawFingerprint(r, media, body), nil
	}
	// Handlers look fields up by name, so only the order within a name counts.
	slices.SortStableFunc(fields, func(a, b formField) int { return bytes.Compare(a.name, b.name) })
	parts := make([][]byte, 0, 6+4*len(fields))
	parts = append(parts,
		[]byte(r.Method),
		[]byte(r.URL.EscapedPath()),
		[]byte(r.URL.RawQuery),
		[]byte(media),
		[]byte("fields"), nil, // two more parts than RawFingerprint has at the most
	)
	for _, f := range fields {
		parts = append(parts, f.name, f.file, f.media, f.content)
	}
	return idempotency.NewFingerprint(parts...), nil
}

// formField is a field of a form or, with a file name, a file.
type formField struct{ name, file, media, content []byte }

func urlencodedFields(body []byte) ([]formField, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	var fields []formField
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			fields = append(fields, formField{name: []byte(name), content: []byte(value)})
		}
	}
	return fields, nil
}

func multipartFields(contentType string, body []byte) ([]formField, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	// The reader takes some bodies that were cut off for whole.
	if !bytes.Contains(body, []byte("--"+parameters["boundary"]+"--")) {
		return nil, io.ErrUnexpectedEOF
	}
	var fields []formField
	reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		fields = append(fields, formField{
			name:    []byte(part.FormName()),
			file:    []byte(part.FileName()),
			media:   []byte(part.Header.Get("Content-Type")),
			content: content,
		})
	}
}
