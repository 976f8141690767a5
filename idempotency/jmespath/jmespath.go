// Package jmespath selects idempotency keys, scopes and payloads from JSON
// documents by JMESPath expressions. It is for expressions that are kept in
// configuration or come from Powertools for AWS Lambda. A Go function that reads a
// struct does the same and costs less: see idemlambda.SQSJSON.
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
// A result of these that is not text, or exceeds [MaxDecoded] bytes, is an error.
//
// # Expressions that lead nowhere
//
// A misspelt member is null in JMESPath, and a null is a poor key and no payload:
// two events that differ would pass for the same. So a part of a key or a payload
// that an expression names and the document does not have is an error. That goes
// for each part of [a, b] and {x: a, y: b}, and for each element of a projection
// such as items[].id. A member that may be absent is given a value of its own by
// the expression: note || ”.
//
// # Order
//
// The order of an object's members is no part of JSON, and the library's changes
// from one evaluation to the next. An expression that depends on it would make
// another key each time, so the wildcard of objects (*) and keys(), values() and
// items() are refused.
//
// Errors name the expression, but contain nothing of the document.
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

// MaxDecoded bounds the results of the functions of Powertools for one document,
// all of them together, in bytes: a few kilobytes of gzip can decode to gigabytes.
// An event itself has 6 MiB at most.
const MaxDecoded = 6 << 20

// Key returns a function that selects the idempotency key of an event: the Key of
// an idemlambda.Config.
//
// A string is the key as it is, and any other value as canonical JSON; 1 and "1"
// are two keys. An array or object, such as that of [customer, orderId], is a key
// of several parts, none of which may be null or blank. If the expression selects
// nothing at all, or only nulls and blank strings, there is no key: the function
// returns "", which no record can have. A boolean is no key, and neither is a
// number beyond ±(2^53−1) or a string that is not Unicode, because JSON does not
// keep those apart.
func Key[E any](expression string) (func(E) (string, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) (string, error) {
		value, absent, err := x.selectFrom(event)
		if err != nil {
			return "", err
		}
		return x.key(value, absent)
	}, nil
}

// Scope returns a function that selects the scope of a key: the Scope of an
// idemlambda.Config. The expression must select a string that is not blank.
func Scope[E any](expression string) (func(E) (idempotency.Scope, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) (idempotency.Scope, error) {
		value, _, err := x.selectFrom(event)
		if err != nil {
			return idempotency.Scope{}, err
		}
		principal, ok := value.(string)
		if !ok || isBlank(principal) || !isText(principal) {
			return idempotency.Scope{}, x.errorf("selects no text that could be a scope")
		}
		return idempotency.NewScope(principal)
	}, nil
}

// Payload returns a function that selects the part of an event that duplicates
// must have in common: the Payload of an idemlambda.Config. The order and the
// notation of the selected values do not matter, and the rest of the event may
// differ. It is an error if the expression selects nothing, or if one of its parts
// does; see "Expressions that lead nowhere".
func Payload[E any](expression string) (func(E) ([]byte, error), error) {
	x, err := compile(expression)
	if err != nil {
		return nil, err
	}
	return func(event E) ([]byte, error) {
		value, absent, err := x.selectFrom(event)
		if err != nil {
			return nil, err
		}
		if present, _ := parts(value, isEmpty); present == 0 {
			return nil, x.errorf("selects nothing")
		}
		if absent > 0 {
			return nil, x.errorf("selects %d parts that the document does not have; a part that may be absent needs a value of its own, as in note || ''", absent)
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
	x.root = watched(x.root)
	return x, nil
}

func (x *expression) errorf(format string, args ...any) error {
	return fmt.Errorf("jmespath: %q: %w", x.source, fmt.Errorf(format, args...))
}

// check refuses what could only fail, or change, when it is evaluated.
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

// watched returns an expression of the same result, in which each part that the
// result is composed of is passed through the function noteAbsent, which notes it
// if it is null.
func watched(node parsing.ASTNode) parsing.ASTNode {
	part := func(node parsing.ASTNode) parsing.ASTNode {
		return parsing.ASTNode{NodeType: parsing.ASTFunctionExpression, Value: noteAbsent, Children: []parsing.ASTNode{watched(node)}}
	}
	node.Children = slices.Clone(node.Children)
	last := len(node.Children) - 1
	switch node.NodeType {
	case parsing.ASTMultiSelectList:
		for i, child := range node.Children {
			node.Children[i] = part(child)
		}
	case parsing.ASTMultiSelectHash:
		for i, pair := range node.Children {
			pair.Children = []parsing.ASTNode{part(pair.Children[0])}
			node.Children[i] = pair
		}
	case parsing.ASTProjection, parsing.ASTFilterProjection: // they drop nulls
		node.Children[0] = watched(node.Children[0])
		node.Children[1] = part(node.Children[1])
	case parsing.ASTFlatten:
		node.Children[0] = watched(node.Children[0])
	case parsing.ASTSubexpression, parsing.ASTPipe, parsing.ASTIndexExpression, parsing.ASTLetExpression:
		node.Children[last] = watched(node.Children[last])
	}
	return node
}

// selectFrom evaluates the expression on an event. It also returns how many parts
// of the result are absent from the event.
func (x *expression) selectFrom(event any) (value any, absent int, err error) {
	text, err := json.Marshal(event)
	if err != nil {
		return nil, 0, x.errorf("the event is not JSON: %w", err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, 0, x.errorf("the event is not JSON: %w", err)
	}
	d := &decoder{left: MaxDecoded}
	defer func() {
		if recover() != nil { // some of the library's functions do not check all they are given
			value, absent, err = nil, 0, x.errorf("cannot be evaluated")
		}
	}()
	value, err = interpreter.NewInterpreter(document, interpreter.NewFunctionCaller(callable(d)...), nil).Execute(x.root, document)
	switch {
	case d.err != nil: // also where the library has swallowed it
		return nil, 0, x.errorf("%w", d.err)
	case err != nil: // which may quote the document
		return nil, 0, x.errorf("cannot be evaluated: a function was given something of the wrong type")
	}
	return value, d.absent, nil
}

// composed begins all keys that are not strings, and none that is one.
const composed = "\x00"

func (x *expression) key(value any, dropped int) (string, error) {
	switch v := value.(type) {
	case string:
		if isBlank(v) {
			return "", nil
		}
		if strings.HasPrefix(v, composed) || !isText(v) {
			return "", x.errorf("selects a key that is not text")
		}
		return v, nil
	case bool:
		return "", x.errorf("selects true or false, which is no key")
	}
	present, absent := parts(value, isBlank)
	absent = max(absent, dropped) // a projection has dropped what it counts
	switch {
	case present == 0:
		return "", nil
	case absent > 0:
		return "", x.errorf("selects a key of which %d of %d parts are absent or blank", absent, present+absent)
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

func isEmpty(s string) bool { return s == "" }

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// parts counts the values of which value is composed. Strings that are missing
// count as absent.
func parts(value any, missing func(string) bool) (present, absent int) {
	each := func(part any) {
		p, a := parts(part, missing)
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
		if missing(v) {
			return 0, 1
		}
		return 1, 0
	default:
		return 1, 0
	}
	return present, absent
}

// isText reports whether nothing was replaced when s was decoded: encoding/json
// replaces everything that is not Unicode by the same character, so two keys could
// become one.
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
