// Package dynamolocal is an embedded DynamoDB for development and tests: an
// [Engine] is an http.Handler that speaks the service's JSON protocol to the
// unmodified AWS SDKs. Tests in Go have it readier in package dynamotest, other
// programs as the command local/cmd/dynamodb.
//
// It answers as the service answered in October 2026: the whole grammar of
// expressions, exact numbers, limits, consumed capacity, cancellation reasons,
// request tokens and messages. Package conformance holds it to that.
//
// # What it has
//
//   - Items: PutItem, GetItem, UpdateItem, DeleteItem, BatchGetItem,
//     BatchWriteItem, Query, Scan, TransactGetItems, TransactWriteItems. Query
//     takes KeyConditions too.
//   - Tables: CreateTable, DescribeTable, UpdateTable (indexes, billing mode,
//     throughput, deletion protection, table class), DeleteTable, ListTables,
//     UpdateTimeToLive, DescribeTimeToLive.
//
// # What it has not
//
// Nothing is ignored that would change an answer:
//
//   - Every other operation is answered UnknownOperationException: streams,
//     PartiQL, tags, backups, exports, global tables, policies, limits.
//   - The parameters that expressions replaced, except KeyConditions, are refused
//     with a ValidationException that names them: AttributesToGet,
//     AttributeUpdates, Expected, ConditionalOperator, QueryFilter, ScanFilter.
//   - CreateTable refuses a stream. UpdateTable refuses StreamSpecification,
//     SSESpecification, ReplicaUpdates, OnDemandThroughput, WarmThroughput and what
//     global tables need. CreateTable accepts tags, encryption, on-demand and warm
//     throughput and resource policies; they have no effect.
//   - Keys of indexes have one hash and one range attribute at most, not four.
//
// # What differs
//
//   - Signatures are not verified: any credentials do, any region and any account.
//   - Tables and indexes are ACTIVE at once, and every read is consistent.
//   - There is no throttling, unless a fault throttles.
//   - The writes of a batch are made all together, and none is left unprocessed.
//   - Item collection metrics are not returned.
//   - Expired items are deleted when [Engine.Sweep] is called.
//   - Item counts and sizes of tables are up to date.
//
// In return, faults can be injected precisely ([Engine.Inject]) and calls observed
// ([Config.Observe]).
//
// All data are in memory. With [Config.File] every change is also appended to a
// file before it is answered, from which the next engine starts: what was answered
// survives the death of the process, but not necessarily a power cut.
package dynamolocal
