// Command mutation breaks each guarded condition of the protocol in turn and
// shows which test catches it. It ends with an error if one survives.
//
//	go run ./evidence/mutation              all of them
//	go run ./evidence/mutation -run skew    those whose name contains "skew"
//	go run ./evidence/mutation -at fencing  those of the condition of that name
//
// A mutant is a change of the syntax of one source file, so that neither layout nor
// comments matter to it. Where the code names a condition, as in
//
//	if found && existing.Owner != completed.Owner { // condition: fencing
//
// mutants are made there, by that name. The table in conditions.go says of each
// name what it is about, which promise rests on it, and what else is broken to
// match: a switch of the model, a store of the crash matrix. A mutant is tested by
// means of an overlay: nothing in the working tree is touched.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := flag.String("run", "", "test only the mutants whose name contains `text`")
	at := flag.String("at", "", "test only the mutants of the condition of this `name`; see docs/conditions.md")
	parallel := flag.Int("parallel", 2, "how many mutants to test at a time")
	flag.Parse()
	var chosen []mutant
	for _, m := range allMutants() {
		if strings.Contains(m.name, *only) && (*at == "" || m.at == *at) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "mutation: there is no mutant %q of a condition %q\n", *only, *at)
		os.Exit(2)
	}
	if err := run(ctx, chosen, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// run tests the mutants and prints a line for each, in their order.
func run(ctx context.Context, chosen []mutant, parallel int) error {
	root, err := repositoryRoot(ctx)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	results := make([]chan result, len(chosen))
	free := make(chan struct{}, max(parallel, 1))
	var tests sync.WaitGroup
	defer tests.Wait()
	for i, m := range chosen {
		results[i] = make(chan result, 1)
		tests.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			results[i] <- m.test(ctx, root, filepath.Join(scratch, fmt.Sprint(i)))
		})
	}
	survivors, untested := 0, 0
	for i, m := range chosen {
		r := <-results[i]
		switch {
		case r.err != nil:
			untested++
			fmt.Printf("NOT RUN   %s: %v\n", m.name, r.err)
		case r.caughtBy == "":
			survivors++
			fmt.Printf("SURVIVED  %-58s  %s\n", m.name, m.why)
		default:
			fmt.Printf("caught    %-58s  %s (%v)\n", m.name, r.caughtBy, r.took.Round(100*time.Millisecond))
		}
	}
	if survivors+untested > 0 {
		return fmt.Errorf("of %d mutants %d survived and %d could not be tested", len(chosen), survivors, untested)
	}
	fmt.Printf("all %d mutants were caught\n", len(chosen))
	return nil
}

func allMutants() []mutant {
	return slices.Concat(mutants, coreMutants, valkeystoreMutants, pgstoreMutants, idemclientMutants, idemhttpMutants, idemlambdaMutants, jmespathMutants, operatorMutants, sealMutants, stepMutants)
}

// repositoryRoot returns the directory of go.work, from which mutants are tested.
func repositoryRoot(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(output))), nil
}

// mutant is one condition, broken.
type mutant struct {
	name     string
	file     string   // relative to idempotency
	at       string   // the condition's name in the file, "" if it has none
	packages []string // with the tests that must notice, from the repository's root
	why      string   // what goes wrong with it

	// One of these says how it is broken.
	old, new string // old, which stands exactly once at the condition or in the file, becomes new
	and, or  string // the condition holds only if and does, too, or also if or does
	without  string // one side of an && or || of the condition is left out
}

// mutate returns the file as the mutant has it.
func (m mutant) mutate(s *source) (string, error) {
	places := []place{{to: len(s.text)}}
	if m.at != "" {
		if places = s.named[m.at]; len(places) == 0 {
			return "", fmt.Errorf("nothing in %s is named %q", m.file, m.at)
		}
	}
	switch {
	case m.old != "":
		return s.replace(places, m.old, m.new)
	case m.and != "":
		return s.decide(places, "&& ("+m.and+")")
	case m.or != "":
		return s.decide(places, "|| ("+m.or+")")
	}
	return s.leaveOut(places, m.without)
}

type result struct {
	caughtBy string // the first test that failed, empty if none did
	took     time.Duration
	err      error // the mutant could not be tested
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

func (m mutant) test(ctx context.Context, root, scratch string) result {
	start := time.Now()
	original := filepath.Join(root, "idempotency", m.file)
	source, err := os.ReadFile(original)
	if err != nil {
		return result{err: err}
	}
	parsed, err := parse(m.file, source)
	if err != nil {
		return result{err: err}
	}
	mutated, err := m.mutate(parsed)
	if err != nil {
		return result{err: err}
	}
	overlay, err := writeOverlay(scratch, original, mutated)
	if err != nil {
		return result{err: err}
	}
	arguments := []string{"test", "-overlay", overlay, "-count=1", "-failfast", "-short", "-vet=off", "-timeout=60s"}
	for _, p := range m.packages {
		arguments = append(arguments, "./"+p)
	}
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = root
	output, err := command.CombinedOutput()
	took := time.Since(start)
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && (!isExit || ctx.Err() != nil) {
		return result{err: err}
	}
	test := failed.FindStringSubmatch(string(output))
	switch {
	case err == nil:
		return result{took: took}
	case test != nil:
		return result{caughtBy: test[1], took: took}
	case strings.Contains(string(output), "panic: "):
		return result{caughtBy: "a panic or the time limit", took: took}
	}
	return result{err: fmt.Errorf("no test failed, but go test did:\n%s", output)}
}

func writeOverlay(dir, original, mutated string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	source := filepath.Join(dir, filepath.Base(original))
	if err := os.WriteFile(source, []byte(mutated), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: source}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, overlay, 0o600)
}
