package template_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// named calls resources by their logical ids.
type named struct{}

func (named) Ref(r *template.Resource) (string, error) { return "name-of-" + r.ID, nil }

func (named) GetAtt(r *template.Resource, attribute string) (string, error) {
	if attribute == "Unknown" {
		return "", fmt.Errorf("the attribute %s of %s is not understood", attribute, r.ID)
	}
	return r.ID + "." + attribute, nil
}

// document is a template around the properties of one resource.
func document(properties string) string {
	return `{
	  "Parameters": {
	    "Stage": {"Type": "String", "Default": "demo"},
	    "Count": {"Type": "Number", "Default": 3},
	    "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
	    "Secret": {"Type": "String"}
	  },
	  "Mappings": {"Sizes": {"demo": {"memory": 256}}},
	  "Conditions": {
	    "IsDemo": {"Fn::Equals": [{"Ref": "Stage"}, "demo"]},
	    "IsLive": {"Fn::Not": [{"Condition": "IsDemo"}]},
	    "Both": {"Fn::And": [{"Condition": "IsDemo"}, {"Condition": "IsLive"}]},
	    "Either": {"Fn::Or": [{"Condition": "IsLive"}, {"Condition": "IsDemo"}]}
	  },
	  "Resources": {
	    "R": {"Type": "T::R", "Properties": {"Value": ` + properties + `}},
	    "Other": {"Type": "T::Other", "DependsOn": "R"},
	    "Live": {"Type": "T::Other", "Condition": "IsLive"}
	  },
	  "Outputs": {
	    "Url": {"Value": {"Fn::Sub": "https://${Other}/${Stage}"}},
	    "LiveOnly": {"Value": "x", "Condition": "IsLive"},
	    "Broken": {"Value": {"Ref": "Nobody"}}
	  }
	}`
}

func resolver(t *testing.T, doc string, parameters map[string]string) *template.Resolver {
	t.Helper()
	tmpl, err := template.Parse(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	r, err := template.NewResolver(tmpl, template.Environment{
		Region: "eu-west-1", AccountID: "123456789012", Partition: "aws", URLSuffix: "amazonaws.com", StackName: "local",
		Parameters: parameters, Lookup: named{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// value decodes the property Value of the resource R.
func value(t *testing.T, properties string) (any, error) {
	t.Helper()
	r := resolver(t, document(properties), nil)
	resources, err := r.Resources()
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range resources {
		if res.ID == "R" {
			var into struct{ Value any }
			err := r.Decode(res, &into)
			return into.Value, err
		}
	}
	t.Fatal("the resource R is gone")
	return nil, nil
}

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		`{"Ref": "Other"}`:        `"name-of-Other"`,
		`{"Ref": "Stage"}`:        `"demo"`,
		`{"Ref": "Zones"}`:        `["a","b"]`,
		`{"Ref": "AWS::Region"}`:  `"eu-west-1"`,
		`{"Ref": "AWS::StackId"}`: `"arn:aws:cloudformation:eu-west-1:123456789012:stack/local/local"`,
		`{"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}, true]}`: `{"b":[1,true]}`,
		`{"Fn::GetAtt": ["Other", "Arn"]}`:                                        `"Other.Arn"`,
		`{"Fn::GetAtt": "Other.Nested.Arn"}`:                                      `"Other.Nested.Arn"`,
		`{"Fn::Join": ["-", ["a", {"Ref": "Stage"}, {"Ref": "Count"}]]}`:          `"a-demo-3"`,
		`{"Fn::Join": [",", {"Ref": "Zones"}]}`:                                   `"a,b"`,
		`{"Fn::Sub": "${AWS::Region}/${Other}/${Other.Arn}/${!Literal}/$x"}`:      `"eu-west-1/name-of-Other/Other.Arn/${Literal}/$x"`,
		`{"Fn::Sub": ["${Own}-${Stage}", {"Own": {"Ref": "Other"}}]}`:             `"name-of-Other-demo"`,
		`{"Fn::Select": ["1", {"Ref": "Zones"}]}`:                                 `"b"`,
		`{"Fn::Select": [2, {"Fn::Split": ["/", "https://host/path"]}]}`:          `"host"`,
		`{"Fn::If": ["IsDemo", "yes", {"Ref": "Nobody"}]}`:                        `"yes"`,
		`{"Fn::If": ["IsLive", {"Ref": "Nobody"}, "no"]}`:                         `"no"`,
		`{"Fn::If": ["Both", 1, 2]}`:                                              `2`,
		`{"Fn::If": ["Either", 1, 2]}`:                                            `1`,
		`{"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}`:                `256`,
		`{"Condition": {"StringEquals": {"a": "b"}}}`:                             `{"Condition":{"StringEquals":{"a":"b"}}}`,
		`[12345678901234567890]`:                                                  `[12345678901234567890]`,
	} {
		got, err := value(t, properties)
		if err != nil {
			t.Errorf("%s: %v", properties, err)
			continue
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", properties, diff)
		}
	}
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		`{"a": [{"Fn::ImportValue": "x"}]}`:              "resource R (T::R): Value.a[0]: the intrinsic Fn::ImportValue is not understood",
		`{"Ref": "Nobody"}`:                              `"Nobody" is neither a resource nor a parameter`,
		`{"Ref": "Secret"}`:                              "the parameter Secret has no value and no default",
		`{"Fn::GetAtt": ["Nobody", "Arn"]}`:              `"Nobody" is not a resource`,
		`{"Fn::GetAtt": ["Other", "Unknown"]}`:           "the attribute Unknown of Other is not understood",
		`{"Fn::Sub": "${Nobody} ${Other.Unknown}"}`:      "${Nobody}",
		`{"Fn::Sub": ["${a}"]}`:                          "a text and a map of values are expected",
		`{"Fn::Join": ["-", "a"]}`:                       "a list is expected",
		`{"Fn::Join": ["-", [{"a": 1}]]}`:                "a text is expected",
		`{"Fn::Select": [5, ["a"]]}`:                     "outside of the list",
		`{"Fn::Select": ["x", ["a"]]}`:                   "not a number",
		`{"Fn::Split": ["", "a"]}`:                       "must not be empty",
		`{"Fn::If": ["Nobody", 1, 2]}`:                   "no condition Nobody",
		`{"Fn::FindInMap": ["Sizes", "live", "memory"]}`: "maps nothing",
	} {
		_, err := value(t, properties)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", properties, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{`:  "unexpected EOF",
		`{}`: "no Resources",
		`{"Transform": "AWS::Serverless-2016-10-31", "Resources": {"R": {"Type": "T"}}}`: "Transform",
		`{"Resources": {"R": {}}}`:                             "resource R has no Type",
		`{"Resources": {"R": {"Type": "T", "Fn::If": []}}}`:    "Fn::If",
		`{"Resources": {"R": {"Type": "T", "DependsOn": {}}}}`: "a list of names is expected",
	} {
		if _, err := template.Parse(strings.NewReader(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", doc, err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const doc = `{"Resources": {"R": {"Type": "T::R", "Properties": {
	  "Name": {"Ref": "R"}, "Timeout": "10", "Memory": 256, "Rate": "0.5", "On": "true", "Off": false, "Tags": [{"Key": {"Ref": "AWS::Region"}}]}}}}`
	type properties struct {
		Name            string
		Timeout, Memory template.Int
		Rate            template.Float
		On, Off         template.Bool
		Tags            template.Ignored
	}
	r := resolver(t, doc, nil)
	resources, err := r.Resources()
	if err != nil {
		t.Fatal(err)
	}
	var got properties
	if err := r.Decode(resources[0], &got); err != nil {
		t.Fatal(err)
	}
	got.Tags = nil
	if want := (properties{Name: "name-of-R", Timeout: 10, Memory: 256, Rate: 0.5, On: true}); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	var narrow struct{ Name string }
	err = r.Decode(resources[0], &narrow)
	if err == nil || !strings.Contains(err.Error(), "resource R (T::R): the property Memory is not understood") {
		t.Errorf("got %v, want the unknown property named", err)
	}
	var wrong struct {
		Name, Timeout, Memory, Rate, On string
		Off                             template.Int
		Tags                            template.Ignored
	}
	if err := r.Decode(resources[0], &wrong); err == nil {
		t.Error("values of other types were taken")
	}
}

func TestResourcesAndOutputsFollowConditions(t *testing.T) {
	t.Parallel()
	for stage, want := range map[string][]string{"demo": {"Other", "R"}, "live": {"Live", "Other", "R"}} {
		r := resolver(t, document(`1`), map[string]string{"Stage": stage})
		resources, err := r.Resources()
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, res := range resources {
			ids = append(ids, res.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", stage, diff)
		}
		url, ok, err := r.Output("Url")
		if want := "https://name-of-Other/" + stage; url != want || !ok || err != nil {
			t.Errorf("Url = %q, %v, %v, want %q", url, ok, err, want)
		}
		if _, ok, err := r.Output("LiveOnly"); ok != (stage == "live") || err != nil {
			t.Errorf("LiveOnly exists: %v, %v", ok, err)
		}
		if _, ok, err := r.Output("Nothing"); ok || err != nil {
			t.Errorf("Nothing exists: %v, %v", ok, err)
		}
		if _, _, err := r.Output("Broken"); err == nil || !strings.Contains(err.Error(), "output Broken") {
			t.Errorf("Broken: %v", err)
		}
	}
}

func TestUnknownParameterIsRefused(t *testing.T) {
	t.Parallel()
	tmpl, err := template.Parse(strings.NewReader(document(`1`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.NewResolver(tmpl, template.Environment{Parameters: map[string]string{"Nobody": "x"}, Lookup: named{}}); err == nil {
		t.Error("a parameter that the template has not was taken")
	}
	if _, err := template.NewResolver(tmpl, template.Environment{}); err == nil {
		t.Error("an environment without a Lookup was taken")
	}
}
