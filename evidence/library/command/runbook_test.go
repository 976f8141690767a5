package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// installs is the one block of the runbook that is not run here: that the command can be
// installed is tested in evidence/consumers.
const installs = "go install github.com/idempotent-requests/idempotent-requests/idempotency/cmd/idempotency@latest\n"

// cases are the sections of the runbook, each with the key that it is about.
var cases = map[string]func(w *table) (id string){
	"Before you begin":        func(w *table) string { return w.completed("1f0c7a52", []byte("paid")) },
	"When an alarm is raised": func(w *table) string { return w.interrupted("k1") },
	"A refused key after a crash": func(w *table) string {
		w.completed("another", []byte("paid"))
		return w.interrupted("k1")
	},
	"A poisoned key": func(w *table) string { return w.interrupted("k1") },
	"A key that must be forgotten": func(w *table) string {
		return w.completed("k1", []byte("paid"))
	},
	"A table restored from a backup": func(w *table) string {
		w.db.CreateTable(w.t, "old", "id")
		return w.interrupted("k1")
	},
}

// states is a state of the key that a section is about, in place of the first one, by
// a part of the block.
var states = map[string]func(w *table) string{
	"--force": func(w *table) string { return w.running("k2") },
}

var section = regexp.MustCompile(`(?m)^## (.+)$`)

// TestRunbook runs every command of the runbook as it stands there, each block on a
// key as it is in the case that the section is about.
func TestRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	heads := section.FindAllStringSubmatchIndex(string(text), -1)
	for i, head := range heads {
		name, end := string(text[head[2]:head[3]]), len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		setUp := cases[name]
		if setUp == nil {
			t.Errorf("%q: nobody says what it is about", name)
			continue
		}
		seen[name] = true
		blocks := shellBlocks(string(text[head[1]:end]))
		if len(blocks) == 0 {
			t.Errorf("%q has no commands", name)
		}
		for _, block := range blocks {
			if block == installs {
				seen["install"] = true
				continue
			}
			t.Run(name+": "+strings.SplitN(block, "\n", 2)[0], func(t *testing.T) {
				t.Parallel()
				w := newTable(t)
				id := setUp(w)
				for part, other := range states {
					if strings.Contains(block, part) {
						id = other(w)
					}
				}
				w.runBlock(block, id)
			})
		}
	}
	if !seen["install"] {
		t.Error("the runbook does not say how to install the command")
	}
	for name := range cases {
		if !seen[name] {
			t.Errorf("the runbook has no section %q", name)
		}
	}
}

// shellBlocks returns the blocks of shell in a text, without their indentation.
func shellBlocks(text string) (blocks []string) {
	for _, match := range regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		var block strings.Builder
		for line := range strings.Lines(match[2]) {
			block.WriteString(strings.TrimPrefix(line, match[1]))
		}
		blocks = append(blocks, block.String())
	}
	return blocks
}

// runBlock runs a block, answers yes to every question, and checks what became of
// the key.
func (w *table) runBlock(block, id string) {
	w.t.Helper()
	key, err := w.guard.Look(w.t.Context(), mustKey(w.t, id))
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	command := exec.CommandContext(w.t.Context(), "sh", "-e", "-c", block)
	command.Dir = dir
	command.Stdin = strings.NewReader("yes\n")
	command.Env = append(w.environment(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "ID="+id, "OLD_TABLE=old")
	output, err := command.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, output)
	}
	after, err := w.guard.Look(w.t.Context(), mustKey(w.t, id))
	if err != nil {
		w.t.Fatal(err)
	}
	changes := !strings.Contains(block, "--dry-run")
	switch {
	case changes && strings.Contains(block, "idempotency settle"):
		if after == nil || after.Owner == key.Owner || after.Status != "COMPLETED" {
			w.t.Errorf("it was settled to %+v:\n%s", after, output)
		}
	case changes && strings.Contains(block, "idempotency forget"):
		if after != nil {
			w.t.Errorf("it was forgotten, and is %+v:\n%s", after, output)
		}
	case after == nil || after.Owner != key.Owner || after.Status != key.Status:
		w.t.Errorf("it became %+v:\n%s", after, output)
	}
	if strings.Contains(block, "--stuck") && !strings.Contains(string(output), id) {
		w.t.Errorf("it is not listed:\n%s", output)
	}
	if strings.Contains(block, "idempotency show") && !strings.Contains(string(output), id) {
		w.t.Errorf("it is not shown:\n%s", output)
	}
}
