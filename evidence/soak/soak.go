package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// newClient returns a client that keeps as many connections as there may be
// visitors.
func newClient() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
}

// capacity returns how many requests a second the stack answers, at the best number
// of visitors, each of whom comes again as soon as it has left.
func capacity(ctx context.Context, address string, duration time.Duration, say func(string, ...any)) (best float64, err error) {
	client := newClient()
	defer client.CloseIdleConnections()
	for visitors := 1; visitors <= 16; visitors *= 2 {
		var (
			group    sync.WaitGroup
			mu       sync.Mutex
			requests int
			wrong    []error
		)
		start := time.Now()
		for range visitors {
			group.Go(func() {
				for time.Since(start) < duration && ctx.Err() == nil {
					v := newVisitor(address, client)
					errs := v.visit(ctx, "")
					mu.Lock()
					requests, wrong = requests+v.sent, append(wrong, errs...)
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if len(wrong) > 0 {
			return 0, wrong[0]
		}
		rate := float64(requests) / time.Since(start).Seconds()
		say("%d at a time: %.0f requests a second", visitors, rate)
		best = max(best, rate)
	}
	return best, nil
}

// soak is one run, and what it has seen.
type soak struct {
	stack    *stack
	bears    float64 // requests per second, 0 if that was not measured
	rate     float64 // requests per second
	duration time.Duration
	crashes  time.Duration // between two of them
	say      func(string, ...any)

	began time.Time
	mu    sync.Mutex
	// first and replay hold the milliseconds of the current window, and what the
	// windows before it came to.
	first, replay latencies
	stackMemory   []sample
	functions     []sample // for each process: there are as many as were busy at once
	processes     int
	counts
}

// counts are what was done and what was wrong with it.
type counts struct {
	visitors, keys, requests, crashed int
	wrong                             []error
}

// latencies are those of one kind of request.
type latencies struct {
	window   []float64
	p50, p99 []sample
}

// close ends the window.
func (l *latencies) close(at time.Duration) {
	if len(l.window) > 0 {
		l.p50 = append(l.p50, sample{at, percentile(l.window, 50)})
		l.p99 = append(l.p99, sample{at, percentile(l.window, 99)})
	}
	l.window = nil
}

const (
	memoryEvery  = 5 * time.Second
	windowEvery  = 10 * time.Second
	progressEach = time.Minute
)

// run lets visitors come at a steady rate, whether or not earlier ones have left.
func (s *soak) run(ctx context.Context) error {
	client := newClient()
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.began = time.Now()
	watched := make(chan error, 1)
	go func() { watched <- s.watch(ctx) }()

	var group sync.WaitGroup
	every := time.Duration(requestsOfAVisit / s.rate * float64(time.Second))
	var lastCrash time.Time
	for i := 0; ; i++ {
		due := time.Duration(i) * every
		if due >= s.duration {
			break
		}
		select {
		case <-time.After(time.Until(s.began.Add(due))):
		case err := <-watched:
			cancel()
			group.Wait()
			return err
		case <-ctx.Done():
			group.Wait()
			return ctx.Err()
		}
		fault := ""
		if s.crashes > 0 && time.Since(lastCrash) >= s.crashes {
			fault, lastCrash = "crash-after-effect", time.Now()
		}
		group.Go(func() { s.visit(ctx, client, fault) })
	}
	group.Wait()
	cancel()
	return <-watched
}

func (s *soak) visit(ctx context.Context, client *http.Client, fault string) {
	v := newVisitor(s.stack.address, client)
	v.measured = func(replay bool, milliseconds float64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		l := &s.first
		if replay {
			l = &s.replay
		}
		l.window = append(l.window, milliseconds)
	}
	wrong := v.visit(ctx, fault)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visitors++
	s.keys += intents
	s.requests += v.sent
	if fault != "" {
		s.crashed++
	}
	for _, err := range wrong {
		s.wrong = append(s.wrong, err)
		if len(s.wrong) <= 10 {
			s.say("WRONG: %v", err)
		}
	}
}

// watch samples memory and latency until ctx ends.
func (s *soak) watch(ctx context.Context) error {
	memory, window, progress := time.NewTicker(memoryEvery), time.NewTicker(windowEvery), time.NewTicker(progressEach)
	defer memory.Stop()
	defer window.Stop()
	defer progress.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-memory.C:
			m, err := s.stack.memory(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			at := time.Since(s.began)
			s.mu.Lock()
			s.stackMemory = append(s.stackMemory, sample{at, m.stack})
			if s.processes = m.processes; m.processes > 0 {
				s.functions = append(s.functions, sample{at, m.functions / float64(m.processes)})
			}
			s.mu.Unlock()
		case <-window.C:
			at := time.Since(s.began)
			s.mu.Lock()
			s.first.close(at)
			s.replay.close(at)
			s.mu.Unlock()
		case <-progress.C:
			s.progress()
		}
	}
}

// progress tells of the last minute.
func (s *soak) progress() {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := time.Since(s.began) - progressEach
	last := func(samples []sample) float64 { return median(valuesOf(after(samples, from))) }
	s.say("%d requests, %d crashes, %d wrong; first call %.1f ms (p99 %.1f), replay %.1f ms (p99 %.1f); stack %.1f MB, functions %.1f MB in each of %d processes",
		s.requests, s.crashed, len(s.wrong), last(s.first.p50), last(s.first.p99), last(s.replay.p50), last(s.replay.p99),
		last(s.stackMemory)/1e6, last(s.functions)/1e6, s.processes)
}
