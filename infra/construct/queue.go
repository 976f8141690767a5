package construct

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Defaults of [IdempotentQueueConsumerProps].
const (
	DefaultBatchSize    = 10
	DefaultMaxReceives  = 5
	DefaultMaxConsumers = 10
)

// visibilityFactor is how many times a function's timeout a message stays
// hidden while it is handled, as Lambda recommends:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
const visibilityFactor = 6

// deadLetterDays is how long a message that could not be handled is kept: as
// long as SQS keeps one.
const deadLetterDays = 14

// IdempotentQueueConsumerProps configures an [IdempotentQueueConsumer].
type IdempotentQueueConsumerProps struct {
	// Function handles the messages, as the consumer of idemlambda.SQS does: it
	// reports the messages of a batch that it could not handle. Required.
	Function *GoFunction

	// BatchSize is how many messages the function gets at most at once, 1 to 10.
	// Default: [DefaultBatchSize].
	BatchSize int

	// MaxReceives is how often a message is delivered before it goes to the
	// dead-letter queue. Default: [DefaultMaxReceives].
	MaxReceives int

	// MaxConsumers is how many executions at once the queue may have, 2 to 1000,
	// of those that the function has. Default: [DefaultMaxConsumers].
	MaxConsumers int

	// Retain keeps both queues when the stack is deleted. Default: false.
	Retain bool

	// Customise changes what the queue is made of, such as its encryption.
	// Default: nil.
	Customise func(*awssqs.QueueProps)
}

// IdempotentQueueConsumer is a queue whose messages a function handles, each as
// if once. A message that the function reports as failed comes again alone, and
// goes to the dead-letter queue in the end.
type IdempotentQueueConsumer struct {
	// Queue is the queue to send messages to.
	Queue awssqs.Queue

	// DeadLetters is the queue of messages that could not be handled.
	DeadLetters awssqs.Queue
}

// NewIdempotentQueueConsumer adds a queue to scope and has the function consume
// it. It fails if Function is missing or a number is out of its range.
func NewIdempotentQueueConsumer(scope constructs.Construct, id string, props IdempotentQueueConsumerProps) (*IdempotentQueueConsumer, error) {
	props.BatchSize = orDefault(props.BatchSize, DefaultBatchSize)
	props.MaxReceives = orDefault(props.MaxReceives, DefaultMaxReceives)
	props.MaxConsumers = orDefault(props.MaxConsumers, DefaultMaxConsumers)
	if err := props.validate(); err != nil {
		return nil, fmt.Errorf("queue %s: %w", id, err)
	}
	this := constructs.NewConstruct(scope, jsii.String(id))
	dead := awssqs.NewQueue(this, jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(deadLetterDays)),
		RemovalPolicy:   RemovalPolicy(props.Retain),
	})
	queue := &awssqs.QueueProps{
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		VisibilityTimeout: duration(Visibility(props.Function.Timeout)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(props.MaxReceives)},
		RemovalPolicy:     RemovalPolicy(props.Retain),
	}
	if props.Customise != nil {
		props.Customise(queue)
	}
	c := &IdempotentQueueConsumer{Queue: awssqs.NewQueue(this, jsii.String("Queue"), queue), DeadLetters: dead}
	c.consume(props)
	return c, nil
}

func (p IdempotentQueueConsumerProps) validate() error {
	switch {
	case p.Function == nil:
		return errors.New("props have no Function")
	case p.BatchSize < 1 || p.BatchSize > 10:
		return fmt.Errorf("BatchSize is %d, want 1 to 10", p.BatchSize)
	case p.MaxReceives < 1 || p.MaxReceives > 1000:
		return fmt.Errorf("MaxReceives is %d, want 1 to 1000", p.MaxReceives)
	case p.MaxConsumers < 2 || p.MaxConsumers > 1000:
		return fmt.Errorf("MaxConsumers is %d, want 2 to 1000", p.MaxConsumers)
	}
	return nil
}

// consume maps the queue to the function, with the permissions that Lambda asks
// for and no others: Queue.GrantConsumeMessages would add two.
func (c *IdempotentQueueConsumer) consume(props IdempotentQueueConsumerProps) {
	function := props.Function.Function
	function.GrantPrincipal().AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
		Resources: &[]*string{c.Queue.QueueArn()},
	}))
	if key := c.Queue.EncryptionMasterKey(); key != nil {
		key.GrantDecrypt(function)
	}
	awslambda.NewEventSourceMapping(c.Queue, jsii.String("Consumer"), &awslambda.EventSourceMappingProps{
		Target:                  function,
		EventSourceArn:          c.Queue.QueueArn(),
		BatchSize:               jsii.Number(props.BatchSize),
		MaxConcurrency:          jsii.Number(props.MaxConsumers),
		ReportBatchItemFailures: jsii.Bool(true),
	})
}

// MetricAge returns the age of the oldest message that is not handled, in
// seconds.
func (c *IdempotentQueueConsumer) MetricAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return c.Queue.MetricApproximateAgeOfOldestMessage(options)
}

// MetricDeadLetters returns the number of messages that could not be handled.
func (c *IdempotentQueueConsumer) MetricDeadLetters(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return c.DeadLetters.MetricApproximateNumberOfMessagesVisible(options)
}

// Visibility returns how long a message stays hidden while a function with a
// timeout handles it.
func Visibility(timeout time.Duration) time.Duration { return visibilityFactor * timeout }
