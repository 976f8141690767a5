package dynamolocal

import (
	"maps"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// placeholderParameters are the parameters that expressions share.
type placeholderParameters struct {
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]any
}

// maxAttributeName is the length of the longest attribute name in bytes.
const maxAttributeName = 65535

// placeholders checks the parameters and returns them for the request's
// expressions. Without an expression there may be none.
func (p placeholderParameters) placeholders(expressions ...*string) (*expression.Placeholders, error) {
	given := slices.ContainsFunc(expressions, func(text *string) bool { return text != nil })
	if p.ExpressionAttributeNames != nil {
		if !given {
			return nil, validationf("ExpressionAttributeNames can only be specified when using expressions")
		}
		if err := checkNames(p.ExpressionAttributeNames); err != nil {
			return nil, err
		}
	}
	if p.ExpressionAttributeValues == nil {
		return expression.NewPlaceholders(p.ExpressionAttributeNames, nil), nil
	}
	if !given {
		return nil, validationf("ExpressionAttributeValues can only be specified when using expressions")
	}
	values, err := parseValues(p.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	return expression.NewPlaceholders(p.ExpressionAttributeNames, values), nil
}

func checkNames(names map[string]string) error {
	if len(names) == 0 {
		return validationf("ExpressionAttributeNames must not be empty")
	}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		if err := expression.CheckNameKey(key); err != nil {
			return err
		}
		switch length := len(names[key]); {
		case length == 0:
			return validationf("ExpressionAttributeNames contains invalid value: Attribute name must not be empty; key: %s", key)
		case length > maxAttributeName:
			return validationf("ExpressionAttributeNames contains invalid value: Attribute name is too large, "+
				"must be less than %d bytes; key: %s", maxAttributeName+1, key)
		}
	}
	return nil
}

func parseValues(raw map[string]any) (map[string]attribute.Value, error) {
	if len(raw) == 0 {
		return nil, validationf("ExpressionAttributeValues must not be empty")
	}
	values := make(map[string]attribute.Value, len(raw))
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if err := expression.CheckValueKey(key); err != nil {
			return nil, err
		}
		value, err := attribute.Parse(raw[key])
		if err != nil {
			fault := exceptionOf(err)
			if fault.name != validation {
				return nil, err
			}
			return nil, validationf("ExpressionAttributeValues contains invalid value: %s for key %s", fault.message, key)
		}
		values[key] = value
	}
	return values, nil
}

// legacy is a parameter that expressions replaced.
type legacy struct {
	name  string
	value any
}

// refuseLegacy refuses the parameters that expressions replaced, and with
// DynamoDB's message their mixture with expressions.
func refuseLegacy(parameters []legacy, expressions map[expression.Field]*string) error {
	var used, replacing []string
	for _, parameter := range parameters {
		if parameter.value != nil {
			used = append(used, parameter.name)
		}
	}
	if used == nil {
		return nil
	}
	for _, field := range slices.Sorted(maps.Keys(expressions)) {
		if expressions[field] != nil {
			replacing = append(replacing, string(field))
		}
	}
	if replacing != nil {
		return validationf("Can not use both expression and non-expression parameters in the same request: "+
			"Non-expression parameters: {%s} Expression parameters: {%s}", strings.Join(used, ", "), strings.Join(replacing, ", "))
	}
	return validationf("Legacy parameters are not supported here, use expressions instead: {%s}", strings.Join(used, ", "))
}
