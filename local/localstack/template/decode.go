package template

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Decode works out a resource's properties and stores them in the struct that
// into points to. The struct's fields are the properties that the caller
// understands: any other property is an error that names it, so a template
// cannot ask for something and silently not get it. A property that is known
// and deliberately not acted on is a field of type Ignored.
func (r *Resolver) Decode(res *Resource, into any) error {
	v, err := r.object(res.Properties)
	if err != nil {
		return resourceError(res, err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return resourceError(res, err)
	}
	if err := decodeStrict(data, into); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			err = fmt.Errorf("the property %s is not understood", strings.Trim(name, `"`))
		}
		return resourceError(res, err)
	}
	return nil
}

func resourceError(res *Resource, err error) error {
	return fmt.Errorf("resource %s (%s): %w", res.ID, res.Type, err)
}

// Ignored is the type of a property that is understood and not acted on.
type Ignored = json.RawMessage

// Int is a whole number, which CloudFormation also takes as a string.
type Int int

// UnmarshalJSON takes 3 and "3".
func (i *Int) UnmarshalJSON(data []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(data), `"`))
	if err != nil {
		return fmt.Errorf("%s is not a whole number", data)
	}
	*i = Int(n)
	return nil
}

// Float is a number, which CloudFormation also takes as a string.
type Float float64

// UnmarshalJSON takes 0.5 and "0.5".
func (f *Float) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", data)
	}
	*f = Float(n)
	return nil
}

// Bool is a truth value, which CloudFormation also takes as a string.
type Bool bool

// UnmarshalJSON takes true and "true".
func (b *Bool) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseBool(strings.Trim(string(data), `"`))
	if err != nil {
		return fmt.Errorf("%s is neither true nor false", data)
	}
	*b = Bool(v)
	return nil
}
