package construct

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Defaults of [GoFunctionProps].
const (
	DefaultTimeout      = 10 * time.Second
	DefaultMemoryMB     = 256
	DefaultLogRetention = awslogs.RetentionDays_ONE_MONTH
)

// GoFunctionProps configures a [GoFunction].
type GoFunctionProps struct {
	// Name is the command that the function runs, such as "payments". It
	// becomes the function's handler, which provided.al2023 ignores and passes
	// on as _HANDLER: whoever reads the template can tell the binary by it.
	// Required.
	Name string

	// Code is the directory that holds the binary, named bootstrap and built
	// for Linux and the function's architecture. Required.
	Code string

	// Architecture is the processor that the binary is for. Default:
	// [awslambda.Architecture_ARM_64].
	Architecture awslambda.Architecture

	// Description appears in the console. Default: none.
	Description string

	// Environment is the function's environment. Default: empty, but for what
	// an [IdempotentFunction] adds.
	Environment map[string]string

	// Timeout bounds one invocation; the runtime kills it at its end. Default:
	// [DefaultTimeout].
	Timeout time.Duration

	// MemoryMB is the function's memory in MiB, and with it its share of CPU.
	// Default: [DefaultMemoryMB].
	MemoryMB int

	// Concurrency is how many executions at once the function has for itself, out
	// of the account's, and is limited to. Default: none of its own, and no limit
	// but the account's.
	Concurrency int

	// LogRetention is how long log lines are kept. Default:
	// [DefaultLogRetention].
	LogRetention awslogs.RetentionDays

	// Retain keeps the log group when the stack is deleted. Default: false.
	Retain bool

	// Tracing sends a trace of each invocation to AWS X-Ray, for which the
	// function gets the permission. Default: false.
	Tracing bool

	// Customise changes what the function is made of, such as its layers or its
	// VPC. Default: nil.
	Customise func(*awslambda.FunctionProps)
}

// GoFunction is a Go program on Lambda: provided.al2023, JSON logs to a
// log group of its own, and a role of its own which at first can do nothing
// but write to that log group.
type GoFunction struct {
	// Function is the underlying function, for grants, integrations and metrics.
	Function awslambda.Function

	// Logs is the function's log group.
	Logs awslogs.LogGroup

	// Timeout bounds one invocation.
	Timeout time.Duration
}

// NewGoFunction adds a function to scope. It fails if a required prop is
// missing or Code holds no binary, before anything is added.
func NewGoFunction(scope constructs.Construct, id string, props GoFunctionProps) (*GoFunction, error) {
	if err := props.validate(); err != nil {
		return nil, fmt.Errorf("function %s: %w", id, err)
	}
	this := constructs.NewConstruct(scope, jsii.String(id))
	logs := NewLogGroup(this, "Logs", props.LogRetention, props.Retain)

	// Left alone, CDK attaches AWSLambdaBasicExecutionRole, which may write to
	// every log group of the account.
	role := awsiam.NewRole(this, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the " + props.Name + " function may do"),
	})
	logs.GrantWrite(role)

	timeout := orDefault(props.Timeout, DefaultTimeout)
	function := &awslambda.FunctionProps{
		Description:                  optional(props.Description),
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:                 architecture(props.Architecture),
		Code:                         awslambda.Code_FromAsset(jsii.String(props.Code), nil),
		Handler:                      jsii.String(props.Name),
		Role:                         role,
		Environment:                  environment(props.Environment),
		Timeout:                      duration(timeout),
		MemorySize:                   jsii.Number(orDefault(props.MemoryMB, DefaultMemoryMB)),
		LogGroup:                     logs,
		ReservedConcurrentExecutions: concurrency(props.Concurrency),
		LoggingFormat:                awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2:        awslambda.ApplicationLogLevel_INFO,
		SystemLogLevelV2:             awslambda.SystemLogLevel_INFO,
	}
	if props.Tracing {
		function.Tracing = awslambda.Tracing_ACTIVE
	}
	if props.Customise != nil {
		props.Customise(function)
	}
	return &GoFunction{
		Function: awslambda.NewFunction(this, jsii.String("Function"), function),
		Logs:     logs,
		Timeout:  timeout,
	}, nil
}

func (p GoFunctionProps) validate() error {
	if p.Name == "" {
		return errors.New("props have no Name")
	}
	binary := filepath.Join(p.Code, "bootstrap")
	if info, err := os.Stat(binary); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("there is no binary %s: build it first", binary)
	}
	return nil
}

// IdempotentFunctionProps configures an [IdempotentFunction].
type IdempotentFunctionProps struct {
	GoFunctionProps

	// Records is the table of the function's idempotency records. Required.
	Records *IdempotencyTable

	// Window is how long a key is remembered after its first use. Required.
	Window time.Duration

	// Atomic is for a function whose records are written in transactions with its
	// effects and are never claimed. It may then not delete records. The function
	// needs the permissions for its effects as well. Default: false, records are
	// claimed.
	Atomic bool
}

// IdempotentFunction is a [GoFunction] whose requests are idempotent: it may
// claim, complete and release records in its table, or write them in
// transactions, and finds in its environment where they live
// (IDEMPOTENCY_TABLE, the table's name) and for how long (IDEMPOTENCY_WINDOW, a
// Go duration).
type IdempotentFunction struct {
	*GoFunction
}

// NewIdempotentFunction adds an idempotent function to scope. It fails if a
// required prop is missing or Code holds no binary, before anything is added.
func NewIdempotentFunction(scope constructs.Construct, id string, props IdempotentFunctionProps) (*IdempotentFunction, error) {
	switch {
	case props.Records == nil:
		return nil, fmt.Errorf("function %s: props have no Records", id)
	case props.Window <= 0:
		return nil, fmt.Errorf("function %s: a window of %v remembers nothing", id, props.Window)
	}
	base := props.GoFunctionProps
	base.Environment = props.Records.Environment(props.Window)
	maps.Copy(base.Environment, props.Environment)

	function, err := NewGoFunction(scope, id, base)
	if err != nil {
		return nil, err
	}
	if props.Atomic {
		props.Records.GrantTransactions(function.Function)
	} else {
		props.Records.GrantClaims(function.Function)
	}
	return &IdempotentFunction{GoFunction: function}, nil
}

// NewLogGroup adds a log group to scope. Zero retention means
// [DefaultLogRetention]: no log group here keeps its lines for ever.
func NewLogGroup(scope constructs.Construct, id string, retention awslogs.RetentionDays, retain bool) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String(id), &awslogs.LogGroupProps{
		Retention:     orDefault(retention, DefaultLogRetention),
		RemovalPolicy: RemovalPolicy(retain),
	})
}

func environment(values map[string]string) *map[string]*string {
	env := make(map[string]*string, len(values))
	for name, value := range values {
		env[name] = jsii.String(value)
	}
	return &env
}

func architecture(a awslambda.Architecture) awslambda.Architecture {
	if a == nil {
		return awslambda.Architecture_ARM_64()
	}
	return a
}

func concurrency(n int) *float64 {
	if n == 0 {
		return nil
	}
	return jsii.Number(n)
}

func duration(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Millis(jsii.Number(d.Milliseconds()))
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
