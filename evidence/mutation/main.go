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
//
// A mutant is caught if a test fails or panics that passes without it. A test that
// hangs catches it, too; such a mutant is tried again alone, with a limit that is a
// large multiple of the time in which the tests have just passed without it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := flag.String("run", "", "test only the mutants whose name contains `text`")
	at := flag.String("at", "", "test only the mutants of the condition of this `name`; see docs/conditions.md")
	skip := flag.Int("skip", 0, "leave out the first `n` of them, which an earlier run has tested")
	parallel := flag.Int("parallel", 2, "how many mutants to test at a time")
	flag.Parse()
	var chosen []mutant
	for _, m := range allMutants() {
		if strings.Contains(m.name, *only) && (*at == "" || m.at == *at) {
			chosen = append(chosen, m)
		}
	}
	chosen = chosen[min(max(*skip, 0), len(chosen)):]
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "mutation: there is no mutant %q of a condition %q that is not left out\n", *only, *at)
		os.Exit(2)
	}
	if err := run(ctx, chosen, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// run tests the mutants and prints a line for each, in their order. Those whose tests
// did not end in time are tried again, one by one, when nothing else runs: then it is
// the mutant that hangs, and not the machine that is busy.
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

	r := &runner{root: root, goTest: goTest(root)}
	results := make([]chan result, len(chosen))
	free := make(chan struct{}, max(parallel, 1))
	var tests sync.WaitGroup
	defer tests.Wait()
	for i, m := range chosen {
		results[i] = make(chan result, 1)
		tests.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			results[i] <- r.test(ctx, m, filepath.Join(scratch, fmt.Sprint(i)))
		})
	}
	count := make(map[verdict]int)
	print := func(m mutant, r result) {
		count[r.verdict]++
		fmt.Printf("%-9s %s\n", r.verdict, r.line(m))
	}
	var slow []int
	for i, m := range chosen {
		if r := <-results[i]; r.verdict == timedOut {
			slow = append(slow, i)
		} else {
			print(m, r)
		}
	}
	for _, i := range slow {
		print(chosen[i], r.testAlone(ctx, chosen[i], filepath.Join(scratch, fmt.Sprint(i))))
	}
	if bad := count[survived] + count[notRun]; bad > 0 {
		return fmt.Errorf("of %d mutants %d survived and %d could not be tested", len(chosen), count[survived], count[notRun])
	}
	fmt.Printf("all %d mutants were caught", len(chosen))
	if n := count[hangs]; n > 0 {
		fmt.Printf(", %d of them because a test hung", n)
	}
	fmt.Println()
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
