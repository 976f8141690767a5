// Package regions shows what becomes of the promises on a global table of DynamoDB
// with eventual consistency, and on one of which every key has a home Region. The
// replicas are tables of embedded DynamoDBs, between which changes travel with a
// delay, by the test's clock.
package regions
