// The CDK app. `npx cdk synth` and `npx cdk deploy` run it from the root of the
// repository, as cdk.json tells them.
//
// See [stack.Settings] for what a deployment can choose.
package main

import (
	_ "embed" // for feature-flags.json
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

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
	app, err := newApp(appProps{})
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
}

// newApp is the app with its one stack.
func newApp(props appProps) (awscdk.App, error) {
	context := map[string]any{}
	if err := json.Unmarshal(featureFlags, &context); err != nil {
		return nil, fmt.Errorf("feature-flags.json: %w", err)
	}
	for key, value := range props.context {
		context[key] = value
	}
	app := awscdk.NewApp(&awscdk.AppProps{
		Context:            &context,
		AnalyticsReporting: jsii.Bool(false),
		Outdir:             optional(props.outdir),
	})
	settings, err := stack.ReadSettings(func(key string) any {
		return app.Node().TryGetContext(jsii.String(key))
	})
	if err != nil {
		return nil, err
	}
	artefacts := props.artefacts
	if artefacts == (stack.Artefacts{}) {
		artefacts = stack.BuiltArtefacts(".", settings.Architecture)
	}
	if _, err := stack.New(app, stack.Props{Settings: settings, Artefacts: artefacts}); err != nil {
		return nil, err
	}
	return app, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
