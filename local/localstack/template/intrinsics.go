package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// call works out one intrinsic function.
func (r *Resolver) call(name string, arg any) (any, error) {
	var v any
	var err error
	switch name {
	case "Ref":
		v, err = r.ref(arg)
	case "Fn::GetAtt":
		v, err = r.getAtt(arg)
	case "Fn::Join":
		v, err = r.join(arg)
	case "Fn::Sub":
		v, err = r.sub(arg)
	case "Fn::Select":
		v, err = r.choose(arg)
	case "Fn::Split":
		v, err = r.split(arg)
	case "Fn::If":
		v, err = r.ifElse(arg)
	case "Fn::FindInMap":
		v, err = r.findInMap(arg)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition":
		v, err = r.test(map[string]any{name: arg})
	default:
		return nil, fmt.Errorf("the intrinsic %s is not understood", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func (r *Resolver) ref(arg any) (any, error) {
	name, ok := arg.(string)
	if !ok {
		return nil, errors.New("a name is expected")
	}
	if v, ok := r.values[name]; ok {
		return v, nil
	}
	if res, ok := r.template.resources[name]; ok {
		return r.env.Lookup.Ref(res)
	}
	if _, ok := r.template.parameters[name]; ok {
		return nil, fmt.Errorf("the parameter %s has no value and no default", name)
	}
	return nil, fmt.Errorf("%q is neither a resource nor a parameter of the template", name)
}

func (r *Resolver) getAtt(arg any) (any, error) {
	var id, attribute string
	switch arg := arg.(type) {
	case string:
		id, attribute, _ = strings.Cut(arg, ".")
	case []any:
		if len(arg) != 2 {
			return nil, errors.New("a logical id and an attribute are expected")
		}
		var ok bool
		if id, ok = arg[0].(string); !ok {
			return nil, errors.New("the logical id must be a string")
		}
		var err error
		if attribute, err = r.text(arg[1]); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("a logical id and an attribute are expected")
	}
	return r.attribute(id, attribute)
}

func (r *Resolver) attribute(id, attribute string) (any, error) {
	res, ok := r.template.resources[id]
	if !ok {
		return nil, fmt.Errorf("%q is not a resource of the template", id)
	}
	return r.env.Lookup.GetAtt(res, attribute)
}

func (r *Resolver) join(arg any) (any, error) {
	delimiter, list, err := r.textAndList(arg)
	if err != nil {
		return nil, err
	}
	return strings.Join(list, delimiter), nil
}

// textAndList takes the arguments of Fn::Join: a delimiter and a list of texts.
func (r *Resolver) textAndList(arg any) (string, []string, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return "", nil, errors.New("two arguments are expected")
	}
	delimiter, err := r.text(args[0])
	if err != nil {
		return "", nil, err
	}
	v, err := r.Value(args[1])
	if err != nil {
		return "", nil, err
	}
	items, ok := v.([]any)
	if !ok {
		return "", nil, errors.New("a list is expected as the second argument")
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], err = scalar(item); err != nil {
			return "", nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return delimiter, list, nil
}

// placeholder is ${Name}, ${Name.Attribute} or the escaped ${!Literal}.
var placeholder = regexp.MustCompile(`\$\{[^}]*\}`)

func (r *Resolver) sub(arg any) (any, error) {
	text, vars := "", map[string]any{}
	switch arg := arg.(type) {
	case string:
		text = arg
	case []any:
		ok := len(arg) == 2
		if ok {
			text, ok = arg[0].(string)
		}
		if ok {
			vars, ok = arg[1].(map[string]any)
		}
		if !ok {
			return nil, errors.New("a text and a map of values are expected")
		}
	default:
		return nil, errors.New("a text is expected")
	}
	var failure error
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		name = strings.TrimSpace(name)
		v, err := r.named(name, vars)
		if err == nil {
			var s string
			if s, err = scalar(v); err == nil {
				return s
			}
		}
		failure = errors.Join(failure, fmt.Errorf("${%s}: %w", name, err))
		return match
	})
	return out, failure
}

// named gives what a placeholder of Fn::Sub stands for.
func (r *Resolver) named(name string, vars map[string]any) (any, error) {
	if v, ok := vars[name]; ok {
		return r.Value(v)
	}
	if id, attribute, ok := strings.Cut(name, "."); ok {
		return r.attribute(id, attribute)
	}
	return r.ref(name)
}

func (r *Resolver) choose(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return nil, errors.New("an index and a list are expected")
	}
	text, err := r.text(args[0])
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("the index %q is not a number", text)
	}
	v, err := r.Value(args[1])
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("a list is expected as the second argument")
	}
	if index < 0 || index >= len(list) {
		return nil, fmt.Errorf("the index %d is outside of the list of %d", index, len(list))
	}
	return list[index], nil
}

func (r *Resolver) split(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 2 {
		return nil, errors.New("a delimiter and a text are expected")
	}
	delimiter, err := r.text(args[0])
	if err != nil {
		return nil, err
	}
	text, err := r.text(args[1])
	if err != nil {
		return nil, err
	}
	if delimiter == "" {
		return nil, errors.New("the delimiter must not be empty")
	}
	var list []any
	for part := range strings.SplitSeq(text, delimiter) {
		list = append(list, part)
	}
	return list, nil
}

func (r *Resolver) ifElse(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 3 {
		return nil, errors.New("a condition and two values are expected")
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the condition must be named")
	}
	holds, err := r.condition(name)
	if err != nil {
		return nil, err
	}
	if holds {
		return r.Value(args[1])
	}
	return r.Value(args[2])
}

func (r *Resolver) findInMap(arg any) (any, error) {
	args, ok := arg.([]any)
	if !ok || len(args) != 3 {
		return nil, errors.New("a map and two keys are expected")
	}
	var keys [3]string
	for i, a := range args {
		var err error
		if keys[i], err = r.text(a); err != nil {
			return nil, err
		}
	}
	v, ok := r.template.mappings[keys[0]][keys[1]][keys[2]]
	if !ok {
		return nil, fmt.Errorf("the template maps nothing to %s, %s, %s", keys[0], keys[1], keys[2])
	}
	return v, nil
}

// text works out a value that must be a text, a number or a truth value.
func (r *Resolver) text(v any) (string, error) {
	v, err := r.Value(v)
	if err != nil {
		return "", err
	}
	return scalar(v)
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	default:
		return "", fmt.Errorf("a text is expected, not %T", v)
	}
}
