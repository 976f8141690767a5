// Package settings holds what a deployment of this project can choose, with
// defaults and limits. It knows nothing of CDK, so that a program can read
// settings without loading it.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Settings are what a deployment can choose. Each is a CDK context value, set
// by `cdk deploy -c name=value` or under "context" in cdk.json:
//
//	name                 demo            other stages  values
//	stage                demo                          one of stages
//	stages               demo,staging,production       the names that a stage may have, separated by commas
//	windowHours          24              24            1 to 8760
//	retentionDays        1               3650          1 to 36500
//	throttleRate         by route        100           requests a second to each route, 1 to 10000
//	throttleBurst        by route        200           requests at once to each route, 1 to 5000
//	reservedConcurrency  by function     none          executions at once of each function, 1 to 1000, or none
//	concurrencyQuota     1000            1000          executions at once that the account may have, 1 to 1000000
//	maxUnits             500             none          read and write units a second of each table, 1 to 40000, or none
//	demoFaults           true            false         true or false
//	recordCalls          true            false         true or false
//	removalPolicy        destroy         retain        destroy or retain
//	protection           false           true          true or false
//	backups              false           true          true or false
//	tracing              false           true          true or false
//	accessLogs           false           true          true or false
//	corsOrigins          *               none          none, *, or a list of origins, separated by commas
//	jwtIssuer            none            needed        the issuer of callers' tokens, an https URL
//	jwtAudience          none            needed        the audiences that tokens may be for, separated by commas
//	acceptPublic         false           false         true or false
//	architecture         arm64           arm64         arm64 or x86_64
//	domainName           none            none          the website's own domain name
//	certificateArn       none            none          its certificate in AWS Certificate Manager, in us-east-1
//	webAclArn            none            none          the ARN of a web ACL of AWS WAF for CloudFront
//	alarmTopic           none            none          the ARN of an SNS topic in the stack's Region
//	budgetEmail          none            none          the address that is told when the account's costs near budgetUsd
//	budgetUsd            100             100           US dollars a month, 1 to 1000000
//
// The defaults of the stage "demo" are those of a public demo, whose worst
// month docs/costs.md computes. Any other stage is taken to matter.
type Settings struct {
	// Stage names the deployment. It is part of the stack's name, so that
	// stages live side by side in one account.
	Stage string

	// Window is how long an idempotency key is remembered, in whole hours.
	Window time.Duration

	// Retention is how long the application's own data is kept, in whole days.
	Retention time.Duration

	// ThrottleRate is the number of requests per second that the API admits to
	// each route in the long run, ThrottleBurst how many it admits at once. The
	// rest are answered 429. Both are zero if each route has limits of its own,
	// as the demo's have.
	ThrottleRate, ThrottleBurst int

	// ReservedConcurrency is how many executions at once each function has for
	// itself and is limited to. Zero: as Concurrency says.
	ReservedConcurrency int

	// ShareConcurrency reports that the functions share the account's executions
	// and reserve none.
	ShareConcurrency bool

	// ConcurrencyQuota is how many executions at once the account may have in
	// the Region.
	ConcurrencyQuota int

	// MaxUnits bounds the read and the write units a second of each table, as a
	// target that DynamoDB holds on average. Zero: no bound.
	MaxUnits int

	// DemoFaults lets a caller ask for slow responses, crashes and lost
	// responses with the Demo-Fault header. Only the stage "demo" may.
	DemoFaults bool

	// RecordCalls writes down what each call of an idempotent operation cost, for
	// the caller to see. It costs one more write per call.
	RecordCalls bool

	// Retain keeps tables, website and logs when the stack is deleted
	// (removalPolicy "retain"). What a first deployment made before it failed is
	// deleted all the same, so that it can be repeated.
	Retain bool

	// Protection refuses to delete tables and stack. It must be off for the
	// first deployment of a stage: a failed one could not be rolled back.
	Protection bool

	// Backups keeps the tables restorable to any second of the last 35 days.
	Backups bool

	// Tracing sends a trace of each invocation to AWS X-Ray.
	Tracing bool

	// AccessLogs writes down the requests that reach the API, CloudFront and the
	// website's bucket, with the callers' addresses where CloudFront or S3 logs.
	AccessLogs bool

	// CORSOrigins are the origins whose pages may call the API from a browser,
	// or "*" for all. Empty: the stack's own page alone, which is of the API's
	// origin.
	CORSOrigins []string

	// JWTIssuer issues the tokens by which callers are known, and JWTAudience are
	// the audiences that a token may be for. Empty: anybody may call, and a
	// caller is a random session.
	JWTIssuer   string
	JWTAudience []string

	// Architecture is the functions' processor, as Lambda calls it. What
	// `make build` builds is for arm64, which costs a fifth less.
	Architecture string

	// DomainName is the website's own domain name, and CertificateARN the
	// certificate for it, which CloudFront wants in us-east-1. Both or neither are
	// set. The DNS record that leads to the distribution is not the stack's.
	DomainName, CertificateARN string

	// AlarmTopic is the ARN of the SNS topic that alarms are sent to. Empty:
	// alarms are seen by those who look.
	AlarmTopic string

	// WebACL is the ARN of the web ACL that every request to the distribution has
	// to pass. Empty: none.
	WebACL string

	// BudgetEmail is the address that AWS Budgets writes to when the account's
	// costs of a month near BudgetUSD. Empty: there is no budget.
	BudgetEmail string
	BudgetUSD   int
}

// The processors of [Settings.Architecture].
const (
	ARM64 = "arm64"
	X8664 = "x86_64"
)

// Demo is the stage that anybody may try.
const Demo = "demo"

// IsDemo reports whether the deployment is the public demo.
func (s Settings) IsDemo() bool { return s.Stage == Demo }

// Authenticated reports whether callers are known by a token.
func (s Settings) Authenticated() bool { return s.JWTIssuer != "" }

// names are the settings that there are.
var names = []string{
	"stage", "stages", "windowHours", "retentionDays", "throttleRate", "throttleBurst", "reservedConcurrency", "concurrencyQuota",
	"maxUnits", "demoFaults", "recordCalls", "removalPolicy", "protection", "backups", "tracing", "accessLogs", "corsOrigins",
	"jwtIssuer", "jwtAudience", "acceptPublic", "architecture", "domainName", "certificateArn", "webAclArn", "alarmTopic",
	"budgetEmail", "budgetUsd",
}

var (
	stageName      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
	domainName     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	certificateARN = regexp.MustCompile(`^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$`)
	webACLARN      = regexp.MustCompile(`^arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/[A-Za-z0-9_-]+/[0-9a-f-]+$`)
	topicARN       = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]+$`)
	issuer         = regexp.MustCompile(`^https://[a-zA-Z0-9.-]+(:[0-9]+)?(/[^\s?#]*)?$`)
	audience       = regexp.MustCompile(`^[^\s,]{1,256}$`)
	email          = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
)

// Read reads the settings from CDK context. The error names every value that
// is not acceptable, and what would be: a key that is no setting, a value out of
// its range, and settings that cannot work together. Keys that belong to CDK
// itself are passed over.
//
// Region is where the stack goes, if that is known; empty otherwise.
func Read(context map[string]any, region string) (Settings, error) {
	r := reader{context: context}
	r.refuseUnknown()

	stage := r.stage()
	demo := stage == Demo
	other := !demo
	removal := "retain"
	if demo {
		removal = "destroy"
	}
	s := Settings{
		Stage:            stage,
		Window:           time.Duration(r.number("windowHours", 24, 1, 8760)) * time.Hour,
		Retention:        time.Duration(r.number("retentionDays", byStage(demo, 1, 3650), 1, 36500)) * 24 * time.Hour,
		ThrottleRate:     r.number("throttleRate", byStage(demo, 0, 100), 1, 10000),
		ThrottleBurst:    r.number("throttleBurst", byStage(demo, 0, 200), 1, 5000),
		ConcurrencyQuota: r.number("concurrencyQuota", 1000, 1, 1_000_000),
		DemoFaults:       r.boolean("demoFaults", demo),
		RecordCalls:      r.boolean("recordCalls", demo),
		Retain:           r.text("removalPolicy", removal, "destroy or retain", oneOf("destroy", "retain")) == "retain",
		Backups:          r.boolean("backups", other),
		Tracing:          r.boolean("tracing", other),
		AccessLogs:       r.boolean("accessLogs", other),
		CORSOrigins:      r.origins("corsOrigins", byStage(demo, []string{"*"}, nil)),
		JWTIssuer:        r.text("jwtIssuer", "", "an https URL such as https://issuer.example.com", issuer.MatchString),
		JWTAudience:      r.list("jwtAudience", nil, "audiences separated by commas", audience.MatchString),
		Architecture:     r.text("architecture", ARM64, "arm64 or x86_64", oneOf(ARM64, X8664)),
		DomainName:       r.text("domainName", "", "a domain name such as pay.example.com", domainName.MatchString),
		CertificateARN:   r.text("certificateArn", "", "the ARN of a certificate in us-east-1", certificateARN.MatchString),
		AlarmTopic:       r.text("alarmTopic", "", "the ARN of an SNS topic", topicARN.MatchString),
		WebACL:           r.text("webAclArn", "", "the ARN of a web ACL for CloudFront", webACLARN.MatchString),
		BudgetEmail:      r.text("budgetEmail", "", "an email address", email.MatchString),
		BudgetUSD:        r.number("budgetUsd", 100, 1, 1_000_000),
	}
	s.MaxUnits, _ = r.numberOrNone("maxUnits", byStage(demo, 500, 0), 1, 40_000)
	s.ReservedConcurrency, s.ShareConcurrency = r.numberOrNone("reservedConcurrency", 0, 1, 1000)
	if !r.isSet("reservedConcurrency") {
		s.ShareConcurrency = other
	}
	s.Protection = r.boolean("protection", s.Retain)
	acceptPublic := r.boolean("acceptPublic", false)
	if len(r.problems) == 0 {
		r.problems = s.conflicts(region, acceptPublic)
	}
	return s, errors.Join(r.problems...)
}

func byStage[T any](demo bool, inDemo, elsewhere T) T {
	if demo {
		return inDemo
	}
	return elsewhere
}

// conflicts returns what cannot work although each value is acceptable.
func (s Settings) conflicts(region string, acceptPublic bool) (problems []error) {
	refuse := func(when bool, format string, args ...any) {
		if when {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse((s.DomainName == "") != (s.CertificateARN == ""),
		"context domainName and certificateArn: one is set without the other")
	refuse((s.JWTIssuer == "") != (len(s.JWTAudience) == 0),
		"context jwtIssuer and jwtAudience: one is set without the other")
	refuse((s.ThrottleRate == 0) != (s.ThrottleBurst == 0),
		"context throttleRate and throttleBurst: in the demo one is set without the other")
	refuse(s.DemoFaults && !s.IsDemo(),
		"context demoFaults: only the stage %s may have faults, and this one is %s", Demo, s.Stage)
	refuse(s.Protection && !s.Retain,
		"context protection: what removalPolicy=destroy deletes cannot be protected from deletion")
	if !s.IsDemo() && !acceptPublic {
		refuse(!s.Authenticated(),
			"stage %s has no authorizer: set -c jwtIssuer=https://… -c jwtAudience=…, or let anybody call with -c acceptPublic=true", s.Stage)
		refuse(slices.Contains(s.CORSOrigins, "*"),
			"stage %s has corsOrigins=*: name the origins, leave it out for the page alone, or let any page call with -c acceptPublic=true", s.Stage)
	}
	if topic := topicARN.FindStringSubmatch(s.AlarmTopic); topic != nil && region != "" {
		refuse(topic[1] != region,
			"context alarmTopic: the topic is in %s and the stack in %s: an alarm can only tell a topic of its own Region", topic[1], region)
	}
	reserved := 0
	for _, n := range s.Concurrency() {
		reserved += n
	}
	refuse(reserved > 0 && reserved > s.ConcurrencyQuota-unreserved,
		"the functions reserve %d executions at once. Of the account's %d, Lambda keeps %d for other functions: "+
			"ask for a higher quota (Service Quotas, Lambda, concurrent executions), or deploy with -c reservedConcurrency=none",
		reserved, s.ConcurrencyQuota, unreserved)
	return problems
}

// unreserved is how many executions Lambda refuses to reserve:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
const unreserved = 100

// Functions are the functions of the stack, by the command that each of them
// runs.
var functions = []string{"activity", "customers", "orders", "payments"}

// demoConcurrency is what the functions of the demo reserve. The page sends
// bursts of fifty payments with protection and without.
var demoConcurrency = map[string]int{"activity": 20, "customers": 20, "orders": 50, "payments": 100}

// Concurrency returns how many executions at once each function reserves, by the
// command that it runs. It is empty if the functions share the account's.
func (s Settings) Concurrency() map[string]int {
	switch {
	case s.ShareConcurrency:
		return nil
	case s.ReservedConcurrency == 0:
		return maps.Clone(demoConcurrency)
	}
	each := make(map[string]int, len(functions))
	for _, name := range functions {
		each[name] = s.ReservedConcurrency
	}
	return each
}

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

// refuseUnknown refuses keys that are no setting, each with the nearest one.
// A key of CDK's own has a namespace before a colon or a slash, or is in the
// list.
func (r *reader) refuseUnknown() {
	for _, key := range slices.Sorted(maps.Keys(r.context)) {
		if strings.ContainsAny(key, ":/") || key == "cli-telemetry" || slices.Contains(names, key) {
			continue
		}
		r.problems = append(r.problems, fmt.Errorf("context %s: there is no such setting%s", key, nearest(key, names)))
	}
}

// stage reads the stage, which has to be one of those that are named, so that a
// slip of the fingers does not make a new deployment.
func (r *reader) stage() string {
	const want = "a name of at most 20 lower-case letters, digits and hyphens, beginning with a letter"
	stages := r.list("stages", []string{Demo, "staging", "production"}, "names separated by commas, each "+want, stageName.MatchString)
	stage := r.text("stage", Demo, want, stageName.MatchString)
	if !slices.Contains(stages, stage) {
		r.problems = append(r.problems, fmt.Errorf("context stage: %q is none of the stages %s%s (a new one is named with -c stages=%s)",
			stage, strings.Join(stages, ", "), nearest(stage, stages), strings.Join(append(slices.Clone(stages), stage), ",")))
	}
	return stage
}
