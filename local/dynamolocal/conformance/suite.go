package conformance

import (
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The targets that cases speak of by name.
const (
	// Embedded is the engine of package dynamolocal.
	Embedded = "dynamolocal"
	// Moto is the server of the Python package moto, at the version that requirements.txt pins.
	Moto = "moto"
	// Endpoint is anything else; nothing is known to be wrong with it.
	Endpoint = "endpoint"
)

// Target is an implementation of DynamoDB to hold to the contract.
type Target struct {
	// Name says which implementation this is: [Embedded], [Moto] or [Endpoint]. It selects the deviations that the
	// cases list, and nothing else.
	Name string
	// Client speaks to the implementation. The suite turns retries off, because a retry would hide a refusal, and
	// changes nothing else. Its credentials must allow tables to be created and deleted.
	Client *dynamodb.Client
}

// Run holds the target to the whole contract. Each subject is a subtest with tables of its own, whose names nobody else
// uses; they are deleted when it ends. Subjects and cases run in parallel. The tally that it returns is complete when the
// test has ended.
func Run(t *testing.T, target Target) *Tally {
	t.Helper()
	tally := new(Tally)
	if target.Client == nil {
		t.Fatal("conformance: Target.Client is nil: give it a *dynamodb.Client")
	}
	db := dynamodb.New(target.Client.Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(&probe{T: t, db: db, target: target.Name, subject: s.name, tally: tally})
		})
	}
	return tally
}

// subject is a part of the contract: the cases of one file, or some of them.
type subject struct {
	name string
	run  func(p *probe)
}

// wrong gives the reason, by the name of the target, why that target is known to fail a case. Where a case is tried with
// several operations, "target/operation" stands for one of them.
type wrong map[string]string

// of returns what is known of a case tried with the operation.
func (w wrong) of(operation string) wrong {
	only := wrong{}
	for name, reason := range w {
		target, tried, some := strings.Cut(name, "/")
		if !some || tried == operation {
			only[target] = reason
		}
	}
	return only
}

// What targets do instead of what they should, where that is enough of a reason.
const (
	accepts = "it accepts what DynamoDB refuses"
	crashes = "it answers 500, because an exception escapes it"
	rewords = "it refuses, but with a message of its own"
)

// probe is the test of one case, or of the subject around it. Unlike a testing.T it can be told that its target is known
// to fail: then it collects what it would have failed with.
type probe struct {
	*testing.T
	db     *dynamodb.Client
	target string
	reason string // why the target is known to fail; empty if it must pass
	// subject and tally are where the outcome is counted.
	subject string
	tally   *Tally

	mu         sync.Mutex
	complained bool
}

// check runs a case as a parallel subtest. A case that the target is known to fail has to fail.
func (p *probe) check(name string, known wrong, body func(p *probe)) {
	p.Run(name, func(t *testing.T) {
		t.Parallel()
		q := &probe{T: t, db: p.db, target: p.target, reason: known[p.target], subject: p.subject, tally: p.tally}
		defer func() { p.tally.count(p.subject, q.reason == "" && !t.Failed()) }()
		if q.reason == "" {
			body(q)
			return
		}
		if !q.complains(body) {
			t.Errorf("%s is listed as wrong here (%s), but it passed: remove the entry from the case", p.target, q.reason)
			return
		}
		t.Logf("%s is known to be wrong here: %s", p.target, q.reason)
	})
}
