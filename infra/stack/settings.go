package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are what a deployment can choose. Each is a CDK context value, set
// by `cdk deploy -c name=value` or under "context" in cdk.json:
//
//	name           default   values
//	stage          demo      a name of at most 20 lower-case letters, digits and hyphens
//	windowHours    24        1 to 8760
//	throttleRate   100       requests a second, 1 to 10000
//	throttleBurst  200       requests at once, 1 to 5000
//	demoFaults     true*     true or false
//	recordCalls    true*     true or false
//	removalPolicy  destroy*  destroy or retain
//	corsOrigins    *         * or a comma-separated list of origins
//	architecture   arm64     arm64 or x86_64
//	domainName     none      the website's own domain name
//	certificateArn none      its certificate in AWS Certificate Manager, in us-east-1
//	alarmTopic     none      the ARN of an SNS topic that alarms are sent to
//	webAclArn      none      the ARN of a web ACL of AWS WAF for CloudFront
//
//	reservedConcurrency  none  executions at once of each function, 1 to 1000
//
// The defaults are the public demo's. Those marked * hold for the stage "demo"
// alone: any other stage is taken to matter, and defaults to no faults, to no
// writes but its own, and to keeping its data.
type Settings struct {
	// Stage names the deployment. It is part of the stack's name, so that
	// stages live side by side in one account.
	Stage string

	// Window is how long an idempotency key is remembered, in whole hours.
	Window time.Duration

	// ThrottleRate is the requests per second that the API admits in the long
	// run, ThrottleBurst how many it admits at once. The rest are answered 429.
	ThrottleRate, ThrottleBurst int

	// DemoFaults lets a caller ask for slow answers, crashes and lost
	// responses with the Demo-Fault header.
	DemoFaults bool

	// RecordCalls writes down what each call of an idempotent operation cost, for
	// the caller to see. It costs one more write per call.
	RecordCalls bool

	// Retain keeps tables, website and logs when the stack is deleted, and
	// protects the tables from deletion (removalPolicy "retain").
	Retain bool

	// CORSOrigins are the origins whose pages may call the API from a browser,
	// or "*" for all. The stack's own page needs none of them: it is of the
	// API's origin. There is no credential that the browser would add by
	// itself, so that "*" opens nothing that curl could not do.
	CORSOrigins []string

	// Architecture is the functions' processor, as Lambda calls it. What
	// `make build` builds is for arm64, which costs a fifth less.
	Architecture string

	// DomainName is the website's own domain name, and CertificateARN the
	// certificate for it, which CloudFront wants in us-east-1. Both or neither are
	// set. The DNS record that leads to the distribution is not the stack's.
	DomainName, CertificateARN string

	// AlarmTopic is the ARN of the SNS topic that is told of alarms. Empty: alarms
	// are only seen by who looks.
	AlarmTopic string

	// WebACL is the ARN of the web ACL that every request to the distribution has
	// to pass. Empty: none, the throttles alone bound what callers can spend.
	WebACL string

	// ReservedConcurrency is how many executions at once each function has for
	// itself and is limited to. Zero: the functions share the account's.
	ReservedConcurrency int
}

// The processors of [Settings.Architecture].
const (
	ARM64 = "arm64"
	X8664 = "x86_64"
)

const demoStage = "demo"

var (
	stageName      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
	domainName     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	certificateARN = regexp.MustCompile(`^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$`)
	webACLARN      = regexp.MustCompile(`^arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/[A-Za-z0-9_-]+/[0-9a-f-]+$`)
	topicARN       = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$`)
)

// ReadSettings reads the settings from CDK context: lookup returns the value
// of a context key, or nil where it is not set. The error names every value
// that is not acceptable, and what would be.
func ReadSettings(lookup func(key string) any) (Settings, error) {
	r := reader{lookup: lookup}

	stage := r.text("stage", demoStage, "a name of at most 20 lower-case letters, digits and hyphens, beginning with a letter", stageName.MatchString)
	demo := stage == demoStage
	removal := "retain"
	if demo {
		removal = "destroy"
	}
	settings := Settings{
		Stage:          stage,
		Window:         time.Duration(r.number("windowHours", 24, 1, 8760)) * time.Hour,
		ThrottleRate:   r.number("throttleRate", 100, 1, 10000),
		ThrottleBurst:  r.number("throttleBurst", 200, 1, 5000),
		DemoFaults:     r.boolean("demoFaults", demo),
		RecordCalls:    r.boolean("recordCalls", demo),
		Retain:         r.text("removalPolicy", removal, "destroy or retain", isRemovalPolicy) == "retain",
		CORSOrigins:    r.origins("corsOrigins", "*"),
		Architecture:   r.text("architecture", ARM64, "arm64 or x86_64", isArchitecture),
		DomainName:     r.text("domainName", "", "a domain name such as pay.example.com", domainName.MatchString),
		CertificateARN: r.text("certificateArn", "", "the ARN of a certificate in us-east-1", certificateARN.MatchString),
		AlarmTopic:     r.text("alarmTopic", "", "the ARN of an SNS topic", topicARN.MatchString),
		WebACL:         r.text("webAclArn", "", "the ARN of a web ACL for CloudFront", webACLARN.MatchString),

		ReservedConcurrency: r.number("reservedConcurrency", 0, 1, 1000),
	}
	if len(r.problems) == 0 && (settings.DomainName == "") != (settings.CertificateARN == "") {
		r.problems = append(r.problems, errors.New("context domainName and certificateArn: one is set without the other"))
	}
	return settings, errors.Join(r.problems...)
}

func isRemovalPolicy(s string) bool { return s == "destroy" || s == "retain" }
func isArchitecture(s string) bool  { return s == ARM64 || s == X8664 }

// reader reads context values and collects what is wrong with them. The
// command line gives every value as a string, cdk.json gives JSON values: both
// are accepted.
type reader struct {
	lookup   func(key string) any
	problems []error
}

func (r *reader) refuse(key string, value any, want string) {
	shown, err := json.Marshal(value)
	if err != nil {
		shown = fmt.Append(nil, value)
	}
	r.problems = append(r.problems, fmt.Errorf("context %s: %s is not %s", key, shown, want))
}

func (r *reader) text(key, fallback, want string, valid func(string) bool) string {
	value := r.lookup(key)
	if value == nil {
		return fallback
	}
	s, ok := value.(string)
	if !ok || !valid(s) {
		r.refuse(key, value, want)
		return fallback
	}
	return s
}

func (r *reader) number(key string, fallback, lowest, highest int) int {
	value := r.lookup(key)
	var n int
	switch v := value.(type) {
	case nil:
		return fallback
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			break
		}
		n = int(v)
	case string:
		n, _ = strconv.Atoi(v) // what is no number becomes 0, and is out of range
	}
	if n < lowest || n > highest {
		r.refuse(key, value, fmt.Sprintf("a whole number from %d to %d", lowest, highest))
		return fallback
	}
	return n
}

func (r *reader) boolean(key string, fallback bool) bool {
	switch value := r.lookup(key); value {
	case nil:
		return fallback
	case true, "true":
		return true
	case false, "false":
		return false
	default:
		r.refuse(key, value, "true or false")
		return fallback
	}
}

func (r *reader) origins(key string, fallback ...string) []string {
	const want = "* or origins such as https://example.com, separated by commas"
	value := r.lookup(key)
	var origins []string
	switch v := value.(type) {
	case nil:
		return fallback
	case string:
		for origin := range strings.SplitSeq(v, ",") {
			origins = append(origins, strings.TrimSpace(origin))
		}
	case []any:
		for _, element := range v {
			origin, _ := element.(string)
			origins = append(origins, origin)
		}
	}
	everyone := slices.Equal(origins, []string{"*"})
	if len(origins) == 0 || (!everyone && slices.ContainsFunc(origins, isNotOrigin)) {
		r.refuse(key, value, want)
		return fallback
	}
	return origins
}

// isNotOrigin reports whether s is anything but scheme://host[:port], the only
// form that a browser sends.
func isNotOrigin(s string) bool {
	u, err := url.Parse(s)
	return err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || s != u.Scheme+"://"+u.Host
}
