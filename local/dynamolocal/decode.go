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

// decode reads a request into the struct that in points to. Unlike encoding/json
// it knows members only by their exact names and takes the ARN of a table where
// its name belongs. Its errors are those of the service's deserialiser.
func decode(body []byte, in any) error {
	if !utf8.Valid(body) {
		return malformed("The request is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var raw any
	if err := decoder.Decode(&raw); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("The request is not valid JSON: unexpected end of JSON input")
	} else if err != nil {
		return malformed("The request is not valid JSON: " + err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return malformed("The request is not valid JSON: there is more than one value")
	}
	if raw == nil {
		return malformed("The request is null")
	}
	return bind(raw, reflect.ValueOf(in).Elem())
}

func malformed(message string) error {
	return &exception{name: serialization, message: message}
}

// bind stores decoded JSON in a part of a request. What is null stays as it is.
func bind(raw any, into reflect.Value) error {
	if raw == nil {
		return nil
	}
	mistyped := func(word string) error {
		return malformed(attribute.JSONType(raw) + " cannot be converted to " + word)
	}
	switch into.Kind() {
	case reflect.Interface:
		into.Set(reflect.ValueOf(raw))
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return bind(raw, into.Elem())
	case reflect.String:
		text, ok := raw.(string)
		if !ok {
			return mistyped("String")
		}
		into.SetString(text)
	case reflect.Bool:
		truth, ok := raw.(bool)
		if !ok {
			return mistyped("Boolean")
		}
		into.SetBool(truth)
	case reflect.Int, reflect.Int64:
		number, ok := raw.(json.Number)
		if !ok {
			return mistyped("Integer")
		}
		integer, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil {
			return mistyped("Integer")
		}
		into.SetInt(integer)
	case reflect.Slice:
		elements, ok := raw.([]any)
		if !ok {
			return mistyped("List")
		}
		into.Set(reflect.MakeSlice(into.Type(), len(elements), len(elements)))
		for i, element := range elements {
			if err := bind(element, into.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		object, ok := raw.(map[string]any)
		if !ok {
			return mistyped("Map")
		}
		return bindMap(object, into)
	default:
		object, ok := raw.(map[string]any)
		if !ok {
			return mistyped("Structure")
		}
		return bindStruct(object, into)
	}
	return nil
}

func bindMap(object map[string]any, into reflect.Value) error {
	if whole := reflect.ValueOf(object); whole.Type() == into.Type() {
		into.Set(whole)
		return nil
	}
	into.Set(reflect.MakeMapWithSize(into.Type(), len(object)))
	for name, element := range object {
		value := reflect.New(into.Type().Elem()).Elem()
		if err := bind(element, value); err != nil {
			return err
		}
		into.SetMapIndex(reflect.ValueOf(name), value)
	}
	return nil
}

func bindStruct(object map[string]any, into reflect.Value) error {
	for i := range into.NumField() {
		field := into.Type().Field(i)
		if field.Anonymous {
			if err := bindStruct(object, into.Field(i)); err != nil {
				return err
			}
			continue
		}
		member := object[field.Name]
		if name, ok := member.(string); ok && field.Name == "TableName" {
			member = tableOfARN(name)
		}
		if err := bind(member, into.Field(i)); err != nil {
			return err
		}
	}
	return nil
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
