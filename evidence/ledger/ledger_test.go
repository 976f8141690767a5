package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

const (
	lease  = time.Minute
	window = 24 * time.Hour
)

// script is a book that is written as a script says.
type script struct {
	*ledger.Book
	calls   map[string]*ledger.Call // by their names
	records map[string]ledger.State // by key
	effects map[string]string       // by call: what it has paid
	told    string                  // what was last told of an effect
}

// play writes what a script says into a book. It consists of parts, separated by
// semicolons, that say who does what:
//
//	a: asks claims executes pays completes answers; b: asks loads replays
//
// A verb with a question mark is a request whose reply is lost.
func play(t *testing.T, watched bool, text string) (b *ledger.Book) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{ledger.New(watched), map[string]*ledger.Call{}, map[string]ledger.State{}, map[string]string{}, ""}
		for part := range strings.SplitSeq(text, ";") {
			who, verbs, _ := strings.Cut(strings.TrimSpace(part), ":")
			for _, verb := range strings.Fields(verbs) {
				time.Sleep(time.Millisecond)
				s.do(t, who, verb)
			}
		}
		b = s.Book
	})
	return b
}

func (s *script) do(t *testing.T, who, verb string) {
	c := s.calls[who]
	var x *ledger.Execution
	if c != nil && len(c.Executions) > 0 {
		x = c.Executions[len(c.Executions)-1]
	}
	verb, lost := strings.CutSuffix(verb, "?")
	asks := func(key, payload string, free ledger.Guarantee) {
		s.calls[who] = s.Open(ledger.Call{
			Name: who, Process: len(s.calls), Key: key, Payload: payload, For: key + " " + payload, Effects: []string{"charge"}, Free: free,
		}, window)
		s.calls[who].Token = who
	}
	request := func(after ledger.State) {
		if s.records[c.Key] = after; s.Watched {
			s.Request(ledger.Request{Call: c, Label: strings.TrimSuffix(verb, "s"), Token: who, After: after}).Replied = !lost
		}
	}
	record := func(status idempotency.Status, lease time.Duration) ledger.State {
		r := ledger.State{Status: status, Owner: who, Expires: s.Time(c.Began).Add(window).UnixMilli(), Steps: s.records[c.Key].Steps}
		if lease != 0 {
			r.Lease = time.Now().Add(lease).UnixMilli()
		}
		return r
	}
	says := func(answer ledger.Answer, data string) {
		s.Enter(func(now ledger.Moment) { c.Answer, c.Data, c.Ended = answer, data, now })
	}
	switch verb {
	case "asks":
		asks("k", "p", "")
	case "asks-q":
		asks("k", "q", "")
	case "asks-strangely":
		asks("l", "p", ledger.G6)
	case "asks-anew":
		asks("k", "p", ledger.G7)
	case "asks-for-two":
		asks("k", "p", "")
		c = s.calls[who]
		c.Effects = append(c.Effects, "receipt")
	case "claims":
		request(record(idempotency.InProgress, lease))
	case "shortens":
		request(record(idempotency.InProgress, time.Second))
	case "forgets-steps":
		r := record(idempotency.InProgress, lease)
		r.Steps = ""
		request(r)
	case "completes":
		c.Settlement, x.Finished = ledger.Recorded, s.Now()
		r := record(idempotency.Completed, 0)
		r.Steps = ""
		request(r)
	case "loads":
		request(s.records[c.Key])
	case "complete-refuseds": // meets the record of another
		verb = "completes"
		x.Finished = s.Now()
		request(s.records[c.Key])
	case "releases":
		request(ledger.State{})
	case "records-step":
		if r := record(idempotency.InProgress, lease); s.Watched {
			r.Steps = "charge"
			request(r)
			return
		}
		s.Step(ledger.Step{Name: "charge", Call: c, Recorded: true, Until: c.Expires})
	case "executes":
		x = &ledger.Execution{Token: who, Started: s.Now(), Finished: ledger.Never, LeaseOver: ledger.Never}
		c.Executions = append(c.Executions, x)
	case "runs-step":
		s.Step(ledger.Step{Name: "charge", Call: c})
	case "pays":
		s.effects[who] = fmt.Sprint(len(s.effects) + 1)
		s.Happen(ledger.Effect{ID: s.effects[who], Name: "charge", Call: c, Token: who})
		x.Result = string(ledger.Receipts(ledger.Receipt(s.effects[who], c.For)))
	case "pretends": // its effect does not happen
		x.Result = string(ledger.Receipts(ledger.Receipt("99", c.For)))
	case "lapses":
		x.LeaseOver = s.Now()
		c.Interrupted = true
	case "dies":
		c.Crashed, c.Interrupted = s.Now(), true
	case "answers":
		s.told = x.Result
		says(ledger.Executed, x.Result)
	case "replays":
		says(ledger.Replayed, s.told)
	case "replays-more":
		says(ledger.Replayed, s.told+"x")
	case "replays-late":
		c.Expires = c.Began
		says(ledger.Replayed, s.told)
	case "replays-damage":
		says(ledger.Replayed, "x")
	case "fails":
		c.Interrupted = true
		says(ledger.Failed, "")
	case "errs-strangely":
		says(ledger.Strange, "")
	case "is-unavailable":
		says(ledger.Unavailable, "")
	case "is-busy":
		says(ledger.InProgress, "")
	case "waits":
		time.Sleep(2 * lease)
	case "sleeps-in":
		time.Sleep(window)
	default:
		t.Fatalf("nobody knows how it %s", verb)
	}
}

// Each predicate has to be seen to object, and to leave alone what is as it should be.
func TestJudge(t *testing.T) {
	t.Parallel()
	leased := ledger.Promise{SkewHeld: true}
	skewed := ledger.Promise{}
	reconcile := ledger.Promise{SkewHeld: true, Recovery: idempotency.Reconcile}
	atomic := ledger.Promise{Mode: idempotency.Atomic}
	const first = "a: asks claims executes pays completes answers; "
	for _, c := range []struct {
		name    string
		promise ledger.Promise
		script  string
		want    string // what is broken, "" for nothing
	}{
		{"one effect and its replay", leased, first + "b: asks loads replays", ""},
		{"the next window", leased, first + "b: sleeps-in asks-anew claims executes pays completes answers", ""},
		{"an heir", reconcile, "a: asks claims executes dies; b: waits asks claims executes pays completes answers", ""},

		{"a response is replaced", leased, first + "b: asks claims executes pays completes answers", `G1: the recorded response was replaced or removed by "claim" of b`},
		{"a response is removed", leased, first + "b: asks releases is-busy", `G1: the recorded response was replaced or removed by "release" of b`},
		{"a replay of what is not on record", leased, "a: asks claims executes pays answers; b: asks loads replays", "G1: b was replayed"},
		{"a replay in other words", leased, first + "b: asks loads replays-more", "G1: b (replayed) was told"},
		{"a damaged replay", leased, first + "b: asks loads replays-damage", "G1: b was answered with damaged data"},
		{"a loser answers its own", reconcile, "a: asks claims executes pays lapses; b: waits asks claims executes pays completes answers; a: complete-refuseds answers", "G1: a answered its own result, although it could know that that of b is on record"},
		{"a loser that cannot know", reconcile, "a: asks claims executes lapses pays; b: waits asks claims executes pays completes answers; a: complete-refuseds? answers", ""},
		{"an execution that was refused", leased, "a: asks claims executes pays is-busy; b: asks claims executes completes", "G1: a executed and was told"},

		{"a lease is ended", leased, "a: asks claims; b: asks claims executes completes", `G2: the running lease of another owner was ended by "claim" of b`},
		{"a lease is shortened", leased, "a: asks claims shortens", `G2: the lease was shortened by "shorten" of a`},
		{"two leases at once", leased, "a: asks claims executes; b: asks executes", "G2: b began to execute while a held a lease"},
		{"one after the other", leased, "a: asks claims executes lapses; b: waits asks claims executes", ""},

		{"an effect was lost", leased, "a: asks claims executes pretends completes answers", "G3: a was told"},
		{"an effect again", leased, "a: asks claims executes pays; b: waits asks claims executes pays", "G3: the effect of a happened again in b"},
		{"an effect again after a crash", leased, "a: asks claims executes pays dies; b: waits asks claims executes pays", "G4: 2 effects"},
		{"one of two effects again", leased, "a: asks-for-two claims executes pays dies; b: waits asks-for-two claims executes pays", "G4: 2 effects of the step charge"},
		{"an effect again after a crash and the record", leased, "a: asks claims executes pays completes dies; b: waits asks claims executes pays", "G3: the effect of a happened again in b"},
		{"an effect again after a crash and the step", leased, "a: asks claims executes pays records-step dies; b: waits asks claims executes pays", "G3: the effect of a happened again in b"},

		{"an effect again beside one after its lease", reconcile, "a: asks claims executes lapses pays; b: waits asks claims executes pays", ""},
		{"with clocks that differ", skewed, "a: asks claims executes pays; b: waits asks claims executes pays", "G4: 2 effects"},
		{"an effect without a record", atomic, "a: asks executes pays", "G4: the effect 1 exists without a record"},

		{"an execution without a claim", leased, "a: asks executes", "G5: a executed without a claim that it knew to have succeeded"},
		{"an execution whose claim was not answered", leased, "a: asks claims? executes", "G5: a executed without a claim that it knew to have succeeded"},
		{"an answer without the store", leased, first + "b: asks loads? replays", `G5: b answered "replayed" without having heard of the store`},

		{"another payload's effect", leased, first + "b: asks-q loads replays", `G6: b asked for k q and was given "receipt 1 for k p"`},
		{"another key's refusal", leased, first + "b: asks-strangely loads replays", "G6: b of l p was answered"},

		{"a record past its window", leased, first + "b: asks; b: sleeps-in loads; c: asks loads replays", "G7: c was replayed a record past its window"},
		{"a refusal past the window", leased, first + "b: sleeps-in asks-anew loads replays", "G7: b of k p was answered"},

		{"a step again", leased, "a: asks claims executes runs-step records-step dies; b: waits asks claims executes runs-step", "G8: the step charge ran in b, although a had recorded it"},
		{"a step again, before its record", leased, "a: asks claims executes runs-step dies; b: waits asks claims executes runs-step records-step", ""},
		{"a step of a zombie", leased, "a: asks claims executes lapses; b: waits asks claims executes runs-step records-step; a: runs-step", ""},
		{"a step of a zombie under its lease", leased, "a: asks claims executes; b: waits asks claims executes runs-step records-step; a: runs-step", "G8: the step charge ran in a"},
		{"a step of a zombie, with clocks that differ", skewed, "a: asks claims executes; b: waits asks claims executes runs-step records-step; a: runs-step", ""},
		{"a step in the next window", leased, "a: asks claims executes runs-step records-step dies; b: sleeps-in asks claims executes runs-step", ""},
		{"steps are lost", leased, "a: asks claims executes runs-step records-step forgets-steps", `G8: steps were lost by "forgets-step" of a`},
		{"steps are removed", leased, "a: asks claims executes runs-step records-step releases", `G8: the record of recorded steps was deleted by "release" of a`},

		{"an error of no known kind", leased, "a: asks errs-strangely; " + strings.ReplaceAll(first, "a:", "b:"), "a final answer: a was given an undocumented error"},
		{"no answer in the end", leased, first + "b: asks loads is-busy", `a final answer: b is still told "in progress"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want(t, play(t, true, c.script), c.promise, c.want)
		})
	}
}

// A book that says nothing of the store is judged by what else it says.
func TestJudgeUnwatched(t *testing.T) {
	t.Parallel()
	leased := ledger.Promise{SkewHeld: true}
	const first = "a: asks executes pays completes answers; "
	for _, c := range []struct{ name, script, want string }{
		{"one effect and its replay", first + "b: asks replays", ""},
		{"two leases at once", "a: asks executes; b: asks executes", "G2"},
		{"an effect again", first + "b: asks executes pays", "G3"},
		{"an effect again after a crash", "a: asks executes pays dies; b: asks executes pays", "G4"},
		{"an execution without a store", "a: asks executes is-unavailable; " + strings.ReplaceAll(first, "a:", "b:"), "G5: a executed although its claim failed"},
		{"a replay past its window", first + "b: asks replays-late", "G7"},
		{"a step again", "a: asks executes runs-step records-step dies; b: asks executes runs-step", "G8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want(t, play(t, false, c.script), leased, c.want)
		})
	}
}

// want fails the test unless a book breaks what it says, and if that is nothing,
// nothing.
func want(t *testing.T, b *ledger.Book, p ledger.Promise, wanted string) {
	t.Helper()
	var all []string
	for _, v := range b.Judge(p) {
		all = append(all, v.String())
	}
	if got := strings.Join(all, "\n"); wanted == "" && got != "" || !strings.Contains(got, wanted) {
		t.Errorf("broken: %q, want %q", got, wanted)
	}
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		guarantee ledger.Guarantee
		promise   ledger.Promise
		included  bool
	}{
		{ledger.G2, ledger.Promise{}, true},
		{ledger.G2, ledger.Promise{Mode: idempotency.Atomic}, false},
		{ledger.G3, ledger.Promise{}, true},
		{ledger.G4, ledger.Promise{Recovery: idempotency.Reexecute}, false},
		{ledger.G4, ledger.Promise{Recovery: idempotency.Refuse}, true},
		{ledger.G4, ledger.Promise{Recovery: idempotency.Reconcile}, true},
		{ledger.G4, ledger.Promise{Mode: idempotency.Atomic}, true},
		{ledger.G4, ledger.Promise{Deduplicated: true}, true},
		{ledger.G8, ledger.Promise{Mode: idempotency.Atomic}, false},
	} {
		if got := c.promise.Includes(c.guarantee); got != c.included {
			t.Errorf("%+v includes %s: %v", c.promise, c.guarantee, got)
		}
	}
}
