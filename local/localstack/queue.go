package localstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/sqs"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// queue is an SQS queue as the template has it.
type queue struct {
	name, arn string
	props     queueProperties
}

type queueProperties struct {
	QueueName              string
	VisibilityTimeout      template.Int // seconds
	MessageRetentionPeriod template.Int // seconds
	RedrivePolicy          *struct {
		DeadLetterTargetARN string       `json:"deadLetterTargetArn"`
		MaxReceiveCount     template.Int `json:"maxReceiveCount"`
	}

	// About encryption, and who may redrive.
	KmsMasterKeyID       template.Ignored `json:"KmsMasterKeyId"`
	RedriveAllowPolicy   template.Ignored
	SqsManagedSseEnabled template.Ignored
	Tags                 template.Ignored
}

type eventSourceProperties struct {
	BatchSize             template.Int
	EventSourceARN        string `json:"EventSourceArn"`
	FunctionName          string
	FunctionResponseTypes []string
	ScalingConfig         struct{ MaximumConcurrency template.Int }

	Enabled template.Ignored
	Tags    template.Ignored
}

func (p *plan) addQueue(res *template.Resource) error {
	props := queueProperties{VisibilityTimeout: 30, MessageRetentionPeriod: 345_600} // SQS's defaults
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	arn, err := p.lookup.GetAtt(res, "Arn")
	if err != nil {
		return err
	}
	name, err := p.lookup.GetAtt(res, "QueueName")
	if err != nil {
		return err
	}
	p.queues = append(p.queues, queue{name, arn, props})
	return nil
}

func (p *plan) addEventSource(res *template.Resource) error {
	props := eventSourceProperties{BatchSize: sqs.MaxBatch}
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if other := slices.IndexFunc(props.FunctionResponseTypes, func(s string) bool { return s != "ReportBatchItemFailures" }); other >= 0 {
		return refused(res, "the response type %q is not understood", props.FunctionResponseTypes[other])
	}
	if props.BatchSize < 1 || props.BatchSize > sqs.MaxBatch {
		return refused(res, "a batch of %d messages is not understood: 1 to %d are expected", props.BatchSize, sqs.MaxBatch)
	}
	p.eventSources = append(p.eventSources, props)
	return nil
}

// queues are the queues of a running stack, with what consumes them.
type queues struct {
	all  []*sqs.Queue
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// start makes the template's queues and polls those that a function consumes.
func (q *queues) start(p *plan, invoke func(ctx context.Context, function string, event []byte) ([]byte, error), log *slog.Logger) error {
	made := map[string]*sqs.Queue{} // by ARN
	// Those without a dead-letter queue first: they may be one.
	slices.SortStableFunc(p.queues, func(a, b queue) int {
		return boolInt(a.props.RedrivePolicy != nil) - boolInt(b.props.RedrivePolicy != nil)
	})
	for _, planned := range p.queues {
		cfg := sqs.Config{
			Name: planned.name, ARN: planned.arn,
			Visibility: time.Duration(planned.props.VisibilityTimeout) * time.Second,
			Retention:  time.Duration(planned.props.MessageRetentionPeriod) * time.Second,
		}
		if r := planned.props.RedrivePolicy; r != nil {
			cfg.MaxReceives, cfg.DeadLetters = int(r.MaxReceiveCount), made[r.DeadLetterTargetARN]
			if cfg.DeadLetters == nil {
				return fmt.Errorf("the dead-letter queue of %s is not a queue of the template without one of its own", planned.name)
			}
		}
		made[planned.arn] = sqs.New(cfg)
		q.all = append(q.all, made[planned.arn])
	}
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	for _, source := range p.eventSources {
		from := made[source.EventSourceARN]
		to := slices.IndexFunc(p.functions, func(f function) bool { return f.name == source.FunctionName || f.arn == source.FunctionName })
		if from == nil || to < 0 {
			return fmt.Errorf("the event source mapping of %s to %s is not between a queue and a function of the template", source.EventSourceARN, source.FunctionName)
		}
		name := p.functions[to].name
		consumer := sqs.Consumer{
			Queue: from, Region: region, Log: log,
			Invoke:          func(ctx context.Context, event []byte) ([]byte, error) { return invoke(ctx, name, event) },
			BatchSize:       int(source.BatchSize),
			Concurrency:     max(2, int(source.ScalingConfig.MaximumConcurrency)),
			ReportsFailures: len(source.FunctionResponseTypes) > 0,
		}
		q.wg.Go(func() { consumer.Run(ctx) })
	}
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// close ends the polling. Invocations have to have ended, or be about to.
func (q *queues) close() {
	if q.stop != nil {
		q.stop()
		q.wg.Wait()
	}
}

// Queue returns the queue whose URL an output of the template names, or nil.
func (s *Stack) Queue(output string) *sqs.Queue {
	url, _ := s.Output(output)
	return s.queue(url)
}

func (s *Stack) queue(url string) *sqs.Queue {
	i := slices.IndexFunc(s.queues.all, func(q *sqs.Queue) bool { return q.Name() == path.Base(url) })
	if i < 0 {
		return nil
	}
	return s.queues.all[i]
}

// sqsTarget begins the header by which SQS's operations are asked for.
const sqsTarget = "AmazonSQS."

// queueOperations are the operations of SQS that are served, each on what was
// asked for and, but for ListQueues, a queue:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
var queueOperations = map[string]func(*sqs.Queue, queueRequest) (any, error){
	"SendMessage": func(q *sqs.Queue, r queueRequest) (any, error) {
		m, err := q.Send(r.MessageBody)
		return map[string]string{"MessageId": m.ID, "MD5OfMessageBody": m.MD5}, err
	},
	"ReceiveMessage": func(q *sqs.Queue, r queueRequest) (any, error) {
		var messages []map[string]any
		for _, m := range q.Receive(max(1, r.MaxNumberOfMessages)) {
			messages = append(messages, map[string]any{
				"MessageId": m.ID, "Body": m.Body, "MD5OfBody": m.MD5, "ReceiptHandle": m.Receipt,
				"Attributes": map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.ReceiveCount)},
			})
		}
		return map[string]any{"Messages": messages}, nil
	},
	"DeleteMessage": func(q *sqs.Queue, r queueRequest) (any, error) {
		return struct{}{}, q.Delete(r.ReceiptHandle)
	},
	"GetQueueAttributes": func(q *sqs.Queue, _ queueRequest) (any, error) {
		visible, hidden := q.Count()
		return map[string]any{"Attributes": map[string]string{
			"QueueArn": q.ARN(), "ApproximateNumberOfMessages": strconv.Itoa(visible), "ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		}}, nil
	},
}

type queueRequest struct {
	QueueURL            string `json:"QueueUrl"`
	MessageBody         string
	MaxNumberOfMessages int
	ReceiptHandle       string
}

// serveQueues answers SQS's operations, for the AWS CLI or an SDK.
func (s *Stack) serveQueues(w http.ResponseWriter, r *http.Request) {
	if ofWebPage(r) {
		refuseInvoke(w, http.StatusForbidden, "AccessDeniedException", "queues are not used by web pages")
		return
	}
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), sqsTarget)
	operation, ok := queueOperations[name]
	if !ok {
		refuseInvoke(w, http.StatusBadRequest, "InvalidAction",
			fmt.Sprintf("the operation %q is not served: there are %s", name, strings.Join(slices.Sorted(maps.Keys(queueOperations)), ", ")))
		return
	}
	var asked queueRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*sqs.MaxBody))
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		refuseInvoke(w, http.StatusBadRequest, "InvalidParameterValueException", "the request is not JSON of at most two MiB")
		return
	}
	q := s.queue(asked.QueueURL)
	if q == nil {
		refuseInvoke(w, http.StatusBadRequest, "QueueDoesNotExist", fmt.Sprintf("there is no queue %q: the outputs name those that there are", asked.QueueURL))
		return
	}
	answer, err := operation(q, asked)
	if err != nil {
		kind := "ReceiptHandleIsInvalid"
		if errors.Is(err, sqs.ErrBody) {
			kind = "InvalidParameterValueException"
		}
		refuseInvoke(w, http.StatusBadRequest, kind, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is its own business
}
