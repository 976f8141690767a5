package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/settings"
)

// production are the settings without which there is no production.
func production(more map[string]any) map[string]any {
	context := map[string]any{"stage": "production", "jwtIssuer": "https://issuer.example.com", "jwtAudience": "payments"}
	for name, value := range more {
		context[name] = value
	}
	return context
}

func TestRead(t *testing.T) {
	t.Parallel()
	demo := settings.Settings{
		Stage: "demo", Window: 24 * time.Hour, Retention: 24 * time.Hour, ConcurrencyQuota: 1000, MaxUnits: 500,
		DemoFaults: true, RecordCalls: true, CORSOrigins: []string{"*"}, Architecture: "arm64", BudgetUSD: 100,
	}
	careful := func(s *settings.Settings) {
		s.Stage, s.Retention, s.MaxUnits = "production", 3650*24*time.Hour, 0
		s.ThrottleRate, s.ThrottleBurst, s.ShareConcurrency = 100, 200, true
		s.DemoFaults, s.RecordCalls, s.CORSOrigins = false, false, nil
		s.Retain, s.Protection, s.Backups, s.Tracing, s.AccessLogs = true, true, true, true, true
		s.JWTIssuer, s.JWTAudience = "https://issuer.example.com", []string{"payments"}
	}
	for _, test := range []struct {
		name    string
		context map[string]any
		want    func(*settings.Settings)
	}{
		{"nothing set is the demo", nil, func(*settings.Settings) {}},
		{"CDK's own keys are not settings", map[string]any{"@aws-cdk/core:x": true, "aws:cdk:y": "z", "cli-telemetry": false, "availability-zones:account=1": []any{}}, func(*settings.Settings) {}},
		{"another stage is careful", production(nil), careful},
		{"another stage can be told not to be", map[string]any{
			"stage": "trial-2", "stages": "demo,trial-2", "acceptPublic": "true", "recordCalls": "true", "removalPolicy": "destroy",
			"backups": "false", "tracing": false, "accessLogs": "false", "corsOrigins": "*", "retentionDays": "1", "maxUnits": "500",
		}, func(s *settings.Settings) {
			s.Stage, s.DemoFaults = "trial-2", false
			s.ThrottleRate, s.ThrottleBurst, s.ShareConcurrency = 100, 200, true
		}},
		{"the demo can be told to be", map[string]any{"demoFaults": "false", "recordCalls": false, "removalPolicy": "retain", "backups": true, "maxUnits": "none", "reservedConcurrency": "none", "corsOrigins": "none"}, func(s *settings.Settings) {
			s.DemoFaults, s.RecordCalls, s.Retain, s.Protection, s.Backups = false, false, true, true, true
			s.MaxUnits, s.ShareConcurrency, s.CORSOrigins = 0, true, nil
		}},
		{"strings, as the command line gives them", map[string]any{"windowHours": "1", "throttleRate": "10000", "throttleBurst": "5000", "corsOrigins": "https://a.example, http://localhost:5173"}, func(s *settings.Settings) {
			s.Window, s.ThrottleRate, s.ThrottleBurst = time.Hour, 10000, 5000
			s.CORSOrigins = []string{"https://a.example", "http://localhost:5173"}
		}},
		{"JSON values, as cdk.json gives them", map[string]any{"windowHours": 8760.0, "throttleRate": 1.0, "throttleBurst": 1.0, "demoFaults": false, "corsOrigins": []any{"https://a.example"}}, func(s *settings.Settings) {
			s.Window, s.ThrottleRate, s.ThrottleBurst = 8760*time.Hour, 1, 1
			s.DemoFaults, s.CORSOrigins = false, []string{"https://a.example"}
		}},
		{"concurrency of each function", map[string]any{"reservedConcurrency": "50"}, func(s *settings.Settings) {
			s.ReservedConcurrency = 50
		}},
		{"a first deployment, not protected yet", production(map[string]any{"protection": "false"}), func(s *settings.Settings) {
			careful(s)
			s.Protection = false
		}},
		{"a topic of the same Region", map[string]any{"alarmTopic": "arn:aws:sns:eu-central-1:123456789012:alarms"}, func(s *settings.Settings) {
			s.AlarmTopic = "arn:aws:sns:eu-central-1:123456789012:alarms"
		}},
		{"a budget", map[string]any{"budgetEmail": "ada@example.com", "budgetUsd": "20"}, func(s *settings.Settings) {
			s.BudgetEmail, s.BudgetUSD = "ada@example.com", 20
		}},
		{"another processor", map[string]any{"architecture": "x86_64"}, func(s *settings.Settings) {
			s.Architecture = "x86_64"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := demo
			test.want(&want)
			got, err := settings.Read(test.context, "eu-central-1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key    string
		values []any
		says   string
	}{
		{"stage", []any{"", "Demo", "1st", "a_b", "a name", strings.Repeat("x", 21), 7.0}, "lower-case letters"},
		{"stages", []any{"", "Demo", emptyList}, "names separated by commas"},
		{"windowHours", []any{"", "0", "-1", "8761", "1.5", "24h", "99999999999999999999", 0.0, 1.5, 1e300, true}, "a whole number from 1 to 8760"},
		{"retentionDays", []any{"0", "36501", "ever"}, "a whole number from 1 to 36500"},
		{"throttleRate", []any{"", "0", "10001", "fast", emptyList}, "a whole number from 1 to 10000"},
		{"throttleBurst", []any{"", "0", "5001"}, "a whole number from 1 to 5000"},
		{"reservedConcurrency", []any{"", "0", "-1", "1001", "all"}, "a whole number from 1 to 1000, or none"},
		{"maxUnits", []any{"", "0", "40001"}, "a whole number from 1 to 40000, or none"},
		{"demoFaults", []any{"", "yes", "TRUE", 1.0}, "true or false"},
		{"protection", []any{"yes"}, "true or false"},
		{"domainName", []any{"", "example", "https://pay.example.com", "-a.example.com", true}, "a domain name"},
		{"certificateArn", []any{"", "arn:aws:acm:eu-central-1:123456789012:certificate/1234"}, "a certificate in us-east-1"},
		{"webAclArn", []any{"", "acl", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/acl/1234", "arn:aws:waf::123456789012:webacl/1234"}, "a web ACL for CloudFront"},
		{"alarmTopic", []any{"", "alarms", "arn:aws:sqs:us-east-1:123456789012:alarms"}, "an SNS topic"},
		{"budgetEmail", []any{"", "ada", "ada@", "a b@example.com"}, "an email address"},
		{"jwtIssuer", []any{"", "issuer.example.com", "http://issuer.example.com", "https://issuer.example.com/?x"}, "an https URL"},
		{"jwtAudience", []any{"", "a,,b", emptyList}, "audiences separated by commas"},
		{"architecture", []any{"", "amd64", "ARM64", true}, "arm64 or x86_64"},
		{"removalPolicy", []any{"", "keep", "DESTROY", true}, "destroy or retain"},
		{"corsOrigins", []any{"", "example.com", "https://", "https://a.example/", "https://a.example/path", "ftp://a.example", "*,https://a.example", "https://u@a.example?", emptyList, []any{7.0}, 7.0}, "* or origins such as"},
	} {
		for _, value := range test.values {
			_, err := settings.Read(map[string]any{test.key: value}, "")
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

// TestReadRefusesWhatCannotWork holds that a slip of the fingers, and settings
// that contradict each other, end before anything is deployed, with a sentence
// that says what to do.
func TestReadRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		context map[string]any
		says    string
	}{
		"a setting misspelt":           {map[string]any{"stag": "production"}, "context stag: there is no such setting: did you mean stage?"},
		"a setting in another case":    {map[string]any{"corsorigins": "*"}, "did you mean corsOrigins?"},
		"no setting at all":            {map[string]any{"colour": "blue"}, "context colour: there is no such setting: there are stage,"},
		"a stage misspelt":             {map[string]any{"stage": "prodction"}, `"prodction" is none of the stages demo, staging, production: did you mean production?`},
		"a new stage":                  {map[string]any{"stage": "shop"}, "-c stages=demo,staging,production,shop"},
		"a domain without certificate": {map[string]any{"domainName": "pay.example.com"}, "one is set without the other"},
		"an issuer without audience":   {map[string]any{"jwtIssuer": "https://issuer.example.com"}, "one is set without the other"},
		"a rate without burst":         {map[string]any{"throttleRate": "5"}, "one is set without the other"},
		"faults in production":         {production(map[string]any{"demoFaults": "true"}), "only the stage demo may have faults"},
		"no authorizer":                {map[string]any{"stage": "production"}, "stage production has no authorizer: set -c jwtIssuer"},
		"any origin in production":     {production(map[string]any{"corsOrigins": "*"}), "stage production has corsOrigins=*"},
		"protection of what goes":      {map[string]any{"protection": "true"}, "cannot be protected from deletion"},
		"a topic of another Region":    {map[string]any{"alarmTopic": "arn:aws:sns:us-east-1:123456789012:alarms"}, "the topic is in us-east-1 and the stack in eu-central-1"},
		"a new account":                {map[string]any{"concurrencyQuota": "10"}, "deploy with -c reservedConcurrency=none"},
		"more than the quota":          {map[string]any{"reservedConcurrency": "300"}, "reserve 1200 executions at once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings.Read(test.context, "eu-central-1")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// emptyList is an empty JSON list.
var emptyList = []any{}

func TestReadNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := settings.Read(map[string]any{"stage": "No", "windowHours": "no", "removalPolicy": "no", "stag": "x"}, "")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{"stage", "windowHours", "removalPolicy", "stag:"} {
		if !strings.Contains(err.Error(), "context "+key) {
			t.Errorf("%q does not name %s", err, key)
		}
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings settings.Settings
		want     map[string]int
	}{
		"the demo":     {settings.Settings{}, map[string]int{"activity": 20, "customers": 20, "orders": 50, "payments": 100}},
		"one for each": {settings.Settings{ReservedConcurrency: 7}, map[string]int{"activity": 7, "customers": 7, "orders": 7, "payments": 7}},
		"shared":       {settings.Settings{ShareConcurrency: true}, nil},
	} {
		if diff := cmp.Diff(test.want, test.settings.Concurrency()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
