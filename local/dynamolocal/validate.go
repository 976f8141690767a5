package dynamolocal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// violations collects what DynamoDB checks of a request's parameters before
// anything else, and reports together.
type violations []string

// err returns the exception that lists the violations, nil if there are none.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	plural := ""
	if len(v) > 1 {
		plural = "s"
	}
	return &exception{
		name: validation, listed: true,
		message: fmt.Sprintf("%d validation error%s detected: %s", len(v), plural, strings.Join(v, "; ")),
	}
}

func (v *violations) add(field, value, constraint string) {
	*v = append(*v, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, field, constraint))
}

// envelope returns err as a list of one violation. It is for what the service
// checks of a write's parameters besides their constraints; errors of other
// kinds, and lists of violations, stay as they are.
func envelope(err error) error {
	if err == nil {
		return nil
	}
	fault := exceptionOf(err)
	if fault.name != validation || fault.bare || fault.listed {
		return err
	}
	return violations{fault.message}.err()
}

func (v *violations) require(field string, present bool) {
	if !present {
		v.add(field, "null", "Member must not be null")
	}
}

// enum checks a parameter that may be absent: an empty text.
func (v *violations) enum(field, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		v.add(field, quoted(value), "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
	}
}

// limit checks the parameter Limit, if it is present.
func (v *violations) limit(value *int) {
	if value != nil && *value < 1 {
		*v = append(*v, "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	}
}

func (v *violations) atLeast(field string, value *int, least int) {
	if value != nil && *value < least {
		v.add(field, fmt.Sprintf("'%d'", *value), fmt.Sprintf("Member must have value greater than or equal to %d", least))
	}
}

func (v *violations) atMost(field string, value *int, most int) {
	if value != nil && *value > most {
		v.add(field, fmt.Sprintf("'%d'", *value), fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

// count checks the length of a list that is present.
func (v *violations) count(field string, count, least, most int) {
	switch {
	case count < least:
		v.add(field, "'[]'", fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case count > most:
		v.add(field, fmt.Sprintf("'[%d members]'", count), fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

func (v *violations) length(field, value string, least, most int) {
	switch {
	case len(value) < least:
		v.add(field, quoted(value), fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case len(value) > most:
		v.add(field, quoted(value), fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

const (
	maxNameLength   = 255 // of tables and indexes
	minNameLength   = 3
	namePatternText = `[a-zA-Z0-9_.-]+`
)

var namePattern = regexp.MustCompile(`^` + namePatternText + `$`)

// name checks the name of a table or an index that exists.
func (v *violations) name(field string, name *string) {
	if name == nil {
		v.require(field, false)
		return
	}
	v.length(field, *name, 1, maxNameLength)
	if *name != "" && !namePattern.MatchString(*name) {
		v.add(field, quoted(*name), "Member must satisfy regular expression pattern: "+namePatternText)
	}
}

// newName checks the name of a table or an index to be made.
func (v *violations) newName(field string, name *string) {
	before := len(*v)
	v.name(field, name)
	if len(*v) == before && len(*name) < minNameLength {
		v.add(field, quoted(*name), fmt.Sprintf("Member must have length greater than or equal to %d", minNameLength))
	}
}

func quoted(value string) string { return "'" + value + "'" }

// Values of enumerated parameters of several operations.
const (
	returnNone       = "NONE"
	returnAllOld     = "ALL_OLD"
	returnAllNew     = "ALL_NEW"
	returnUpdatedOld = "UPDATED_OLD"
	returnUpdatedNew = "UPDATED_NEW"

	capacityIndexes = "INDEXES"
	capacityTotal   = "TOTAL"
	capacityNone    = "NONE"
)

func (v *violations) returnConsumedCapacity(value string) {
	v.enum("returnConsumedCapacity", value, capacityIndexes, capacityTotal, capacityNone)
}

func (v *violations) returnItemCollectionMetrics(value string) {
	v.enum("returnItemCollectionMetrics", value, "SIZE", "NONE")
}

func (v *violations) returnOnFailure(field, value string) {
	v.enum(field, value, returnAllOld, returnNone)
}
