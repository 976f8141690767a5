// Package jmespath selects idempotency keys, scopes and payloads from JSON
// documents by JMESPath expressions, for whoever has those in configuration or
// comes from Powertools for AWS Lambda. A Go function that reads a struct says the
// same and costs less: see idemlambda.FromBody.
//
//	key, err := jmespath.Key[events.SQSMessage]("powertools_json(body).[customer, orderId]")
//	// …
//	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
//		Key: key,
//		// …
//	}, place)
//
// An expression is evaluated on the JSON encoding of the event. Beside the
// functions of JMESPath Community it can use those of Powertools:
//
//	powertools_json(text)            parses a text that is JSON
//	powertools_base64(text)          decodes base64
//	powertools_base64_gzip(text)     decodes base64, then gzip
//
// What is not text after that, or is more than [MaxDecoded] bytes, is an error.
//
// The order of an object's members is no part of JSON, and the library's changes
// from one evaluation to the next. What depends on it would make another key each
// time, so expressions with the wildcard of objects (*) and with keys(), values()
// and items() are refused.
//
// Errors name the expression, but hold nothing of the document.
package jmespath

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jmespath-community/go-jmespath/pkg/functions"
	"github.com/jmespath-community/go-jmespath/pkg/interpreter"
	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
)

// MaxDecoded bounds the text that the functions of Powertools make of one
// document, all their results together, in bytes: a few kilobytes of gzip can
// claim to be gigabytes. An event has 6 MiB at most itself.
const MaxDecoded = 6 << 20

// Key returns a function that selects the idempotency key of an event: the Key of
// an idemlambda.Config.
//
// A string is the key as it is, and any other value as canonical JSON; 1 and "1"
// are two keys. An array or object, such as of [customer, orderId], is a key of
// several parts, of which none may be null or empty; a projection such as
// items[].id leaves out the nulls itself, so do not rely on one for that. Where the expression selects
// nothing at all, or only nulls and empty strings, there is no key: the function
// returns "", which no record can have. A boolean is no key, and neither is a
// number beyond ±(2^53−1) or what is not Unicode, for JSON does not keep those
// apart.
func Key[E any](expression string) (func(E) (string, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) (string, error) {
		value, err := x.selectFrom(event)
		if err != nil {
			return "", err
		}
		return x.token(value)
	}, nil
}

// Scope returns a function that selects whose key it is: the Scope of an
// idemlambda.Config. What it selects has to be a string that is not empty.
func Scope[E any](expression string) (func(E) (idempotency.Scope, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) (idempotency.Scope, error) {
		value, err := x.selectFrom(event)
		if err != nil {
			return idempotency.Scope{}, err
		}
		principal, ok := value.(string)
		if !ok || principal == "" || !isText(principal) {
			return idempotency.Scope{}, x.errorf("selects no text that could be a scope")
		}
		return idempotency.NewScope(principal)
	}, nil
}

// Payload returns a function that selects what duplicates have in common: the
// Payload of an idemlambda.Config. The order and the notation of what is selected
// do not matter, and whatever else the event says may differ. Selecting nothing,
// or only nulls, is an error: all payloads would then pass for the same.
func Payload[E any](expression string) (func(E) ([]byte, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) ([]byte, error) {
		value, err := x.selectFrom(event)
		if err != nil {
			return nil, err
		}
		if present, _ := parts(value); present == 0 {
			return nil, x.errorf("selects nothing")
		}
		return x.canonical(value)
	}, nil
}

// expression is a compiled expression. It is safe for concurrent use.
type expression struct {
	source string
	root   parsing.ASTNode
}

func compile(source string) (*expression, error) {
	x := &expression{source: source}
	var err error
	if x.root, err = parsing.NewParser().Parse(source); err != nil {
		return nil, x.errorf("%w", err)
	}
	if err := check(x.root); err != nil {
		return nil, x.errorf("%w", err)
	}
	return x, nil
}

func (x *expression) errorf(format string, args ...any) error {
	return fmt.Errorf("jmespath: %q: %w", x.source, fmt.Errorf(format, args...))
}

// check finds what could only fail, or change, when it is evaluated.
func check(node parsing.ASTNode) error {
	switch node.NodeType {
	case parsing.ASTValueProjection:
		return errors.New("the wildcard * takes an object's members in no order: name them")
	case parsing.ASTFunctionExpression:
		switch name := node.Value; {
		case name == "keys", name == "values", name == "items":
			return fmt.Errorf("%s() takes an object's members in no order: name them", name)
		case !slices.ContainsFunc(callable(nil), func(f functions.FunctionEntry) bool { return f.Name == name }):
			return fmt.Errorf("there is no function %v()", name)
		}
	}
	for _, child := range node.Children {
		if err := check(child); err != nil {
			return err
		}
	}
	return nil
}

func (x *expression) selectFrom(event any) (value any, err error) {
	text, err := json.Marshal(event)
	if err != nil {
		return nil, x.errorf("the event is not JSON: %w", err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, x.errorf("the event is not JSON: %w", err)
	}
	d := &decoder{left: MaxDecoded}
	defer func() {
		if recover() != nil { // some of the library's functions do not check all they are given
			value, err = nil, x.errorf("cannot be evaluated")
		}
	}()
	value, err = interpreter.NewInterpreter(document, interpreter.NewFunctionCaller(callable(d)...), nil).Execute(x.root, document)
	switch {
	case d.err != nil: // also where the library has swallowed it
		return nil, x.errorf("%w", d.err)
	case err != nil: // which may quote the document
		return nil, x.errorf("cannot be evaluated: a function was given something of the wrong type")
	}
	return value, nil
}

// composed begins the tokens of all keys that are not strings, and of none that
// is one.
const composed = "\x00"

func (x *expression) token(value any) (string, error) {
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, composed) || !isText(v) {
			return "", x.errorf("selects a key that is not text")
		}
		return v, nil
	case bool:
		return "", x.errorf("selects true or false, which is no key")
	}
	present, absent := parts(value)
	switch {
	case present == 0:
		return "", nil
	case absent > 0:
		return "", x.errorf("selects a key of which %d of %d parts are absent or empty", absent, present+absent)
	case !unicodeOnly(value):
		return "", x.errorf("selects a key that is not text")
	}
	text, err := x.canonical(value)
	if err != nil {
		return "", err
	}
	return composed + string(text), nil
}

func (x *expression) canonical(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, x.errorf("selects what is not JSON")
	}
	canonical, err := canonicaljson.Transform(text)
	if err != nil { // what else is refused there has not come through Unmarshal
		return nil, x.errorf("selects a number beyond ±(2^53-1), which should be sent as a string, or too deep a structure")
	}
	return canonical, nil
}

// parts counts the values of which value is composed.
func parts(value any) (present, absent int) {
	each := func(part any) {
		p, a := parts(part)
		present, absent = present+p, absent+a
	}
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return 0, 1
		}
		for _, part := range v {
			each(part)
		}
	case map[string]any:
		if len(v) == 0 {
			return 0, 1
		}
		for _, part := range v {
			each(part)
		}
	case nil:
		return 0, 1
	case string:
		if v == "" {
			return 0, 1
		}
		return 1, 0
	default:
		return 1, 0
	}
	return present, absent
}

// isText tells whether nothing was replaced when s was decoded: encoding/json
// makes the same replacement character of all that is not Unicode, so two keys
// could become one.
func isText(s string) bool { return !strings.ContainsRune(s, utf8.RuneError) }

func unicodeOnly(value any) bool {
	switch v := value.(type) {
	case string:
		return isText(v)
	case []any:
		return !slices.ContainsFunc(v, func(part any) bool { return !unicodeOnly(part) })
	case map[string]any:
		for name, part := range v {
			if !isText(name) || !unicodeOnly(part) {
				return false
			}
		}
	}
	return true
}
