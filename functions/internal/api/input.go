package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// MaxBody is the largest request body, in bytes.
const MaxBody = 64 << 10

// Input is what a request asks for: a struct whose fields carry json tags.
type Input interface {
	// Validate returns what is wrong, field by field; nothing where all is well.
	Validate() []FieldError
}

// FieldError says what is wrong with one field of an input. It is a member of
// the problem document.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// read decodes and validates a request's body, and leaves it to be read again.
// Errors are problems.
func read[In Input](w http.ResponseWriter, r *http.Request, in *In) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &problem.Problem{
			Type:   problemtype.MediaTypeUnsupported,
			Title:  "The media type is not supported",
			Status: http.StatusUnsupportedMediaType,
			Detail: "Send the body as Content-Type: application/json.",
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem.Problem{
			Type:   idemhttp.TypePayloadTooLarge,
			Title:  "The request body is too large",
			Status: http.StatusRequestEntityTooLarge,
			Detail: "The limit is " + strconv.Itoa(MaxBody) + " bytes.",
		}
	}
	if err != nil {
		return malformed("the body could not be read to its end")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))

	invalid, err := decode(body, in)
	if err != nil {
		return err
	}
	named := make(map[string]bool, len(invalid))
	for _, e := range invalid {
		named[e.Field] = true
	}
	for _, e := range (*in).Validate() {
		if !named[e.Field] { // a field of the wrong type is empty; one error is enough
			invalid = append(invalid, e)
		}
	}
	if len(invalid) > 0 {
		return &problem.Problem{
			Type:       problemtype.ValidationFailed,
			Title:      "The request is not valid",
			Status:     http.StatusUnprocessableEntity,
			Detail:     "Nothing was carried out. The same Idempotency-Key can be used for the corrected request.",
			Extensions: map[string]any{"errors": invalid},
		}
	}
	return nil
}

// decode reads a JSON object into the struct that in points to. It is stricter
// than encoding/json: names match exactly, unknown ones are errors, and all
// errors are collected. It reads the canonical form, so that what has the same
// fingerprint is understood alike: 1.25e3 is the integer 1250. Text that has no
// such form, because of duplicate names for example, is malformed.
func decode(body []byte, in any) (invalid []FieldError, err error) {
	canonical, err := canonicaljson.Transform(body)
	if err != nil {
		return nil, malformed(err.Error())
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(canonical, &members); err != nil || members == nil {
		return nil, malformed("it is not a JSON object")
	}
	target := reflect.ValueOf(in).Elem()
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		value, sent := members[name]
		if !sent {
			continue
		}
		delete(members, name)
		if err := json.Unmarshal(value, target.Field(i).Addr().Interface()); err != nil {
			invalid = append(invalid, FieldError{name, "must be " + jsonType(target.Field(i).Kind())})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		invalid = append(invalid, FieldError{name, "is unknown"})
	}
	return invalid, nil
}

func malformed(reason string) error {
	return &problem.Problem{
		Type:   idemhttp.TypePayloadMalformed,
		Title:  "The request body is malformed",
		Status: http.StatusBadRequest,
		Detail: "The body is refused: " + reason + ".",
	}
}

func jsonType(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}
