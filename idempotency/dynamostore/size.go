package dynamostore

import (
	"maps"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// target returns the table of a write, and the attributes by which the write names
// its item: the key, or the whole item of a Put.
func target(w types.TransactWriteItem) (table string, names map[string]types.AttributeValue) {
	switch {
	case w.Put != nil:
		return aws.ToString(w.Put.TableName), w.Put.Item
	case w.Update != nil:
		return aws.ToString(w.Update.TableName), w.Update.Key
	case w.Delete != nil:
		return aws.ToString(w.Delete.TableName), w.Delete.Key
	case w.ConditionCheck != nil:
		return aws.ToString(w.ConditionCheck.TableName), w.ConditionCheck.Key
	}
	return "", nil
}

// sameItem reports whether two writes are known to be of one item. Of two Puts
// that is not known, because only the table knows which attributes are the key,
// unless the items are equal.
func sameItem(a, b types.TransactWriteItem) bool {
	table, one := target(a)
	otherTable, other := target(b)
	if table != otherTable {
		return false
	}
	switch {
	case a.Put != nil && b.Put == nil:
		return includes(one, other)
	case a.Put == nil && b.Put != nil:
		return includes(other, one)
	}
	return len(one) > 0 && maps.EqualFunc(one, other, equal)
}

// includes reports whether the item has the attributes of the key.
func includes(item, key map[string]types.AttributeValue) bool {
	if len(key) == 0 {
		return false
	}
	for name, value := range key {
		if !equal(item[name], value) {
			return false
		}
	}
	return true
}

func equal(a, b types.AttributeValue) bool { return reflect.DeepEqual(a, b) }

// writeSize returns about how many bytes a write adds to its transaction.
func writeSize(w types.TransactWriteItem) int {
	_, names := target(w)
	size := attributesSize(names)
	switch {
	case w.Put != nil:
		size += attributesSize(w.Put.ExpressionAttributeValues)
	case w.Update != nil:
		size += attributesSize(w.Update.ExpressionAttributeValues)
	case w.Delete != nil:
		size += attributesSize(w.Delete.ExpressionAttributeValues)
	case w.ConditionCheck != nil:
		size += attributesSize(w.ConditionCheck.ExpressionAttributeValues)
	}
	return size
}

func attributesSize(attributes map[string]types.AttributeValue) (size int) {
	for name, value := range attributes {
		size += len(name) + valueSize(value)
	}
	return size
}

// valueSize returns the size of a value as DynamoDB's documentation counts it, or
// a little more.
func valueSize(value types.AttributeValue) (size int) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2 // two digits a byte, and the sign and exponent
	case *types.AttributeValueMemberM:
		for name, member := range v.Value {
			size += 1 + len(name) + valueSize(member)
		}
		return size + 3
	case *types.AttributeValueMemberL:
		for _, member := range v.Value {
			size += 1 + valueSize(member)
		}
		return size + 3
	case *types.AttributeValueMemberSS:
		for _, member := range v.Value {
			size += len(member)
		}
		return size
	case *types.AttributeValueMemberBS:
		for _, member := range v.Value {
			size += len(member)
		}
		return size
	case *types.AttributeValueMemberNS:
		for _, member := range v.Value {
			size += len(member)/2 + 2
		}
		return size
	}
	return 1
}
