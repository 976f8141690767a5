// Package fault causes the failures that the demo shows how to survive. A
// request asks for one in its Demo-Fault header:
//
//	slow=1500ms           wait before the effect, at most 8s
//	crash-before-effect   end the process just before the effect
//	crash-after-effect    end the process just after the effect
//	drop-response         do everything, then end the process instead of answering
//
// Where effect and record are one transaction, the effect happens at its commit:
// the last two are the same there.
//
// Anyone who can send a header can end a process this way, so an [Injector] is
// inert unless it is enabled. Operations mark the place of their effect with
// [BeforeEffect] and [AfterEffect].
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/problem"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
)

// Header is the request header that asks for a fault.
const Header = "Demo-Fault"

// MaxDelay is the longest delay that can be asked for. It ends before the
// function's own time does.
const MaxDelay = 8 * time.Second

// Config configures an [Injector].
type Config struct {
	// Enabled says whether requests may ask for faults. Default false: the
	// header is ignored.
	Enabled bool
	// Exit ends the process and does not return, as [os.Exit]. Required where
	// Enabled.
	Exit func(code int)
}

// Injector causes the faults that requests ask for. Make one with [New].
type Injector struct{ cfg Config }

// New returns an injector, or an error that says what is wrong with cfg.
func New(cfg Config) (*Injector, error) {
	if cfg.Enabled && cfg.Exit == nil {
		return nil, errors.New("fault: Config.Exit is missing")
	}
	return &Injector{cfg}, nil
}

// Middleware wraps everything that answers a request.
func (i *Injector) Middleware(next http.Handler) http.Handler {
	if !i.cfg.Enabled {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := r.Header.Values(Header)
		if len(values) == 0 {
			next.ServeHTTP(w, r)
			return
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
		p.exit = i.cfg.Exit
		p.delayed = new(atomic.Bool)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), planKey{}, p)))
		if p.dropResponse {
			p.exit(1)
		}
	})
}

// BeforeEffect is called where nothing irrevocable has happened yet. It returns
// an error only if ctx ends during a delay. An operation that starts over, as one
// that plans its effects does when a plan is refused, is delayed once.
func BeforeEffect(ctx context.Context) error {
	p := planOf(ctx)
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
	if p := planOf(ctx); p.crashAfter {
		p.exit(1)
	}
}

// plan is what a request asks for.
type plan struct {
	delay        time.Duration
	delayed      *atomic.Bool
	crashBefore  bool
	crashAfter   bool
	dropResponse bool
	exit         func(code int)
}

type planKey struct{}

func planOf(ctx context.Context) plan {
	p, _ := ctx.Value(planKey{}).(plan)
	return p
}

func parse(text string) (plan, error) {
	name, argument, hasArgument := strings.Cut(strings.TrimSpace(text), "=")
	if name == "slow" {
		delay, err := time.ParseDuration(argument)
		if err != nil || delay <= 0 || delay > MaxDelay {
			return plan{}, fmt.Errorf("slow wants a duration of at most %v, as in slow=1500ms", MaxDelay)
		}
		return plan{delay: delay}, nil
	}
	if !hasArgument {
		switch name {
		case "crash-before-effect":
			return plan{crashBefore: true}, nil
		case "crash-after-effect":
			return plan{crashAfter: true}, nil
		case "drop-response":
			return plan{dropResponse: true}, nil
		}
	}
	return plan{}, errors.New("want one of slow=<duration>, crash-before-effect, crash-after-effect, drop-response")
}
