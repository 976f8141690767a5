package dynamolocal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// parse reads the JSON of a request. Its errors, and those of binders, are those
// of the service's deserialiser.
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, malformed("The request is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var raw any
	if err := decoder.Decode(&raw); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, malformed("The request is not valid JSON: unexpected end of JSON input")
	} else if err != nil {
		return nil, malformed("The request is not valid JSON: " + err.Error())
	}
	if rest := body[decoder.InputOffset():]; len(bytes.TrimLeft(rest, " \t\r\n")) > 0 {
		return nil, malformed("The request is not valid JSON: there is more than one value")
	}
	if raw == nil {
		return nil, malformed("The request is null")
	}
	return raw, nil
}

func malformed(message string) error {
	return &exception{name: serialization, message: message}
}

// binder stores decoded JSON in a part of a request. What is null stays as it is.
type binder func(raw any, into reflect.Value) error

// binderOf makes a binder for a type, which is not recursive. Unlike
// encoding/json it knows the members of structs only by their exact names, and
// takes the ARN of a table where its name belongs.
func binderOf(t reflect.Type) binder {
	switch t.Kind() {
	case reflect.Interface:
		return typed("", func(raw any, into reflect.Value) error {
			into.Set(reflect.ValueOf(raw))
			return nil
		})
	case reflect.Pointer:
		bind := binderOf(t.Elem())
		return typed("", func(raw any, into reflect.Value) error {
			into.Set(reflect.New(t.Elem()))
			return bind(raw, into.Elem())
		})
	case reflect.String:
		return typed("String", func(text string, into reflect.Value) error {
			into.SetString(text)
			return nil
		})
	case reflect.Bool:
		return typed("Boolean", func(truth bool, into reflect.Value) error {
			into.SetBool(truth)
			return nil
		})
	case reflect.Int, reflect.Int64:
		return typed("Integer", func(number json.Number, into reflect.Value) error {
			integer, err := strconv.ParseInt(number.String(), 10, 64)
			if err != nil {
				return mistyped(number, "Integer")
			}
			into.SetInt(integer)
			return nil
		})
	case reflect.Slice:
		bind := binderOf(t.Elem())
		return typed("List", func(elements []any, into reflect.Value) error {
			into.Set(reflect.MakeSlice(t, len(elements), len(elements)))
			for i, element := range elements {
				if err := bind(element, into.Index(i)); err != nil {
					return err
				}
			}
			return nil
		})
	case reflect.Map:
		return typed("Map", mapBinder(t))
	default:
		return typed("Structure", structBinder(t))
	}
}

// typed makes a binder of one for JSON of one type, which messages call word.
func typed[J any](word string, bind func(raw J, into reflect.Value) error) binder {
	return func(raw any, into reflect.Value) error {
		if raw == nil {
			return nil
		}
		content, ok := raw.(J)
		if !ok {
			return mistyped(raw, word)
		}
		return bind(content, into)
	}
}

func mistyped(raw any, word string) error {
	return malformed(attribute.JSONType(raw) + " cannot be converted to " + word)
}

func mapBinder(t reflect.Type) func(object map[string]any, into reflect.Value) error {
	if t == reflect.TypeFor[map[string]any]() {
		return func(object map[string]any, into reflect.Value) error {
			into.Set(reflect.ValueOf(object))
			return nil
		}
	}
	bind := binderOf(t.Elem())
	return func(object map[string]any, into reflect.Value) error {
		into.Set(reflect.MakeMapWithSize(t, len(object)))
		for name, element := range object {
			value := reflect.New(t.Elem()).Elem()
			if err := bind(element, value); err != nil {
				return err
			}
			into.SetMapIndex(reflect.ValueOf(name), value)
		}
		return nil
	}
}

func structBinder(t reflect.Type) func(object map[string]any, into reflect.Value) error {
	members := make([]func(object map[string]any, into reflect.Value) error, t.NumField())
	for i := range members {
		field := t.Field(i)
		if field.Anonymous {
			members[i] = structBinder(field.Type)
			continue
		}
		bind := binderOf(field.Type)
		members[i] = func(object map[string]any, into reflect.Value) error {
			raw := object[field.Name]
			if name, ok := raw.(string); ok && field.Name == "TableName" {
				raw = tableOfARN(name)
			}
			return bind(raw, into)
		}
	}
	return func(object map[string]any, into reflect.Value) error {
		for i, bind := range members {
			if err := bind(object, into.Field(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// tableOfARN returns the name of the table with the ARN, or name if that is
// none. The engine is every region and every account.
func tableOfARN(name string) string {
	const parts = 6 // arn:partition:dynamodb:region:account:table/name
	arn := strings.SplitN(name, ":", parts)
	if len(arn) < parts || arn[0] != "arn" || arn[2] != "dynamodb" {
		return name
	}
	table, ok := strings.CutPrefix(arn[parts-1], "table/")
	if !ok {
		return name
	}
	return table
}
