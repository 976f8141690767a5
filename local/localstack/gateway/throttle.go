package gateway

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// Throttle is a limit on requests: a token bucket.
type Throttle struct {
	// Rate is how many requests per second are let through in the long run.
	Rate float64
	// Burst is how many may come at once.
	Burst int
}

type limiter struct{ bucket *rate.Limiter } // nil bucket: no limit

func newLimiter(t Throttle) (*limiter, error) {
	if t == (Throttle{}) {
		return &limiter{}, nil
	}
	if t.Rate < 0 || t.Burst < 0 {
		return nil, fmt.Errorf("the throttle of %v per second and bursts of %d is negative", t.Rate, t.Burst)
	}
	return &limiter{rate.NewLimiter(rate.Limit(t.Rate), t.Burst)}, nil
}

func (l *limiter) allow(now time.Time) bool {
	return l.bucket == nil || l.bucket.AllowN(now, 1)
}
