package crash_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cockroachdb/datadriven"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
	"github.com/idempotent-requests/idempotent-requests/evidence/flawed"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// TestStories plays the stories: scripts that read from top to bottom, each with
// the outcome beside it. They use the processes, the faults, the stores and the
// oracle of the matrix. A story is played on a store in memory and, if it says
// nothing else, again on DynamoDB, with the same outcome.
//
//	go test ./evidence/crash -run Stories          play them
//	go test ./evidence/crash -run Stories -update  write down how they come out
func TestStories(t *testing.T) {
	if document.Updating() {
		if err := flag.Set("rewrite", "true"); err != nil { // the library's own flag
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob("stories/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	var shown faultsShown
	t.Run("on", func(t *testing.T) {
		for _, path := range paths {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
				t.Parallel()
				onlyHere := play(t, path, inMemory, &shown)
				if !onlyHere && !document.Updating() {
					play(t, path, bare, &shown)
				}
			})
		}
	})
	for f := killedBefore; f <= hungAfter; f++ {
		if !shown.has(f) {
			t.Errorf("no story shows what comes of a process or request that is %v a step", f)
		}
	}
}

// faultsShown collects the faults that stories show.
type faultsShown struct {
	mu   sync.Mutex
	seen map[fault]bool
}

func (s *faultsShown) add(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[fault]bool)
	}
	s.seen[f] = true
}

func (s *faultsShown) has(f fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[f]
}

// story is one that is being played.
type story struct {
	*world
	t        *testing.T
	store    storeKind
	shown    *faultsShown
	onlyHere bool          // it has chosen its store
	broken   bool          // its store is broken on purpose
	fast     time.Duration // how far the clock of the next process is ahead
	cast     map[string]*process
	close    func()

	mu   sync.Mutex
	told []string
}

// play plays a story in a bubble of its own, and reports whether it has chosen the
// store itself.
func play(t *testing.T, path string, store storeKind, shown *faultsShown) (onlyHere bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &story{t: t, store: store, shown: shown, cast: make(map[string]*process), close: func() {}}
		defer s.end()
		datadriven.RunTest(t, path, s.do)
		onlyHere = s.onlyHere
	})
	return onlyHere
}

// end lets everybody finish.
func (s *story) end() {
	for _, p := range s.cast {
		if _, still := p.stands(); still {
			p.move()
		}
		if p.done != nil {
			<-p.done
		}
	}
	s.close()
}

// do takes one step of the script, and returns what happened meanwhile.
func (s *story) do(t *testing.T, d *datadriven.TestData) string {
	if s.world == nil && d.Cmd != "guards" {
		d.Fatalf(t, "a story begins with guards")
	}
	switch d.Cmd {
	case "guards":
		return s.guards(t, d)
	case "call", "start":
		s.call(t, d)
	case "request":
		s.request(t, d)
	case "wait":
		time.Sleep(duration(t, d, d.CmdArgs[0].Key))
	case "thaw":
		s.named(t, d).move()
		<-s.named(t, d).done
	case "finish":
		<-s.named(t, d).done
	case "hang-up":
		p := s.named(t, d)
		p.tell("its caller hangs up")
		p.hangUp()
	case "verdict":
		return s.verdict(t)
	default:
		d.Fatalf(t, "nobody knows how to %s", d.Cmd)
	}
	synctest.Wait()
	return s.happened()
}

// guards says how the guards of all processes are configured:
//
//	guards [Refuse|Reconcile|Atomic] [steps=2] [broken=flaw] [without-old-items] [lease=1m] [skew=5s] [completion=5s] [wait=10s] [window=24h] [limit=bytes]
func (s *story) guards(t *testing.T, d *datadriven.TestData) string {
	s.world = &world{t: t, policy: reexecute, book: ledger.New(true), follow: s.tell}
	b := breakage{}
	cfg := idempotency.Config{Lease: idempotency.DefaultLease, Skew: idempotency.DefaultSkew}
	for _, arg := range d.CmdArgs {
		value := strings.Join(arg.Vals, "")
		switch arg.Key {
		case "Refuse":
			s.policy = refuse
		case "Reconcile":
			s.policy = reconcile
		case "Atomic":
			s.policy = atomicity
			s.store, s.onlyHere = bare, true
		case "without-old-items":
			b.client = func(c dynamostore.AtomicClient) dynamostore.AtomicClient { return withoutOldItems{c} }
			s.store, s.onlyHere = bare, true
		case "broken":
			b = lacking(flawed.Flaw(strings.ReplaceAll(value, "-", " ")))
			s.broken, s.onlyHere = true, true
		case "lease":
			cfg.Lease = duration(t, d, value)
		case "skew":
			if cfg.Skew = -1; value != "none" {
				cfg.Skew = duration(t, d, value)
			}
		case "completion":
			cfg.CompletionTimeout = duration(t, d, value)
		case "window":
			cfg.Window = duration(t, d, value)
		case "wait":
			s.path.wait = duration(t, d, value)
		case "steps":
			d.ScanArgs(t, "steps", &s.path.steps)
		case "limit":
			d.ScanArgs(t, "limit", &s.path.maxResult)
		default:
			d.Fatalf(t, "guards have no %s", arg.Key)
		}
	}
	s.window = cfg.Window
	s.world.configure = func(c *idempotency.Config) {
		c.Lease, c.Skew, c.CompletionTimeout, c.Window = cfg.Lease, cfg.Skew, cfg.CompletionTimeout, cfg.Window
		if fast := s.fast; fast != 0 {
			c.Clock = func() time.Time { return time.Now().Add(fast) }
		}
	}
	switch s.store {
	case inMemory:
		s.backend = newMemory(b)
	default:
		engine, err := dynamolocal.New(dynamolocal.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s.close = func() { _ = engine.Close() }
		s.backend = newDynamoDB(t, engine, dynamoDB{
			atomic: s.policy.mode == idempotency.Atomic, options: []dynamostore.Option{dynamostore.CompressAbove(-1)}, client: b.client,
		})
	}
	switch {
	case s.policy.mode == idempotency.Atomic:
		return "atomic mode: effects and record in one transaction"
	case s.broken:
		return fmt.Sprintf("policy %s, lease %v, skew %v; the store is broken on purpose", s.policy.name, cfg.Lease, max(cfg.Skew, 0))
	}
	return fmt.Sprintf("policy %s, lease %v, skew %v", s.policy.name, cfg.Lease, max(cfg.Skew, 0))
}

// withoutOldItems is an endpoint whose refusals bring no old item, such as DAX.
type withoutOldItems struct{ dynamostore.AtomicClient }

func (c withoutOldItems) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	out, err := c.AtomicClient.PutItem(ctx, in, options...)
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		refused.Item = nil
	}
	return out, err
}

// scripts are what an operation can do, by the name that stories call it by.
var scripts = map[string]script{
	"pays":               pay,
	"pays-slowly":        slowly,
	"discards":           discard,
	"fails":              failing(declines, false),
	"pays-and-fails":     failing(declines, true),
	"panics":             failing(panics, false),
	"pays-and-panics":    failing(panics, true),
	"gives-up-quietly":   silently,
	"fails-after-a-step": endingEarly(2, declining),
}

// call makes a process take a request. "call" waits for its end, or until it dies
// or stands still, and "start" does not:
//
//	call A [as=alice] [key=k1] [payload=10] [again] [operation=pays] [takes=10s] [deadline=10s]
//	       [clock=+5s] [retry] [scribbles] [killed|frozen|stalled|hung|cut-off before=|after=step]
//	       [not-delivered|reply-lost at=step]
func (s *story) call(t *testing.T, d *datadriven.TestData) {
	name, caller := d.CmdArgs[0].Key, alice
	r, run := request{payload: original}, s.operation()
	var takes time.Duration
	s.fast = 0
	var verb, token string
	var injections []injection
	again := false
	for _, arg := range d.CmdArgs[1:] {
		value := strings.Join(arg.Vals, "")
		switch arg.Key {
		case "as":
			caller = value
		case "key":
			token = value
		case "payload":
			r.payload = value
		case "operation":
			if run = scripts[value]; run == nil {
				d.Fatalf(t, "no operation %q", value)
			}
		case "takes":
			takes = duration(t, d, value)
		case "deadline":
			r.deadline = duration(t, d, value)
		case "clock":
			s.fast = duration(t, d, value)
		case "retry":
			r.hint = true
		case "scribbles":
			r.scribbles = true
		case "again":
			again = true
		case "before", "after", "at":
			for _, at := range arg.Vals {
				i := injectionOf(t, d, verb, arg.Key, at)
				injections = append(injections, i)
				s.shown.add(i.fault)
			}
		default:
			verb = arg.Key
		}
	}
	r.caller = caller
	p := s.cast[name]
	if p == nil {
		p = s.process(name, caller, injections...)
		s.cast[name] = p
	} else if !again {
		d.Fatalf(t, "%s has been called before; say again if that is meant", name)
	}
	if token != "" {
		p.key = keyOf(t, caller, token)
	}
	if takes > 0 {
		then := run
		run = taking(takes, then)
	}
	p.tell("asked by %s: %s", caller, r.payload)
	p.call(r, run)
	if d.Cmd == "start" {
		synctest.Wait()
		return
	}
	p.settle()
	if r.scribbles {
		p.tell("its caller writes over the response")
	}
	if why, still := p.stands(); still && (why == stalledBefore || why == stalledAfter) {
		time.Sleep(afterLease)
		p.move()
		<-p.done
	}
}

func injectionOf(t *testing.T, d *datadriven.TestData, verb, when, at string) injection {
	label, n := at, 1
	if i := strings.LastIndex(at, "#"); i >= 0 {
		label = at[:i]
		if _, err := fmt.Sscan(at[i+1:], &n); err != nil {
			d.Fatalf(t, "%s: %v", at, err)
		}
	}
	label = strings.ReplaceAll(label, "-", " ")
	text := strings.ReplaceAll(verb, "-", " ")
	if when != "at" {
		text += " " + when
	}
	for f := killedBefore; f <= hungAfter; f++ {
		if f.String() == text {
			return injection{point{label, n, !slices.Contains([]string{"effect", "plan", "reconcile", "answer"}, label)}, f}
		}
	}
	d.Fatalf(t, "no fault %q", text)
	return injection{}
}

func keyOf(t *testing.T, caller, token string) idempotency.Key {
	scope, err := idempotency.NewScope(caller)
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", token)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *story) named(t *testing.T, d *datadriven.TestData) *process {
	p := s.cast[d.CmdArgs[0].Key]
	if p == nil {
		d.Fatalf(t, "nobody is called %s", d.CmdArgs[0].Key)
	}
	return p
}

func duration(t *testing.T, d *datadriven.TestData, text string) time.Duration {
	value, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return value
}

// verdict is that of the oracle, with the effects and the record that there are in
// the end. A story must keep what is promised, unless its store is broken.
func (s *story) verdict(t *testing.T) string {
	var b strings.Builder
	for _, key := range s.book.Keys() {
		var receipts []string
		for _, e := range s.book.Effects(key) {
			receipts = append(receipts, ledger.Receipt(e.ID, e.Call.For))
		}
		fmt.Fprintf(&b, "on record: %s; effects: %d", s.state(s.book.Record(key), time.Now()), len(receipts))
		if len(receipts) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(receipts, ", "))
		}
		b.WriteString("\n")
	}
	kept := true
	for _, v := range s.book.Judge(s.policy.promise()) {
		switch {
		case v.Guarantee == ledger.Final: // the story may end before everybody has asked again
		case !s.policy.promise().Includes(v.Guarantee):
			fmt.Fprintf(&b, "not promised: %v\n", v)
		default:
			fmt.Fprintf(&b, "BROKEN %v\n", v)
			kept = false
		}
	}
	if kept {
		b.WriteString("every promise was kept\n")
	}
	if kept == s.broken {
		t.Errorf("promises kept: %v\n%s", kept, &b)
	}
	return b.String()
}

// tell notes what happened. Of what a process tries in vain again and again the
// first time is told.
func (s *story) tell(p *process, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf("%-2s  %s", p.name, what)
	if n := len(s.told); n > 0 && strings.HasSuffix(s.told[n-1], line) && strings.HasSuffix(what, "cannot be reached") {
		return
	}
	s.told = append(s.told, fmt.Sprintf("%5s  %s", clockFace(time.Now()), line))
}

func (s *story) happened() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := strings.Join(s.told, "\n")
	s.told = nil
	if told == "" {
		return "nothing happens"
	}
	return told
}

// clockFace is the time since the bubble began, in minutes and whole seconds: the
// milliseconds of pauses are drawn.
func clockFace(at time.Time) string {
	d := at.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// state is a record in words.
func (w *world) state(s ledger.State, at time.Time) (text string) {
	owner := "nobody"
	if c := w.owner(s.Owner); c != nil {
		owner = c.Name
	}
	switch {
	case s.Status == "":
		return "nothing"
	case s.Status == idempotency.Completed:
		text = "completed by " + owner
	case s.Lease <= 0:
		text = "interrupted, " + owner + " gave up"
	default:
		text = fmt.Sprintf("in progress by %s until %s", owner, clockFace(time.UnixMilli(s.Lease)))
	}
	if s.Steps != "" {
		text += ", with " + s.Steps
	}
	if !s.Live(at) {
		text += ", past its window"
	}
	return text
}

// tale is what happens to a process, or to its request, in words.
func (f fault) tale(at point) string {
	switch f {
	case killedBefore, killedAfter:
		return fmt.Sprintf("dies %s %v", strings.TrimPrefix(f.String(), "killed "), at)
	case frozenBefore, frozenAfter:
		return fmt.Sprintf("stands still %s %v", strings.TrimPrefix(f.String(), "frozen "), at)
	case stalledBefore, stalledAfter:
		return fmt.Sprintf("stands still %s %v, for longer than its lease", strings.TrimPrefix(f.String(), "stalled "), at)
	case cutOffBefore, cutOffAfter:
		return fmt.Sprintf("loses the store %s %v", strings.TrimPrefix(f.String(), "cut off "), at)
	case notDelivered:
		return fmt.Sprintf("%v: is not delivered", at)
	case replyLost:
		return fmt.Sprintf("%v: its reply is lost", at)
	case hungBefore:
		return fmt.Sprintf("%v hangs: it does not reach the store", at)
	}
	return fmt.Sprintf("%v hangs: its reply does not come", at)
}

// describe is a request in words.
func (w *world) describe(r *ledger.Request) string {
	at := w.book.Time(r.To)
	before, after := w.state(r.Before, at), w.state(r.After, at)
	switch {
	case r.Label == stepRead:
		return fmt.Sprintf("%s: finds %s", r.Label, after)
	case r.Before != r.After:
		return fmt.Sprintf("%s: %s -> %s", r.Label, before, after)
	case r.After.Owner == r.Token && r.Token != "":
		return fmt.Sprintf("%s: meets its own record, %s", r.Label, after)
	case r.After.Status == "":
		return fmt.Sprintf("%s: finds nothing", r.Label)
	}
	return fmt.Sprintf("%s: refused, %s", r.Label, after)
}
