// Package stack is the whole deployment as one CloudFormation stack: tables,
// functions, queue, HTTP API, website. One file per concern; what knows nothing of
// the demo lives in package construct.
//
// Nothing here reads the clock, the environment or the network: the same
// settings and artefacts give the same template, byte for byte, on any machine
// and for any account and region.
package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
	"github.com/idempotent-requests/idempotent-requests/infra/settings"
)

// ID is the stack's construct id, by which the CDK CLI knows it. The name of
// the deployed stack is this id with the stage behind it.
const ID = "IdempotentRequests"

// Props configures a [Stack].
type Props struct {
	Settings  settings.Settings
	Artefacts Artefacts
}

// Stack is the deployment.
type Stack struct {
	stack     awscdk.Stack
	settings  settings.Settings
	artefacts Artefacts

	// data.go
	records *construct.IdempotencyTable
	data    awsdynamodb.Table
	// queue.go
	queue *construct.IdempotentQueueConsumer
	// functions.go
	customers, payments, orders, activity *construct.GoFunction
	// api.go
	api         awsapigatewayv2.HttpApi
	callers     awsapigatewayv2authorizers.HttpJwtAuthorizer // nil: anybody may call
	routes      []route
	addedRoutes []awsapigatewayv2.HttpRoute
}

// New adds the stack to an app. It fails if an artefact is missing, before
// anything is added.
func New(scope constructs.Construct, props Props) (*Stack, error) {
	artefacts, err := props.Artefacts.resolve()
	if err != nil {
		return nil, err
	}
	s := &Stack{
		settings:  props.Settings,
		artefacts: artefacts,
		stack: awscdk.NewStack(scope, jsii.String(ID), &awscdk.StackProps{
			StackName:             jsii.String(ID + "-" + props.Settings.Stage),
			Description:           jsii.String("Idempotent requests, demonstrated end to end"),
			TerminationProtection: jsii.Bool(props.Settings.Protection),
			Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
				// The CLI checks the version of the bootstrap stack by itself;
				// a rule in the template would only repeat it.
				GenerateBootstrapVersionRule: jsii.Bool(false),
			}),
		}),
	}
	tags := awscdk.Tags_Of(s.stack)
	tags.Add(jsii.String("Project"), jsii.String("idempotent-requests"), nil)
	tags.Add(jsii.String("Stage"), jsii.String(s.settings.Stage), nil)

	s.addData()
	if err := s.addFunctions(); err != nil {
		return nil, err
	}
	if err := s.addQueue(); err != nil {
		return nil, err
	}
	s.addAPI()
	s.addWebsite()
	s.addMonitoring()
	s.addBudget()
	return s, nil
}

// output adds a stack output. Its name is its logical id.
func (s *Stack) output(name, description string, value *string) {
	awscdk.NewCfnOutput(s.stack, jsii.String(name), &awscdk.CfnOutputProps{
		Description: jsii.String(description),
		Value:       value,
	})
}
