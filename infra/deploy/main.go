// Command deploy runs the CDK command line for people: it says which stage goes
// where and at what cost before anything happens, asks, and ends with the
// website's address.
//
//	go run ./infra/deploy deploy
//	go run ./infra/deploy -yes deploy -c stage=production …
//	go run ./infra/deploy destroy
//
// Arguments behind the command are handed to CDK. Settings are checked before
// anything is asked, and a stage that keeps its data is destroyed only by those
// who type its name. Without a terminal there is nobody to ask: -yes is then
// needed.
//
// A stage whose stack does not exist yet is deployed in two steps: without
// protection from deletion, so that a failure can be rolled back and repeated,
// and then with it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/mattn/go-isatty"

	"github.com/idempotent-requests/idempotent-requests/infra/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	configured, err := cdkContext("cdk.json")
	r := runner{
		in: os.Stdin, out: os.Stdout, terminal: isatty.IsTerminal(os.Stdin.Fd()),
		outputs: filepath.Join("build", "outputs.json"), place: awsPlace, exists: stackExists, context: configured, cdk: cdk,
	}
	if err == nil {
		err = r.run(ctx, os.Args[1:])
	}
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "deploy:", err)
		}
		stop()
		os.Exit(1)
	}
}

// place is where credentials and configuration lead to.
type place struct {
	account, caller, region string
	// concurrency is how many executions of Lambda functions at once the account
	// may have there; zero if that is not known.
	concurrency int
}

// runner is the command with what it depends on.
type runner struct {
	in       io.Reader
	out      io.Writer
	terminal bool
	// outputs is the file in which CDK leaves the outputs of what it deployed.
	outputs string
	place   func(context.Context) (place, error)
	// exists reports whether there is a stack of that name.
	exists func(ctx context.Context, stack string) (bool, error)
	// context is what cdk.json sets.
	context map[string]any
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
	arguments := flags.Args()[1:]
	given, err := contextOf(arguments)
	if err != nil {
		return err
	}
	at, err := r.place(ctx)
	if err != nil {
		return err
	}
	chosen := maps.Clone(r.context)
	if chosen == nil {
		chosen = map[string]any{}
	}
	maps.Copy(chosen, given)
	if _, set := chosen["concurrencyQuota"]; !set && at.concurrency > 0 {
		quota := strconv.Itoa(at.concurrency)
		chosen["concurrencyQuota"] = quota
		arguments = append(arguments, "-c", "concurrencyQuota="+quota)
	}
	s, err := settings.Read(chosen, at.region)
	if err != nil {
		return err
	}
	r.note(command, at, s)
	if !*yes {
		if err := r.ask(command, s); err != nil {
			return err
		}
	}
	if command == "destroy" {
		return r.destroy(ctx, s, arguments)
	}
	return r.deploy(ctx, *yes, s, arguments)
}

// stackName is the name under which CloudFormation knows the stack of a stage.
func stackName(s settings.Settings) string { return "IdempotentRequests-" + s.Stage }

// contextOf returns the context values that are among arguments for CDK.
func contextOf(arguments []string) (map[string]any, error) {
	context := map[string]any{}
	for i := 0; i < len(arguments); i++ {
		name, value, joined := strings.Cut(arguments[i], "=")
		switch {
		case (arguments[i] == "-c" || arguments[i] == "--context") && i+1 < len(arguments):
			i++
			value = arguments[i]
		case joined && (name == "-c" || name == "--context"):
		case strings.HasPrefix(arguments[i], "-c") && !strings.HasPrefix(arguments[i], "--") && joined:
			value = strings.TrimPrefix(arguments[i], "-c")
		default:
			continue
		}
		key, set, ok := strings.Cut(value, "=")
		if !ok {
			return nil, fmt.Errorf("context %s: a setting is given as -c name=value", value)
		}
		context[key] = set
	}
	return context, nil
}

// note says what is about to happen. The numbers are those of docs/costs.md.
func (r runner) note(command string, at place, s settings.Settings) {
	fmt.Fprintf(r.out, "stage    %s, stack %s\naccount  %s, as %s\nregion   %s\n", s.Stage, stackName(s), at.account, at.caller, at.region)
	if command == "destroy" {
		if s.Retain {
			fmt.Fprintln(r.out, "data     tables, queues, website and logs stay, and so do their costs: docs/deploying.md lists them")
		} else {
			fmt.Fprintln(r.out, "data     tables, queues, website and logs go with the stack, for good")
		}
		return
	}
	fmt.Fprintln(r.out, "cost     idle, some 6 US dollars a month for alarms and a dashboard; used, some 5 to 10 for a million requests.\n"+
		"         docs/costs.md has the numbers, the worst month of a public demo among them, and make destroy ends them")
	if s.BudgetEmail == "" {
		fmt.Fprintln(r.out, "budget   none: -c budgetEmail=you@example.com has AWS write when costs near budgetUsd")
	}
}

// ask returns nil if whoever sits at the terminal agrees. To destroy a stage that
// keeps its data, its name has to be typed.
func (r runner) ask(command string, s settings.Settings) error {
	if !r.terminal {
		return errors.New("there is no terminal to ask on: YES=1 with make, or -yes, goes on without")
	}
	agreed := func(answer string) bool { return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes") }
	if command == "destroy" && s.Retain {
		fmt.Fprintf(r.out, "\nTo destroy %s there, type the name of the stage: ", stackName(s))
		agreed = func(answer string) bool { return answer == s.Stage }
	} else {
		fmt.Fprintf(r.out, "\nGo on and %s %s there? [y/N] ", command, stackName(s))
	}
	answer, err := bufio.NewReader(r.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !agreed(strings.TrimSpace(answer)) {
		return errors.New("nothing was done")
	}
	return nil
}

func (r runner) deploy(ctx context.Context, yes bool, s settings.Settings, args []string) error {
	if err := os.MkdirAll(filepath.Dir(r.outputs), 0o755); err != nil {
		return err
	}
	args = append([]string{"deploy", "--outputs-file", r.outputs}, args...)
	if yes {
		args = append(args, "--require-approval", "never")
	}
	if s.Protection {
		there, err := r.exists(ctx, stackName(s))
		if err != nil {
			return err
		}
		if !there {
			fmt.Fprintln(r.out, "\nThe stack is new: it is deployed without protection from deletion first, and then with it.")
			if err := r.cdk(ctx, append(slices.Clone(args), "-c", "protection=false")...); err != nil {
				return err
			}
		}
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

func (r runner) destroy(ctx context.Context, s settings.Settings, args []string) error {
	// CDK would ask a second time.
	if err := r.cdk(ctx, append([]string{"destroy", "--force"}, args...)...); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\nThe stack %s is gone. docs/deploying.md lists what is left behind.\n", stackName(s))
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
	at := place{account: aws.ToString(caller.Account), caller: aws.ToString(caller.Arn), region: cfg.Region}
	// Who may deploy may not need to ask for this: without, the usual quota is
	// assumed, and CloudFormation has the last word.
	if account, err := lambda.NewFromConfig(cfg).GetAccountSettings(ctx, nil); err == nil && account.AccountLimit != nil {
		at.concurrency = int(account.AccountLimit.ConcurrentExecutions)
	}
	return at, nil
}

// stackExists asks CloudFormation for a stack. One whose creation was rolled back
// does not count: it has to be made anew.
func stackExists(ctx context.Context, stack string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return false, err
	}
	found, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		if strings.Contains(err.Error(), "does not exist") { // CloudFormation has no error of its own for it
			return false, nil
		}
		return false, fmt.Errorf("ask whether the stack %s exists: %w", stack, err)
	}
	for _, s := range found.Stacks {
		switch s.StackStatus {
		case types.StackStatusRollbackComplete, types.StackStatusReviewInProgress, types.StackStatusCreateFailed, types.StackStatusDeleteComplete:
		default:
			return true, nil
		}
	}
	return false, nil
}

// cdkContext reads what cdk.json sets, if it is there.
func cdkContext(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cdk struct{ Context map[string]any }
	if err := json.Unmarshal(text, &cdk); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cdk.Context, nil
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
