// Package idemlambda makes Lambda functions idempotent: consumers of queues and
// streams, targets of EventBridge, and any other handler.
//
// [SQS], [Kinesis], [DynamoDB], [EventBridge] and [Handler] wrap what handles one
// message, record or event, and return what lambda.Start takes:
//
//	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
//		Guard: guard, Operation: "orders.place",
//		Scope: idemlambda.QueueScope,
//		Key:   idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
//	}, place)
//	// …
//	lambda.Start(consume)
//
// The function's deadline ends the lease, so a key whose function was killed is
// free again when its time would have been over. HTTP belongs to idemhttp.
//
// # What becomes of a message
//
//	it                                           is
//	---------------------------------------------------------------------
//	was handled, now or before                   acknowledged
//	is being handled elsewhere                   failed: it comes again
//	has a known key and another payload          failed, now and ever
//	has no key, scope or readable payload        failed, now and ever
//	could not be claimed, its store being down   failed: it comes again
//	was interrupted before, under Refuse         failed, now and ever
//	returned an error or panicked                failed: it comes again
//
// A duplicate is never acknowledged while the first is still being handled, for
// that may yet fail. What fails ever again is for the queue's dead-letter queue,
// or the stream's or function's on-failure destination: configure one.
//
// # What the event source must do
//
// A failed message is named in the response, as AWS documents under "Reporting
// batch item failures". The event source mapping has to have
// FunctionResponseTypes: ["ReportBatchItemFailures"]; without it Lambda ignores
// the response and deletes what has failed. Where you cannot be sure, set
// [Config].WholeBatch.
//
//   - SQS: only the failed messages come again. In a FIFO queue the later messages
//     of a failed one's group are reported as well, unhandled, to keep their order.
//   - Kinesis and DynamoDB streams: the records are handled in order up to the
//     first that fails. Lambda begins again at that one, so it holds up its shard
//     until it succeeds or the mapping gives up on it.
//   - EventBridge and [Handler]: the function fails, and whoever invoked it
//     retries.
//
// A queue's visibility timeout should be at least six times the function's
// timeout, as AWS recommends, and a key's window longer than messages are kept.
package idemlambda
