package localstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/gateway"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// function is a Lambda function as the template has it.
type function struct {
	name, arn string
	props     functionProperties
}

type functionProperties struct {
	FunctionName                 string
	Handler                      string
	Runtime                      string
	MemorySize                   template.Int
	Timeout                      template.Int // seconds
	ReservedConcurrentExecutions template.Int
	Environment                  struct{ Variables map[string]string }
	LoggingConfig                struct {
		LogFormat, LogGroup, ApplicationLogLevel string

		SystemLogLevel template.Ignored // Lambda's own lines, of which there are none
	}

	// What runs is the binary built for this machine, as nobody in particular.
	Architectures template.Ignored
	Code          template.Ignored
	Description   template.Ignored
	PackageType   template.Ignored
	Role          template.Ignored
	Tags          template.Ignored
	TracingConfig template.Ignored
}

func (p *plan) addFunction(res *template.Resource) error {
	helper, err := p.isHelper(res)
	if err != nil || helper {
		return err
	}
	props := functionProperties{MemorySize: 128, Timeout: 3} // Lambda's defaults
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if !strings.HasPrefix(props.Runtime, "provided.") {
		return refused(res, "the runtime %q is not run here: functions are binaries (provided.al2023)", props.Runtime)
	}
	name, err := p.lookup.Ref(res)
	if err != nil {
		return err
	}
	arn, err := p.lookup.GetAtt(res, "Arn")
	if err != nil {
		return err
	}
	p.functions = append(p.functions, function{name: name, arn: arn, props: props})
	return nil
}

// isHelper reports whether a function is one that CDK brought along to do the
// work of a custom resource. What those resources ask for is done here without
// them.
func (p *plan) isHelper(res *template.Resource) (bool, error) {
	arn, err := p.lookup.GetAtt(res, "Arn")
	if err != nil {
		return false, err
	}
	resources, err := p.resolver.Resources()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(resources, func(other *template.Resource) bool {
		if !strings.HasPrefix(other.Type, "Custom::") {
			return false
		}
		token, err := p.resolver.Value(other.Properties["ServiceToken"])
		return err == nil && token == arn
	}), nil
}

// deployFunctions hands the template's functions to Lambda.
func (p *plan) deployFunctions(service *lambda.Service, cfg Config) error {
	for _, f := range p.functions {
		level := f.props.LoggingConfig.ApplicationLogLevel
		if cfg.LogLevel != "" {
			level = strings.ToUpper(cfg.LogLevel)
		}
		if err := service.Deploy(lambda.Function{
			Name:        f.name,
			Handler:     f.props.Handler,
			Binary:      cfg.binary(f),
			Env:         cfg.environment(f),
			Timeout:     time.Duration(f.props.Timeout) * time.Second,
			MemoryMB:    int(f.props.MemorySize),
			LogGroup:    f.props.LoggingConfig.LogGroup,
			LogFormat:   f.props.LoggingConfig.LogFormat,
			LogLevel:    level,
			Concurrency: int(f.props.ReservedConcurrentExecutions),
		}); err != nil {
			return err
		}
	}
	return nil
}

// environment is a function's own, with what Env has put in its place.
func (c Config) environment(f function) map[string]string {
	env := map[string]string{}
	maps.Copy(env, f.props.Environment.Variables)
	maps.Copy(env, c.Env)
	return env
}

// binary is where the function's executable is: the template's handler names
// the command, since the runtime itself has no use for a handler.
func (c Config) binary(f function) string {
	return filepath.Join(c.Functions, f.props.Handler, "bootstrap")
}

// checkArtefacts sees to it that what the template deploys has been built.
func (p *plan) checkArtefacts(cfg Config) error {
	var problems []error
	for _, f := range p.functions {
		if _, err := os.Stat(cfg.binary(f)); errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("%s is missing: run make build-local", cfg.binary(f)))
		}
	}
	if cfg.Site != "" {
		index := filepath.Join(cfg.Site, "index.html")
		if _, err := os.Stat(index); errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("%s is missing: run make webapp/dist/index.html", index))
		}
	}
	return errors.Join(problems...)
}

// invoker lets the gateway invoke functions.
type invoker struct{ service *lambda.Service }

func (i invoker) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	out, err := i.service.Invoke(ctx, function, event)
	switch {
	case errors.Is(err, lambda.ErrEventTooLarge):
		err = fmt.Errorf("%w: %w", gateway.ErrEventTooLarge, err)
	case errors.Is(err, lambda.ErrThrottled), errors.Is(err, lambda.ErrClosed):
		err = fmt.Errorf("%w: %w", gateway.ErrUnavailable, err)
	}
	return out, err
}
