package stack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/stack"
)

func read(context map[string]any) (stack.Settings, error) {
	return stack.ReadSettings(func(key string) any { return context[key] })
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	demo := stack.Settings{
		Stage: "demo", Window: 24 * time.Hour, ThrottleRate: 100, ThrottleBurst: 200,
		DemoFaults: true, RecordCalls: true, CORSOrigins: []string{"*"}, Architecture: "arm64",
	}
	for _, test := range []struct {
		name    string
		context map[string]any
		want    func(*stack.Settings)
	}{
		{"nothing set is the demo", nil, func(*stack.Settings) {}},
		{"another stage is careful", map[string]any{"stage": "production"}, func(s *stack.Settings) {
			s.Stage, s.DemoFaults, s.RecordCalls, s.Retain = "production", false, false, true
		}},
		{"another stage can be told not to be", map[string]any{"stage": "trial-2", "demoFaults": "true", "recordCalls": "true", "removalPolicy": "destroy"}, func(s *stack.Settings) {
			s.Stage = "trial-2"
		}},
		{"the demo can be told to be", map[string]any{"demoFaults": "false", "recordCalls": false, "removalPolicy": "retain"}, func(s *stack.Settings) {
			s.DemoFaults, s.RecordCalls, s.Retain = false, false, true
		}},
		{"strings, as the command line gives them", map[string]any{"windowHours": "1", "throttleRate": "10000", "throttleBurst": "5000", "corsOrigins": "https://a.example, http://localhost:5173"}, func(s *stack.Settings) {
			s.Window, s.ThrottleRate, s.ThrottleBurst = time.Hour, 10000, 5000
			s.CORSOrigins = []string{"https://a.example", "http://localhost:5173"}
		}},
		{"JSON values, as cdk.json gives them", map[string]any{"windowHours": 8760.0, "throttleRate": 1.0, "throttleBurst": 1.0, "demoFaults": false, "corsOrigins": []any{"https://a.example"}}, func(s *stack.Settings) {
			s.Window, s.ThrottleRate, s.ThrottleBurst = 8760*time.Hour, 1, 1
			s.DemoFaults, s.CORSOrigins = false, []string{"https://a.example"}
		}},
		{"concurrency of each function", map[string]any{"reservedConcurrency": "50"}, func(s *stack.Settings) {
			s.ReservedConcurrency = 50
		}},
		{"another processor", map[string]any{"architecture": "x86_64"}, func(s *stack.Settings) {
			s.Architecture = "x86_64"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := demo
			test.want(&want)
			got, err := read(test.context)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadSettingsRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key    string
		values []any
		says   string
	}{
		{"stage", []any{"", "Demo", "1st", "a_b", "a name", strings.Repeat("x", 21), 7.0}, "lower-case letters"},
		{"windowHours", []any{"", "0", "-1", "8761", "1.5", "24h", "99999999999999999999", 0.0, 1.5, 1e300, true}, "a whole number from 1 to 8760"},
		{"throttleRate", []any{"", "0", "10001", "fast", emptyList}, "a whole number from 1 to 10000"},
		{"throttleBurst", []any{"", "0", "5001"}, "a whole number from 1 to 5000"},
		{"demoFaults", []any{"", "yes", "TRUE", 1.0}, "true or false"},
		{"recordCalls", []any{"", "yes", "TRUE", 1.0}, "true or false"},
		{"domainName", []any{"", "example", "https://pay.example.com", "-a.example.com", true}, "a domain name"},
		{"domainName", []any{"pay.example.com"}, "one is set without the other"},
		{"certificateArn", []any{"", "arn:aws:acm:eu-central-1:123456789012:certificate/1234"}, "a certificate in us-east-1"},
		{"webAclArn", []any{"", "acl", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/acl/1234", "arn:aws:waf::123456789012:webacl/1234"}, "a web ACL for CloudFront"},
		{"reservedConcurrency", []any{"", "0", "-1", "1001", "all"}, "a whole number from 1 to 1000"},
		{"alarmTopic", []any{"", "alarms", "arn:aws:sqs:us-east-1:123456789012:alarms"}, "an SNS topic"},
		{"architecture", []any{"", "amd64", "ARM64", true}, "arm64 or x86_64"},
		{"removalPolicy", []any{"", "keep", "DESTROY", true}, "destroy or retain"},
		{"corsOrigins", []any{"", "example.com", "https://", "https://a.example/", "https://a.example/path", "ftp://a.example", "*,https://a.example", "https://u@a.example?", emptyList, []any{7.0}, 7.0}, "* or origins such as"},
	} {
		for _, value := range test.values {
			_, err := read(map[string]any{test.key: value})
			if err == nil {
				t.Errorf("%s accepts %#v", test.key, value)
				continue
			}
			if message := err.Error(); !strings.Contains(message, "context "+test.key) || !strings.Contains(message, test.says) {
				t.Errorf("%s: %#v is refused with %q, which should name the key and say %q", test.key, value, message, test.says)
			}
		}
	}
}

// emptyList is an empty JSON list.
var emptyList = []any{}

func TestReadSettingsNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := read(map[string]any{"stage": "No", "windowHours": "no", "removalPolicy": "no"})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{"stage", "windowHours", "removalPolicy"} {
		if !strings.Contains(err.Error(), "context "+key) {
			t.Errorf("%q does not name %s", err, key)
		}
	}
}
