// Package dynamolocal is an embedded DynamoDB for development and tests: an
// [Engine] is an http.Handler that speaks the service's JSON protocol to the
// unmodified AWS SDKs.
//
// It has the operations on tables, items, queries, scans, transactions and time
// to live that this project uses, with the service's semantics and messages:
// the whole grammar of expressions, exact numbers, limits, consumed capacity,
// cancellation reasons and request tokens. Operations that it does not have
// answer UnknownOperationException, and so do not pass silently; neither do the
// legacy parameters that expressions replaced, which are refused.
//
// What differs from the service: signatures are not verified, any credentials
// do; tables are ACTIVE at once; reads are always consistent; there is no
// throttling; item collection metrics are not returned; and expired items go
// when [Engine.Sweep] is called. In return, faults can be injected precisely
// ([Engine.Inject]) and calls observed ([Config.Observe]).
//
// All data are in memory. With [Config.File] every change is also written to a
// file before it is answered, from which the next engine starts.
package dynamolocal
