// Package environment makes what the demo's functions work with out of their
// environment variables:
//
//	DATA_TABLE          name of the data table
//	IDEMPOTENCY_TABLE   name of the idempotency table
//	IDEMPOTENCY_WINDOW  how long a key is remembered, a Go duration; default 24h
//	DATA_RETENTION      how long data is kept, a Go duration; default 24h
//	CALLERS             token if the API has an authorizer, whose token says who
//	                    is calling; default session: the request says so itself
//	DEMO_FAULTS         true lets requests cause faults; default false
//	FAULT_LIMITS        false lets them cause any number, for tests; default true
//	UNPROTECTED         true offers operations without protection as well; default
//	                    false
//	RECORD_CALLS        true writes down what each call cost, which costs a write
//	                    itself; default false
//	STAGE               a dimension of the metrics; default none
//
// Metrics are written to standard output in the CloudWatch embedded metric
// format, as log lines of their own. Format and level of the log are those that
// the function's logging configuration asks for (AWS_LAMBDA_LOG_FORMAT,
// AWS_LAMBDA_LOG_LEVEL).
package environment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/calls"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/emf"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// Environment is what a function works with.
type Environment struct {
	Logger  *slog.Logger
	Data    *datatable.Table
	Records *dynamostore.AtomicStore
	Faults  *fault.Injector
	// Unprotected reports whether operations are offered without protection, too.
	Unprotected bool

	tokens   bool
	window   time.Duration
	observer idempotency.Observer
}

// namespace is the CloudWatch namespace of the metrics.
const namespace = "IdempotentRequests"

// attemptTimeout bounds one request to DynamoDB, which answers within
// milliseconds. The SDK makes three attempts: together they leave a function of
// 10 seconds the time to say that the store is unavailable.
const attemptTimeout = 2 * time.Second

// New returns the environment that getenv describes, usually [os.Getenv]. The
// error names every variable that is missing or malformed. Nothing is asked of
// the network before the first request.
func New(ctx context.Context, getenv func(string) string) (*Environment, error) {
	s, err := readSettings(getenv)
	if err != nil {
		return nil, err
	}
	aws, err := config.LoadDefaultConfig(ctx,
		// The SDK's own kind of client, and no plain one: it can still be given
		// the certificates of AWS_CA_BUNDLE.
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)))
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	client := dynamodb.NewFromConfig(aws, dynamostore.Tuned)

	e := &Environment{Logger: lambdacontext.NewLogger(), Unprotected: s.unprotected, tokens: s.tokens, window: s.window}
	if e.Data, err = datatable.New(datatable.Config{Client: client, Name: s.dataTable, Retention: s.retention}); err != nil {
		return nil, err
	}
	if e.Records, err = dynamostore.NewAtomic(client, s.recordsTable); err != nil {
		return nil, err
	}
	if e.observer, err = e.newObserver(s); err != nil {
		return nil, err
	}
	faults := fault.Config{Enabled: s.faults, Exit: crash(os.Stdout, s.stage, getenv("_HANDLER")), Logger: e.Logger}
	if s.faultLimits {
		faults.Counter = e.Data
	}
	if e.Faults, err = fault.New(faults); err != nil {
		return nil, err
	}
	return e, nil
}

// Handler returns the function that lets next respond to the HTTP API's events. If
// callers are known by a token, next finds the session of the token's subject.
func (e *Environment) Handler(next http.Handler) func(context.Context, idemlambda.HTTPEvent) (idemlambda.HTTPResponse, error) {
	if e.tokens {
		next = session.FromToken(next)
	}
	return idemlambda.HTTP(next)
}

// crash returns a function that ends the process because somebody has asked for
// it. The metric that it writes is what alarms take off the failures that they
// count.
func crash(log io.Writer, stage, function string) func(code int) {
	return func(code int) {
		line, err := json.Marshal(map[string]any{
			"_aws": map[string]any{
				"Timestamp": time.Now().UnixMilli(),
				"CloudWatchMetrics": []map[string]any{{
					"Namespace":  namespace,
					"Dimensions": [][]string{{"stage"}, {"function", "stage"}},
					"Metrics":    []map[string]string{{"Name": "FaultsOnRequest", "Unit": "Count"}},
				}},
			},
			"FaultsOnRequest": 1, "stage": stage, "function": function,
		})
		if err == nil {
			_, _ = log.Write(append(line, '\n')) // there is nobody to tell
		}
		os.Exit(code)
	}
}

func (e *Environment) newObserver(s settings) (idempotency.Observer, error) {
	dimensions := make(map[string]string)
	if s.stage != "" {
		dimensions["stage"] = s.stage
	}
	metrics, err := emf.NewObserver(os.Stdout, emf.Config{Namespace: namespace, Dimensions: dimensions})
	if err != nil {
		return nil, err
	}
	observers := []idempotency.Observer{idempotency.NewSlogObserver(e.Logger), metrics}
	if s.recordCalls {
		recorder, err := calls.NewObserver(calls.Config{Data: e.Data, Logger: e.Logger})
		if err != nil {
			return nil, err
		}
		observers = append(observers, recorder)
	}
	return idempotency.Observers(observers...), nil
}

// duplicateWait is how long a duplicate waits for the first request to end
// before it is told to come back. Nearly all end sooner, and so nearly all
// duplicates get their answer at once. A function is paid for while it waits.
const duplicateWait = 2 * time.Second

// NewGuard returns a guard on the function's records, watched by its observers,
// that lets duplicates wait a little: of cfg it takes the rest, such as the mode
// and the recovery policy that suit the operation, and a window unless that is
// the function's own.
func (e *Environment) NewGuard(cfg idempotency.Config) (*idempotency.Guard, error) {
	cfg.Store, cfg.Wait, cfg.Observer = e.Records, duplicateWait, e.observer
	if cfg.Window == 0 {
		cfg.Window = e.window
	}
	return idempotency.New(cfg)
}

type settings struct {
	dataTable    string
	recordsTable string
	window       time.Duration
	retention    time.Duration
	tokens       bool
	faults       bool
	faultLimits  bool
	unprotected  bool
	recordCalls  bool
	stage        string
}

func readSettings(getenv func(string) string) (settings, error) {
	s := settings{
		dataTable:    getenv("DATA_TABLE"),
		recordsTable: getenv("IDEMPOTENCY_TABLE"),
		window:       idempotency.DefaultWindow,
		retention:    idempotency.DefaultWindow,
		stage:        getenv("STAGE"),
	}
	var wrong []error
	if s.dataTable == "" {
		wrong = append(wrong, errors.New("DATA_TABLE is not set: it names the data table"))
	}
	if s.recordsTable == "" {
		wrong = append(wrong, errors.New("IDEMPOTENCY_TABLE is not set: it names the idempotency table"))
	}
	for name, duration := range map[string]*time.Duration{"IDEMPOTENCY_WINDOW": &s.window, "DATA_RETENTION": &s.retention} {
		value := getenv(name)
		if value == "" {
			continue
		}
		var err error
		if *duration, err = time.ParseDuration(value); err != nil || *duration <= 0 {
			wrong = append(wrong, fmt.Errorf("%s is %q: want a positive duration such as 24h", name, value))
		}
	}
	switch callers := getenv("CALLERS"); callers {
	case "", "session":
	case "token":
		s.tokens = true
	default:
		wrong = append(wrong, fmt.Errorf("CALLERS is %q: want session or token", callers))
	}
	flag := func(name string, fallback bool) bool {
		value := getenv(name)
		if value == "" {
			return fallback
		}
		on, err := strconv.ParseBool(value)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s is %q: want true or false", name, value))
		}
		return on
	}
	s.faults, s.faultLimits = flag("DEMO_FAULTS", false), flag("FAULT_LIMITS", true)
	s.unprotected, s.recordCalls = flag("UNPROTECTED", false), flag("RECORD_CALLS", false)
	return s, errors.Join(wrong...)
}
