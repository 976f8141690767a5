// Command deploy runs the CDK command line for people: it says where to and at
// what cost before anything happens, asks, and ends with the website's address.
//
//	go run ./infra/deploy deploy
//	go run ./infra/deploy -yes deploy -c stage=production
//	go run ./infra/deploy destroy
//
// Arguments behind the command are handed to CDK. Without a terminal there is
// nobody to ask: -yes is then needed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/mattn/go-isatty"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := runner{
		in: os.Stdin, out: os.Stdout, terminal: isatty.IsTerminal(os.Stdin.Fd()),
		outputs: filepath.Join("build", "outputs.json"), place: awsPlace, cdk: cdk,
	}
	if err := r.run(ctx, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "deploy:", err)
		}
		stop()
		os.Exit(1)
	}
}

// place is where credentials and configuration lead to.
type place struct{ account, caller, region string }

// runner is the command with what it depends on.
type runner struct {
	in       io.Reader
	out      io.Writer
	terminal bool
	// outputs is the file in which CDK leaves the outputs of what it deployed.
	outputs string
	place   func(context.Context) (place, error)
	cdk     func(ctx context.Context, args ...string) error
}

const usage = `usage: deploy [-yes] deploy|destroy [CDK arguments]
`

func (r runner) run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(r.out)
	flags.Usage = func() {
		fmt.Fprint(r.out, usage)
		flags.PrintDefaults()
	}
	yes := flags.Bool("yes", false, "do not ask, neither here nor in CDK")
	if err := flags.Parse(args); err != nil {
		return err
	}
	command := flags.Arg(0)
	if command != "deploy" && command != "destroy" {
		flags.Usage()
		return fmt.Errorf("%q is neither deploy nor destroy", command)
	}
	at, err := r.place(ctx)
	if err != nil {
		return err
	}
	r.note(command, at)
	if !*yes {
		if err := r.ask(command); err != nil {
			return err
		}
	}
	if command == "destroy" {
		return r.destroy(ctx, flags.Args()[1:])
	}
	return r.deploy(ctx, *yes, flags.Args()[1:])
}

// note says what is about to happen. The numbers are those of docs/costs.md.
func (r runner) note(command string, at place) {
	fmt.Fprintf(r.out, "account  %s, as %s\nregion   %s\n", at.account, at.caller, at.region)
	if command == "destroy" {
		fmt.Fprintln(r.out, "data     the tables of the stage demo go with the stack; those of any other stage stay,\n"+
			"         unless it was deployed with -c removalPolicy=destroy")
		return
	}
	fmt.Fprintln(r.out, "cost     idle, a few US dollars a month for alarms and a dashboard; used, some 5 to 10 for a million requests.\n"+
		"         docs/costs.md has the numbers, and make destroy ends them")
}

func (r runner) ask(command string) error {
	if !r.terminal {
		return errors.New("there is no terminal to ask on: YES=1 with make, or -yes, goes on without")
	}
	fmt.Fprintf(r.out, "\nGo on and %s there? [y/N] ", command)
	answer, err := bufio.NewReader(r.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

func (r runner) deploy(ctx context.Context, yes bool, args []string) error {
	if err := os.MkdirAll(filepath.Dir(r.outputs), 0o755); err != nil {
		return err
	}
	args = append([]string{"deploy", "--outputs-file", r.outputs}, args...)
	if yes {
		args = append(args, "--require-approval", "never")
	}
	if err := r.cdk(ctx, args...); err != nil {
		return err
	}
	text, err := os.ReadFile(r.outputs)
	if err != nil {
		return err
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(text, &stacks); err != nil {
		return fmt.Errorf("%s: %w", r.outputs, err)
	}
	for _, stack := range slices.Sorted(maps.Keys(stacks)) {
		outputs := stacks[stack]
		fmt.Fprintf(r.out, "\n%s in %s:\n", stack, r.outputs)
		for _, name := range slices.Sorted(maps.Keys(outputs)) {
			fmt.Fprintf(r.out, "  %-22s %s\n", name, outputs[name])
		}
		if site := outputs["SiteUrl"]; site != "" {
			fmt.Fprintf(r.out, "\nTo check it: make smoke URL=%s\nThe website: %s\n", site, site)
		}
	}
	return nil
}

func (r runner) destroy(ctx context.Context, args []string) error {
	// CDK would ask a second time.
	if err := r.cdk(ctx, append([]string{"destroy", "--force"}, args...)...); err != nil {
		return err
	}
	fmt.Fprintln(r.out, "\nThe stack is gone. What AWS keeps by itself stays: the bootstrap stack with its assets (CDKToolkit),\n"+
		"and the log group of the function that emptied the website's bucket.")
	return nil
}

// patience bounds the question who is calling.
const patience = 20 * time.Second

// awsPlace asks AWS whose credentials these are.
func awsPlace(ctx context.Context) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return place{}, err
	}
	if cfg.Region == "" {
		return place{}, errors.New("no region is configured: set AWS_REGION, or choose a profile that has one with AWS_PROFILE")
	}
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return place{}, fmt.Errorf("no usable AWS credentials: sign in (aws sso login, aws configure) or set AWS_PROFILE: %w", err)
	}
	return place{aws.ToString(caller.Account), aws.ToString(caller.Arn), cfg.Region}, nil
}

// cdk runs the pinned CDK command line with this program's terminal.
func cdk(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "npx", append([]string{"--no-install", "cdk"}, args...)...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), "CDK_DISABLE_VERSION_CHECK=1")
	// It ends by itself when the terminal interrupts it, and tidies up.
	command.Cancel = func() error { return nil }
	if err := command.Run(); err != nil {
		return fmt.Errorf("cdk %s: %w", args[0], err)
	}
	return nil
}
