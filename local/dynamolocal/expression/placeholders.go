package expression

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Placeholders hold the names and values that a request gives for the #names and
// :values of its expressions. They record which are used, so that the rest can be
// refused.
type Placeholders struct {
	names      map[string]string
	values     map[string]attribute.Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

// NewPlaceholders returns the placeholders of a request. Either map may be nil;
// the keys include their # or :.
func NewPlaceholders(names map[string]string, values map[string]attribute.Value) *Placeholders {
	return &Placeholders{
		names:      names,
		values:     values,
		usedNames:  make(map[string]bool, len(names)),
		usedValues: make(map[string]bool, len(values)),
	}
}

// Unused returns an error if a placeholder was given and is in none of the
// expressions bound with p.
func (p *Placeholders) Unused() error {
	if err := unused("ExpressionAttributeNames", p.names, p.usedNames); err != nil {
		return err
	}
	return unused("ExpressionAttributeValues", p.values, p.usedValues)
}

func unused[V any](parameter string, given map[string]V, used map[string]bool) error {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !used[key] {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return nil
	}
	return &Error{Message: "Value provided in " + parameter + " unused in expressions: keys: {" + strings.Join(keys, ", ") + "}"}
}

func (p *Placeholders) name(placeholder string) (string, error) {
	name, ok := p.names[placeholder]
	if !ok {
		return "", problemf("An expression attribute name used in the document path is not defined; attribute name: %s", placeholder)
	}
	p.usedNames[placeholder] = true
	return name, nil
}

func (p *Placeholders) value(placeholder string) (attribute.Value, error) {
	value, ok := p.values[placeholder]
	if !ok {
		return nil, problemf("An expression attribute value used in expression is not defined; attribute value: %s", placeholder)
	}
	p.usedValues[placeholder] = true
	return value, nil
}

var (
	namePlaceholder  = regexp.MustCompile(`^#[a-zA-Z0-9_]+$`)
	valuePlaceholder = regexp.MustCompile(`^:[a-zA-Z0-9_]+$`)
)

// CheckNameKey refuses a key of ExpressionAttributeNames that is no placeholder.
func CheckNameKey(key string) error {
	return checkKey("ExpressionAttributeNames", key, namePlaceholder)
}

// CheckValueKey refuses a key of ExpressionAttributeValues that is no
// placeholder.
func CheckValueKey(key string) error {
	return checkKey("ExpressionAttributeValues", key, valuePlaceholder)
}

func checkKey(parameter, key string, pattern *regexp.Regexp) error {
	if pattern.MatchString(key) {
		return nil
	}
	return &Error{Message: parameter + ` contains invalid key: Syntax error; key: "` + key + `"`}
}
