package template

import (
	"errors"
	"fmt"
)

// condition works out a condition of the template's Conditions section.
func (r *Resolver) condition(name string) (bool, error) {
	expr, ok := r.template.conditions[name]
	if !ok {
		return false, fmt.Errorf("the template has no condition %s", name)
	}
	holds, err := r.test(expr)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	return holds, nil
}

// test works out an expression of condition functions. CloudFormation refuses
// conditions that refer to one another in a circle, so there is none.
func (r *Resolver) test(expr any) (bool, error) {
	m, ok := expr.(map[string]any)
	if !ok || len(m) != 1 {
		return false, errors.New("a condition function is expected")
	}
	for name, arg := range m {
		if name == "Condition" {
			ref, ok := arg.(string)
			if !ok {
				return false, errors.New("the condition must be named")
			}
			return r.condition(ref)
		}
		args, ok := arg.([]any)
		if !ok {
			return false, fmt.Errorf("%s: a list is expected", name)
		}
		return r.testFunc(name, args)
	}
	panic("unreachable: the map has one entry")
}

func (r *Resolver) testFunc(name string, args []any) (bool, error) {
	switch {
	case name == "Fn::Equals" && len(args) == 2:
		a, err := r.text(args[0])
		if err != nil {
			return false, err
		}
		b, err := r.text(args[1])
		return a == b, err
	case name == "Fn::Not" && len(args) == 1:
		holds, err := r.test(args[0])
		return !holds, err
	case name == "Fn::And" || name == "Fn::Or":
		any := name == "Fn::Or"
		for _, arg := range args {
			holds, err := r.test(arg)
			if err != nil {
				return false, err
			}
			if holds == any {
				return any, nil
			}
		}
		return !any, nil
	default:
		return false, fmt.Errorf("the condition function %s with %d arguments is not understood", name, len(args))
	}
}
