package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// through is what the whole local stack did.
type through struct {
	rate     float64 // requests per second asked for
	answered int
	seconds  float64
	p50, p99 series
}

const (
	stackRate = 200
	stackKeys = 50
)

// localStack runs the whole stack in processes of its own and repeats requests
// that it has answered: through gateway, function and database. The template is
// the deployed one, but for the throttles that would refuse such a rate.
func (b *bench) localStack(ctx context.Context) error {
	// Stopped the way a person stops it, so that it stops its functions.
	command := exec.CommandContext(ctx, filepath.Join(b.root, "build/bin/local"), "--port", "0", "--site", "", "--unthrottled", "--log-level", "error")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Dir = b.root
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	address := ""
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://") {
			address = strings.TrimSpace(lines.Text())
		}
	}
	if address == "" {
		return fmt.Errorf("the local stack did not start")
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()

	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	keys := make([]string, stackKeys)
	for i := range keys {
		keys[i] = uuid.NewString()
		if err := pay(ctx, client, address, keys[i], false); err != nil {
			return err
		}
	}
	b.results.stack.rate = stackRate
	for round := range b.rounds {
		b.progress("the local stack: round %d of %d", round+1, b.rounds)
		took, seconds, err := atRate(ctx, stackRate, time.Duration(b.stackSeconds)*time.Second, func(i int) error {
			return pay(ctx, client, address, keys[i%len(keys)], true)
		})
		if err != nil {
			return err
		}
		s := &b.results.stack
		s.answered += len(took)
		s.seconds += seconds
		s.p50 = append(s.p50, float64(measure.Percentile(took, 50)))
		s.p99 = append(s.p99, float64(measure.Percentile(took, 99)))
	}
	return nil
}

// atRate calls operate at a steady rate, whether or not earlier calls have
// returned. A call counts from when it was due: one that waits for those before
// it has waited.
func atRate(ctx context.Context, rate int, duration time.Duration, operate func(i int) error) ([]int64, float64, error) {
	n := int(duration.Seconds() * float64(rate))
	took, errs := make([]int64, n), make([]error, n)
	var group sync.WaitGroup
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
		group.Go(func() {
			errs[i] = operate(i)
			took[i] = int64(time.Since(due))
		})
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	for _, err := range errs {
		if err != nil {
			return nil, 0, err
		}
	}
	slices.Sort(took)
	return took, seconds, nil
}

func pay(ctx context.Context, client *http.Client, address, key string, again bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+"/api/payments",
		bytes.NewReader([]byte(`{"amount":1250,"currency":"EUR","description":"coffee"}`)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Demo-Session", "5b1f8f0c-7f0a-4c7e-9d5e-0c6e6a1d2f3b")
	r.Header.Set("Idempotency-Key", key)
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if replayed := response.Header.Get("Idempotent-Replayed") == "true"; response.StatusCode != http.StatusCreated || replayed != again {
		return fmt.Errorf("a payment was answered with %s, replayed %v: %s", response.Status, replayed, body)
	}
	return nil
}
