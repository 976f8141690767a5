// Package costs measures what each way of answering a request asks of DynamoDB,
// puts the prices of AWS to it, and prints the result into docs/costs.md by
//
//	go test ./evidence/costs -update
//
// Every other run of the tests compares, so that the document cannot say less
// than the code costs.
package costs
