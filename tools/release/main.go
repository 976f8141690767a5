// Command release makes the commit and the tags of a release, and stops before it
// pushes them. CONTRIBUTING.md says what a release promises.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/tools/release/modules"
)

const usage = `Makes a release: checks everything, sets the version of all modules and of the
npm package, dates the changelog, commits, and tags. It pushes nothing: it ends
with the commands that do.

Usage: release [flags] <version>

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer, now time.Time) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	root := flags.String("root", ".", "`directory` of the repository")
	check := flags.String("check", "make test test-deploy", "`command` that has to succeed before anything is committed")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("one version is needed, such as v0.1.0; -help says more")
	}
	r := release{root: *root, version: flags.Arg(0), out: out, now: now}
	return r.make(ctx, strings.Fields(*check))
}

// release is one release that is being made.
type release struct {
	root, version string
	out           io.Writer
	now           time.Time
}

// make does all of it. Until its commit nothing is lost by an error: what it has
// changed in the working tree, which was clean, is put back.
func (r release) make(ctx context.Context, check []string) (err error) {
	if err := r.possible(ctx); err != nil {
		return err
	}
	list, err := modules.List(r.root)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if err != nil && !committed {
			if _, undo := r.git(context.WithoutCancel(ctx), "checkout", "--quiet", "--", "."); undo != nil {
				err = errors.Join(err, undo)
			}
		}
	}()
	if err := r.dateChangelog(); err != nil {
		return err
	}
	if err := modules.SetVersion(r.root, list, r.version); err != nil {
		return err
	}
	if err := r.setPackageVersion(); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "checking: %s\n", strings.Join(check, " "))
	if err := r.command(ctx, check[0], check[1:]...); err != nil {
		return fmt.Errorf("%s failed, so nothing was committed: %w", strings.Join(check, " "), err)
	}
	if _, err := r.git(ctx, "commit", "--quiet", "--all", "--message", "Release "+r.version); err != nil {
		return err
	}
	committed = true
	tags := []string{r.version}
	for _, m := range list {
		if m.Published {
			tags = append(tags, m.Tag(r.version))
		}
	}
	for _, tag := range tags {
		if _, err := r.git(ctx, "tag", "--annotate", "--message", "Release "+r.version, tag); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "\n%s is committed and tagged. Nothing was pushed. To publish it:\n\n", r.version)
	fmt.Fprintf(r.out, "  git push --atomic origin HEAD %s\n", strings.Join(tags, " "))
	fmt.Fprintf(r.out, "  (cd client && npm publish)\n")
	return nil
}

// possible refuses what cannot become a release, before anything is changed.
func (r release) possible(ctx context.Context) error {
	if err := checkVersion(r.version); err != nil {
		return err
	}
	changes, err := r.git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changes != "" {
		return fmt.Errorf("commit or remove what is not committed:\n%s", changes)
	}
	tags, err := r.git(ctx, "tag", "--list", r.version, "*/"+r.version)
	if err != nil {
		return err
	}
	if tags != "" {
		return fmt.Errorf("%s exists: %s", r.version, strings.Join(strings.Fields(tags), ", "))
	}
	return nil
}

// setPackageVersion sets the version of the npm package, also where the page's
// lock file repeats it. npm's versions have no "v".
func (r release) setPackageVersion() error {
	for _, name := range []string{"client/package.json", "client/package-lock.json", "webapp/package-lock.json"} {
		path := filepath.Join(r.root, filepath.FromSlash(name))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed, err := replaceVersion(string(text), strings.TrimPrefix(r.version, "v"))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r release) dateChangelog() error {
	path := filepath.Join(r.root, "CHANGELOG.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := dated(string(text), r.version, r.now)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}

func (r release) git(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", arguments...)
	command.Dir = r.root
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", arguments[0], err, output)
	}
	return strings.TrimSpace(string(output)), nil
}

func (r release) command(ctx context.Context, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir, command.Stdout, command.Stderr = r.root, r.out, r.out
	return command.Run()
}
