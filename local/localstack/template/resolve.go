package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Environment is what a template is resolved against: where it is deployed and
// what its resources are.
type Environment struct {
	// Region, AccountID, Partition, URLSuffix and StackName are the pseudo
	// parameters AWS::Region and so on. AWS::StackId is made of them.
	Region, AccountID, Partition, URLSuffix, StackName string
	// Parameters overrides the defaults of the template's parameters.
	Parameters map[string]string
	// Lookup says what resources refer to as.
	Lookup Lookup
}

// Lookup answers for resources: what Ref and Fn::GetAtt give for one. It may
// call back into the Resolver, since a name can itself be made of intrinsics.
type Lookup interface {
	Ref(r *Resource) (string, error)
	GetAtt(r *Resource, attribute string) (string, error)
}

// Resolver works out values of one template in one environment. It is safe for
// concurrent use as long as its Lookup is.
type Resolver struct {
	template *Template
	env      Environment
	values   map[string]any // parameters and pseudo parameters
}

// noValue is what {"Ref": "AWS::NoValue"} resolves to: the property it is the
// value of goes away.
type noValue struct{}

// NewResolver prepares the template for an environment. It fails when the
// environment has no Lookup or names a parameter that the template has not.
func NewResolver(t *Template, env Environment) (*Resolver, error) {
	if env.Lookup == nil {
		return nil, errors.New("the environment needs a Lookup")
	}
	r := &Resolver{template: t, env: env, values: map[string]any{
		"AWS::Region":           env.Region,
		"AWS::AccountId":        env.AccountID,
		"AWS::Partition":        env.Partition,
		"AWS::URLSuffix":        env.URLSuffix,
		"AWS::StackName":        env.StackName,
		"AWS::StackId":          fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/local", env.Partition, env.Region, env.AccountID, env.StackName),
		"AWS::NotificationARNs": []any{},
		"AWS::NoValue":          noValue{},
	}}
	for name, p := range t.parameters {
		if p.Default != nil {
			r.values[name] = parameterValue(p)
		}
	}
	for name, value := range env.Parameters {
		p, ok := t.parameters[name]
		if !ok {
			return nil, fmt.Errorf("the template has no parameter %s", name)
		}
		p.Default = value
		r.values[name] = parameterValue(p)
	}
	return r, nil
}

func parameterValue(p parameter) any {
	text := fmt.Sprint(p.Default)
	if p.Type != "CommaDelimitedList" && !strings.HasPrefix(p.Type, "List<") {
		return text
	}
	var list []any
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

// Resources gives the resources that exist in this environment, in the order
// of their logical ids.
func (r *Resolver) Resources() ([]*Resource, error) {
	var present []*Resource
	for _, res := range r.template.Resources() {
		ok, err := r.holds(res.Condition)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", res.ID, err)
		}
		if ok {
			present = append(present, res)
		}
	}
	return present, nil
}

// Output gives the value of an output. The second result is false when the
// template has no such output or its condition does not hold.
func (r *Resolver) Output(name string) (string, bool, error) {
	out, ok := r.template.outputs[name]
	if !ok {
		return "", false, nil
	}
	ok, err := r.holds(out.Condition)
	if err != nil || !ok {
		return "", false, err
	}
	v, err := r.text(out.Value)
	if err != nil {
		return "", false, fmt.Errorf("output %s: %w", name, err)
	}
	return v, true, nil
}

func (r *Resolver) holds(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	return r.condition(condition)
}

// Value works out one value: a copy of it in which every intrinsic has been
// replaced by what it stands for.
func (r *Resolver) Value(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, arg, ok := intrinsic(v); ok {
			return r.call(name, arg)
		}
		return r.object(v)
	case []any:
		return r.list(v)
	default:
		return v, nil
	}
}

func (r *Resolver) object(m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v, err := r.Value(m[key])
		if err != nil {
			return nil, at(key, err)
		}
		if _, gone := v.(noValue); !gone {
			out[key] = v
		}
	}
	return out, nil
}

func (r *Resolver) list(l []any) (any, error) {
	out := make([]any, 0, len(l))
	for i, item := range l {
		v, err := r.Value(item)
		if err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
		if _, gone := v.(noValue); !gone {
			out = append(out, v)
		}
	}
	return out, nil
}

// intrinsic reports whether a JSON object is a call of an intrinsic function.
func intrinsic(m map[string]any) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, arg = range m {
	}
	return name, arg, name == "Ref" || name == "Condition" && isText(arg) || strings.HasPrefix(name, "Fn::")
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// pathError says where in a resource's properties something went wrong.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// at prefixes the path of an error with one more step.
func at(step string, err error) error {
	var inner *pathError
	if !errors.As(err, &inner) {
		return &pathError{path: step, err: err}
	}
	if strings.HasPrefix(inner.path, "[") {
		return &pathError{path: step + inner.path, err: inner.err}
	}
	return &pathError{path: step + "." + inner.path, err: inner.err}
}
