// The CDK app. `npx cdk synth` and `npx cdk deploy` run it from the root of the
// repository, as cdk.json tells them.
//
// See [settings.Settings] for what a deployment can choose.
package main

import (
	_ "embed" // for feature-flags.json
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/settings"
	"github.com/idempotent-requests/idempotent-requests/infra/stack"
)

// featureFlags are the behaviours that aws-cdk-lib recommends to new projects,
// as published in the library (recommended-feature-flags.json).
//
//go:embed feature-flags.json
var featureFlags []byte

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	jsii.Close()
	if err != nil {
		os.Exit(1)
	}
}

func run() error {
	app, err := newApp(appProps{region: os.Getenv("CDK_DEFAULT_REGION")})
	if err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// appProps is what differs between the CLI, which leaves most of it to the
// environment that CDK reads by itself, and the tests.
type appProps struct {
	// artefacts is what is deployed; empty means what `make build` has built.
	artefacts stack.Artefacts
	// outdir is where the template goes; empty leaves it to the CLI.
	outdir string
	// context is set before the CLI's, which wins.
	context map[string]any
	// region is where the stack goes, if that is known. The template does not
	// depend on it.
	region string
}

// newApp is the app with its one stack.
func newApp(props appProps) (awscdk.App, error) {
	recommended := map[string]any{}
	if err := json.Unmarshal(featureFlags, &recommended); err != nil {
		return nil, fmt.Errorf("feature-flags.json: %w", err)
	}
	context := maps.Clone(recommended)
	maps.Copy(context, props.context)
	app := awscdk.NewApp(&awscdk.AppProps{
		Context:            &context,
		AnalyticsReporting: jsii.Bool(false),
		Outdir:             optional(props.outdir),
	})
	chosen, err := chosenContext(app, recommended)
	if err != nil {
		return nil, err
	}
	read, err := settings.Read(chosen, props.region)
	if err != nil {
		return nil, err
	}
	artefacts := props.artefacts
	if artefacts == (stack.Artefacts{}) {
		artefacts = stack.BuiltArtefacts(".", read.Architecture)
	}
	if _, err := stack.New(app, stack.Props{Settings: read, Artefacts: artefacts}); err != nil {
		return nil, err
	}
	return app, nil
}

// chosenContext returns the context of an app without the feature flags: what
// somebody has set, and keys of CDK's own.
func chosenContext(app awscdk.App, flags map[string]any) (map[string]any, error) {
	all, ok := app.Node().GetAllContext(nil).(map[string]any)
	if !ok {
		return nil, errors.New("the context of the app is no map")
	}
	maps.DeleteFunc(all, func(key string, _ any) bool {
		_, isFlag := flags[key]
		return isFlag
	})
	return all, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
