// Package fault causes the failures that the demo shows how to survive. A
// request asks for them in its Demo-Fault header, separated by commas:
//
//	slow=1500ms           wait before the effect, at most 4s
//	crash-before-effect   end the process just before the effect
//	crash-after-effect    end the process just after the effect, the first if there are several
//	crash-between-effects end the process when the first effect is recorded; of payments with a receipt alone
//	drop-response         do everything, then end the process instead of answering
//	short-window          remember the key for [ShortWindow] only; of orders alone
//
// Where effect and record are one transaction, the effect happens at its commit:
// the last two are the same there.
//
// Anyone who can send a header can end a process this way, so an [Injector] is
// inert unless it is enabled, acts on requests only whose session, input and key
// were accepted, and causes only so many faults a minute. Operations mark the
// place of their effects with [BeforeEffect], [AfterEffect] and [BetweenEffects], and
// choose their guard by [WantsShortWindow].
package fault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Header is the request header that asks for a fault.
const Header = "Demo-Fault"

// MaxDelay is the longest delay that can be asked for. It ends before the
// function's own time does, and is paid for.
const MaxDelay = 4 * time.Second

// How many faults a minute are caused for one session, and for all of them.
const (
	PerSession = 10
	ForAll     = 30
)

// ShortWindow is how long a key is remembered that was asked to be forgotten
// soon: short enough to be waited for.
const ShortWindow = 5 * time.Second

// Config configures an [Injector].
type Config struct {
	// Enabled says whether requests may ask for faults. Default false: the
	// header is ignored.
	Enabled bool
	// Exit ends the process and does not return, as [os.Exit]. Required if
	// Enabled.
	Exit func(code int)
	// Counter counts the faults of a minute; a *[datatable.Table] does, for all
	// processes. Default nil: there is no limit.
	Counter Counter
	// Logger is told of a counter that cannot be reached. Required with Counter.
	Logger *slog.Logger
}

// Counter counts things by name.
type Counter interface {
	// Count counts one more and reports whether it is within the limit of the
	// period.
	Count(ctx context.Context, name string, limit int, period time.Duration) (within bool, err error)
}

// Injector causes the faults that requests ask for. Make one with [New].
type Injector struct{ cfg Config }

// New returns an injector, or an error that says what is wrong with cfg.
func New(cfg Config) (*Injector, error) {
	if cfg.Enabled && cfg.Exit == nil {
		return nil, errors.New("fault: Config.Exit is missing")
	}
	if cfg.Counter != nil && cfg.Logger == nil {
		return nil, errors.New("fault: Config.Logger is missing")
	}
	return &Injector{cfg}, nil
}

// Middleware wraps what answers a request whose session and input were accepted,
// the idempotency middleware included. Its context has to carry the session.
func (i *Injector) Middleware(next http.Handler) http.Handler { return i.middleware(next, true) }

// Unkeyed is [Injector.Middleware] for operations that take no idempotency key.
func (i *Injector) Unkeyed(next http.Handler) http.Handler { return i.middleware(next, false) }

func (i *Injector) middleware(next http.Handler, keyed bool) http.Handler {
	if !i.cfg.Enabled {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := r.Header.Values(Header)
		if len(values) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if keyed {
			if _, err := idemhttp.ParseKey(r.Header); err != nil {
				next.ServeHTTP(w, r) // which refuses the key
				return
			}
		}
		p, err := parse(strings.Join(values, ","))
		if err != nil {
			problem.Write(w, &problem.Problem{
				Type:   problemtype.FaultMalformed,
				Title:  "The fault is unknown",
				Status: http.StatusBadRequest,
				Detail: "Demo-Fault: " + err.Error() + ".",
			})
			return
		}
		if refusal := i.count(r.Context()); refusal != nil {
			problem.Write(w, refusal)
			return
		}
		o := ordered{p, new(atomic.Bool), i.cfg.Exit}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), orderKey{}, o)))
		if o.dropResponse {
			o.exit(1)
		}
	})
}

// count counts a fault for its session and for all, and returns why it is not
// caused if there were too many.
func (i *Injector) count(ctx context.Context) *problem.Problem {
	if i.cfg.Counter == nil {
		return nil
	}
	caller, ok := session.FromContext(ctx)
	if !ok {
		caller = "nobody"
	}
	for _, limit := range []struct {
		name   string
		faults int
	}{{"faults#" + string(caller), PerSession}, {"faults", ForAll}} {
		within, err := i.cfg.Counter.Count(ctx, limit.name, limit.faults, time.Minute)
		if err != nil {
			i.cfg.Logger.ErrorContext(ctx, "faults cannot be counted", "error", err.Error())
			return &problem.Problem{
				Type:   idemhttp.TypeStoreUnavailable,
				Title:  "The service is temporarily unavailable",
				Status: http.StatusServiceUnavailable,
				Detail: "Nothing was carried out. Send the same request again.",
				Header: http.Header{"Retry-After": {"1"}},
			}
		}
		if !within {
			return &problem.Problem{
				Type:   problemtype.TooManyFaults,
				Title:  "Too many faults",
				Status: http.StatusTooManyRequests,
				Detail: fmt.Sprintf("Nothing was carried out. %d faults a minute can be asked for in one session, and %d in all.", PerSession, ForAll),
				Header: http.Header{"Retry-After": {"60"}},
			}
		}
	}
	return nil
}

// BeforeEffect is called where nothing irrevocable has happened yet. It returns
// an error only if ctx ends during a delay. An operation that starts over, as one
// that plans its effects does when a plan is refused, is delayed once.
func BeforeEffect(ctx context.Context) error {
	p := orderOf(ctx)
	if p.crashBefore {
		p.exit(1)
	}
	if p.delay == 0 || p.delayed.Swap(true) {
		return nil
	}
	timer := time.NewTimer(p.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// AfterEffect is called once the effect has happened.
func AfterEffect(ctx context.Context) {
	if p := orderOf(ctx); p.crashAfter {
		p.exit(1)
	}
}

// BetweenEffects is called between two effects, when the first is recorded.
func BetweenEffects(ctx context.Context) {
	if p := orderOf(ctx); p.crashBetween {
		p.exit(1)
	}
}

// WantsShortWindow reports whether the request asks for its key to be forgotten
// soon.
func WantsShortWindow(ctx context.Context) bool { return orderOf(ctx).shortWindow }

// plan is what a request asks for.
type plan struct {
	delay        time.Duration
	crashBefore  bool
	crashAfter   bool
	crashBetween bool
	dropResponse bool
	shortWindow  bool
}

// ordered is a plan that is being carried out.
type ordered struct {
	plan
	delayed *atomic.Bool
	exit    func(code int)
}

type orderKey struct{}

func orderOf(ctx context.Context) ordered {
	o, _ := ctx.Value(orderKey{}).(ordered)
	return o
}

// parse reads a list of different faults.
func parse(text string) (plan, error) {
	var p plan
	for item := range strings.SplitSeq(text, ",") {
		before := p
		if err := p.add(strings.TrimSpace(item)); err != nil {
			return plan{}, err
		}
		if p == before {
			return plan{}, fmt.Errorf("%s is there twice", strings.TrimSpace(item))
		}
	}
	return p, nil
}

func (p *plan) add(item string) error {
	name, argument, hasArgument := strings.Cut(item, "=")
	switch {
	case name == "slow":
		delay, err := time.ParseDuration(argument)
		if err != nil || delay <= 0 || delay > MaxDelay {
			return fmt.Errorf("slow wants a duration of at most %v, as in slow=1500ms", MaxDelay)
		}
		p.delay = delay
	case hasArgument:
		return errUnknown
	case name == "crash-before-effect":
		p.crashBefore = true
	case name == "crash-after-effect":
		p.crashAfter = true
	case name == "crash-between-effects":
		p.crashBetween = true
	case name == "drop-response":
		p.dropResponse = true
	case name == "short-window":
		p.shortWindow = true
	default:
		return errUnknown
	}
	return nil
}

var errUnknown = errors.New("want slow=<duration>, crash-before-effect, crash-after-effect, crash-between-effects, drop-response, short-window, or several of them")
