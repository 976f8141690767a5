// Command client is the Go side of what is measured, in a process of its own: it
// carries out the tasks it reads from standard input (package measure).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

func main() {
	file := flag.String("cpuprofile", "", "write a profile of all tasks to this `file`, for go tool pprof")
	flag.Parse()
	if *file != "" {
		f, err := os.Create(*file)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, tasks io.Reader, results io.Writer) error {
	decoder, encoder := json.NewDecoder(tasks), json.NewEncoder(results)
	for {
		var task measure.Task
		if err := decoder.Decode(&task); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		result, err := perform(ctx, task)
		if err != nil {
			result.Error = fmt.Sprintf("%s %s: %v", task.Subject, task.Path, err)
		}
		if err := encoder.Encode(result); err != nil {
			return err
		}
	}
}

// operation is done over and over; i is different every time.
type operation func(ctx context.Context, i int) error

// perform prepares a task, warms up, and measures.
func perform(ctx context.Context, task measure.Task) (measure.Result, error) {
	if task.Subject == "cache" {
		return fillCache(ctx, task)
	}
	operate, err := prepare(ctx, task)
	if err != nil {
		return measure.Result{}, err
	}
	run := func(part, base int) ([]int64, error) {
		once := func(i int) error { return operate(ctx, base+i) }
		if task.Operations > 0 {
			return measure.Count(max(task.Operations/part, 1), once)
		}
		return measure.Repeat(task.Concurrency, time.Duration(task.Milliseconds/part)*time.Millisecond, once)
	}
	warm, err := run(4, 0)
	if err != nil {
		return measure.Result{}, err
	}
	runtime.GC()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	took, err := run(1, 1<<30)
	wall := time.Since(start)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return measure.Result{}, err
	}
	n := float64(max(len(took), 1)) // none is an error of its own
	return measure.Result{
		Operations: len(took),
		Calls:      len(warm) + len(took),
		Wall:       int64(wall),
		CPU:        int64(cpu),
		P50:        measure.Percentile(took, 50),
		P99:        measure.Percentile(took, 99),
		// What measuring itself allocates is a few objects for all of them.
		Allocations: float64(after.Mallocs-before.Mallocs) / n,
		Bytes:       (float64(after.TotalAlloc-before.TotalAlloc) - 8*(1<<18) - 8*n) / n,
	}, nil
}

// cpuTime is what this process has used, user and system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// prepare returns the operation that a task is about.
func prepare(ctx context.Context, task measure.Task) (operation, error) {
	switch task.Subject {
	case "ours", "ours-tuned":
		if batchWork[task.Path] != nil {
			return prepareBatch(task, newClient(task, false))
		}
		return prepareOurs(ctx, task, newClient(task, task.Subject == "ours-tuned"))
	case "sdk", "sdk-tuned":
		return prepareSDK(ctx, task, newClient(task, task.Subject == "sdk-tuned"))
	case "http":
		return prepareHTTP(ctx, task)
	case "middleware", "sealed", "fiber", "by-hand", "valkey", "valkey-by-hand", "postgres", "postgres-by-hand":
		return prepareMiddleware(task)
	}
	return nil, fmt.Errorf("the subject %q is unknown", task.Subject)
}
