// Package attribute holds DynamoDB's data types: attribute values, items and
// exact decimal numbers, with the service's rules for validity, size, equality
// and order, and its JSON representation.
//
// Values are immutable: nothing in this package or its users changes a value
// after it was made, so values may be shared between items and goroutines.
package attribute
