// Package template reads a synthesised CloudFormation template and works out
// the values in it: intrinsic functions, conditions and pseudo parameters.
//
// It knows the language, not the resource types: what Ref and Fn::GetAtt give
// for a resource is asked of the caller, through Lookup. Whatever the package
// does not understand is an error that names the place, never a guess.
package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Template is a CloudFormation template as written, before any value in it has
// been worked out.
type Template struct {
	parameters map[string]parameter
	mappings   map[string]map[string]map[string]any
	conditions map[string]any
	resources  map[string]*Resource
	outputs    map[string]output
}

// Resource is one entry of the template's Resources section.
type Resource struct {
	// ID is the logical id.
	ID string `json:"-"`
	// Type is the CloudFormation type, such as AWS::DynamoDB::Table.
	Type string
	// Properties are the properties as written, intrinsics unresolved.
	Properties map[string]any
	// DependsOn lists the logical ids that the template says come first.
	DependsOn names
	// Condition names the condition under which the resource exists; empty
	// means always.
	Condition string

	// The rest concerns how CloudFormation changes a stack over time, which
	// a stack made afresh has no use for.
	Metadata            json.RawMessage
	DeletionPolicy      json.RawMessage
	UpdateReplacePolicy json.RawMessage
	UpdatePolicy        json.RawMessage
}

type parameter struct {
	Type    string
	Default any

	Description           json.RawMessage
	AllowedValues         json.RawMessage
	AllowedPattern        json.RawMessage
	ConstraintDescription json.RawMessage
	MinLength, MaxLength  json.RawMessage
	MinValue, MaxValue    json.RawMessage
	NoEcho                json.RawMessage
}

type output struct {
	Value     any
	Condition string

	Description json.RawMessage
	Export      json.RawMessage
}

// names is a list that CloudFormation lets a template shorten to one string.
type names []string

func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return errors.New("a name or a list of names is expected")
	}
	*n = many
	return nil
}

// Parse reads a template in JSON. A section, or a field of a resource, that it
// does not know is an error.
func Parse(r io.Reader) (*Template, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Parameters map[string]parameter
		Mappings   map[string]map[string]map[string]any
		Conditions map[string]any
		Resources  map[string]*Resource
		Outputs    map[string]output

		// Rules check parameters before a deployment; the rest is description.
		Rules                    json.RawMessage
		AWSTemplateFormatVersion json.RawMessage
		Description              json.RawMessage
		Metadata                 json.RawMessage
	}
	if err := decodeStrict(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Resources) == 0 {
		return nil, errors.New("the template has no Resources")
	}
	for id, r := range doc.Resources {
		if r == nil || r.Type == "" {
			return nil, fmt.Errorf("resource %s has no Type", id)
		}
		r.ID = id
	}
	return &Template{
		parameters: doc.Parameters,
		mappings:   doc.Mappings,
		conditions: doc.Conditions,
		resources:  doc.Resources,
		outputs:    doc.Outputs,
	}, nil
}

// Resource gives the resource of that logical id, whether its condition holds
// or not.
func (t *Template) Resource(id string) (*Resource, bool) {
	r, ok := t.resources[id]
	return r, ok
}

// Resources gives every resource in the order of the logical ids, whether
// their conditions hold or not.
func (t *Template) Resources() []*Resource {
	all := make([]*Resource, 0, len(t.resources))
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		all = append(all, t.resources[id])
	}
	return all
}

// decodeStrict unmarshals JSON, keeping numbers as written and refusing fields
// that the target does not have.
func decodeStrict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
