// Package expression parses, checks and evaluates DynamoDB's expressions:
// conditions and filters, key conditions, updates and projections.
//
// An expression goes through three steps. Parsing makes a tree of the text with
// a grammar written for participle, and refuses what is wrong whatever the
// placeholders are: syntax, reserved words, unknown functions. Binding replaces
// the placeholders #name and :value by what the request gives for them and
// checks paths and operands. Evaluating applies the bound expression to items.
// A [Parser] keeps the results of the first step.
//
// Errors are of type [*Error] and carry the messages of the service, checked in
// the order in which the service checks.
package expression
