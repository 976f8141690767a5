// Package powertools runs functions made idempotent by Powertools for AWS Lambda,
// in Python and in TypeScript, beside ours on one table, and tests that none
// takes another's record for its own.
package powertools
