// Package idemlambda makes Lambda functions idempotent: consumers of queues,
// topics and streams, targets of EventBridge, and any other handler. [HTTP] makes
// a function of an http.Handler, which package idemhttp protects.
//
//	consume, err := idemlambda.SQSJSON(idemlambda.Config[Order]{
//		Guard: guard, Operation: "orders.place",
//		Scope: func(o Order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) },
//		Key:   func(o Order) (string, error) { return o.ID, nil },
//	}, placeOrder) // func(context.Context, Order) error
//	// …
//	lambda.Start(consume)
//
// Each function of this package wraps what handles one message, record or event,
// and returns what lambda.Start takes:
//
//	source                     as delivered     decoded as JSON
//	------------------------------------------------------------------
//	SQS                        [SQS]              [SQSJSON]
//	SNS                        [SNS]              [SNSJSON]
//	Kinesis                    [Kinesis]          [KinesisJSON]
//	EventBridge                [EventBridge]      [EventBridgeJSON]
//	a DynamoDB stream          [DynamoDB]
//	S3, directly or by SQS     [S3], [S3InSQS]
//	SNS or EventBridge by SQS  [SQS] or [SQSJSON], with [Config].Unwrap
//	an EventBridge pipe        [SQSPipe], [KinesisPipe], [DynamoDBPipe]
//	anything else              [Handler]
//
// # What becomes of a message
//
//	a message that                                is
//	--------------------------------------------------------------------
//	was handled, now or before                    acknowledged
//	is being handled elsewhere                    failed; delivered again
//	could not be begun in time                    failed; delivered again
//	could not be claimed, the store being down    failed; delivered again
//	returned an error or panicked                 failed; delivered again
//	has a known key and another payload           failed for good
//	has no key, scope or readable payload         failed for good
//	was interrupted before, under Refuse          failed for good
//
// A duplicate is never acknowledged while the first is still being handled,
// because that may yet fail. A message that failed for good fails at every
// delivery, so it belongs in the queue's dead-letter queue or the stream's or
// function's on-failure destination: configure one. The log marks such failures
// with permanent=true, [Permanent] reports them, and the guard's observer is told
// "refused", "payload_mismatch" or "outcome_unknown".
//
// # Time
//
// Messages of a standard queue are handled [Config].Concurrency at a time, the
// groups of a FIFO queue side by side and each in its order, and the records of a
// shard one after the other.
//
// A tenth of the function's time, at most a second, is kept for its response. A
// message is not begun after that, nor if what is left is less than the longest
// message of the batch has taken; under no policy is anything claimed for it. The
// context of a handler ends in time for its failure to be recorded. A handler
// that ignores this is left behind: the response leaves without it, names its
// message as failed, and acknowledges the others.
//
// # What the event source must do
//
// A failed message is named in the response, as AWS documents under "Reporting
// batch item failures". The event source mapping must have
// FunctionResponseTypes: ["ReportBatchItemFailures"]; without it Lambda ignores
// the response and deletes what has failed. If you cannot be sure, set
// [Config].WholeBatch.
//
//   - SQS: only the failed messages are delivered again. In a FIFO queue the later
//     messages of a failed one's group are reported as well, unhandled, to keep
//     their order.
//   - Kinesis and DynamoDB streams: the records are handled in order up to the
//     first that fails. Lambda begins again at that one, so it holds up its shard
//     until it succeeds or the mapping gives up on it.
//   - EventBridge, SNS, S3 and [Handler]: the function fails, and whoever invoked
//     it retries.
//
// A queue's visibility timeout should be at least six times the function's
// timeout, as AWS recommends, and a key's window longer than messages are kept.
//
// # An event that is published again
//
// A publisher that lost its response publishes the same order again, with a new
// event id and a new time. If the key is the order's and the payload is the whole
// body, the second is a mismatch, for the two differ. Leave out of the payload
// what belongs to the publication:
//
//	Key:     func(e OrderPlaced) (string, error) { return e.Order.ID, nil },
//	Payload: func(e OrderPlaced) ([]byte, error) { return json.Marshal(e.Order) },
package idemlambda
