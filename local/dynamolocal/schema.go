package dynamolocal

import (
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Limits of key values in bytes.
const (
	maxHashBytes = 2048
	maxSortBytes = 1024
)

const errSchemaMismatch = "The provided key element does not match the schema"

// keyAttribute is an attribute of a key.
type keyAttribute struct {
	name string
	kind attribute.Kind
}

// keySchema is the key of a table or of an index.
type keySchema struct {
	hash keyAttribute
	sort keyAttribute // without a name if there is none
}

func schemaOf(elements []keyElement, definitions []attributeDefinition) keySchema {
	var schema keySchema
	for _, element := range elements {
		key := keyAttribute{name: element.AttributeName}
		for _, definition := range definitions {
			if definition.AttributeName == key.name {
				key.kind = attribute.Kind(definition.AttributeType)
			}
		}
		if element.KeyType == keyHash {
			schema.hash = key
		} else {
			schema.sort = key
		}
	}
	return schema
}

func (s keySchema) hasSort() bool { return s.sort.name != "" }

// attributes returns the attributes of the key.
func (s keySchema) attributes() []keyAttribute {
	if s.hasSort() {
		return []keyAttribute{s.hash, s.sort}
	}
	return []keyAttribute{s.hash}
}

// has reports whether an attribute belongs to the key.
func (s keySchema) has(name string) bool {
	return name == s.hash.name || s.hasSort() && name == s.sort.name
}

// of returns the key of an item that has one.
func (s keySchema) of(item attribute.Item) primaryKey {
	key := primaryKey{hash: encode(item[s.hash.name])}
	if s.hasSort() {
		key.sort = item[s.sort.name]
	}
	return key
}

// attributesOf returns the key attributes of an item.
func (s keySchema) attributesOf(item attribute.Item) attribute.Item {
	key := make(attribute.Item, 2)
	for _, part := range s.attributes() {
		key[part.name] = item[part.name]
	}
	return key
}

// keyOfItem returns the key of an item to be written, having checked it.
func (t *table) keyOfItem(item attribute.Item) (primaryKey, error) {
	for _, part := range t.schema.attributes() {
		value, present := item[part.name]
		if !present {
			return primaryKey{}, mismatchf("One or more parameter values were invalid: Missing the key %s in the item", part.name)
		}
		if value.Kind() != part.kind {
			return primaryKey{}, mismatchf("One or more parameter values were invalid: "+
				"Type mismatch for key %s expected: %s actual: %s", part.name, part.kind, value.Kind())
		}
	}
	return t.checkedKey(item)
}

// keyOf returns the key that a request gives, having checked it.
func (t *table) keyOf(key attribute.Item) (primaryKey, error) {
	parts := t.schema.attributes()
	if len(key) != len(parts) {
		return primaryKey{}, mismatchf(errSchemaMismatch)
	}
	for _, part := range parts {
		value, present := key[part.name]
		if !present || value.Kind() != part.kind {
			return primaryKey{}, mismatchf(errSchemaMismatch)
		}
	}
	return t.checkedKey(key)
}

// checkedKey returns the key in item, whose types are right.
func (t *table) checkedKey(item attribute.Item) (primaryKey, error) {
	for _, part := range t.schema.attributes() {
		if empty := emptyKind(item[part.name]); empty != "" {
			return primaryKey{}, validationf("One or more parameter values are not valid. "+
				"The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", empty, part.name)
		}
	}
	if err := checkKeySize(t.schema, item); err != nil {
		return primaryKey{}, err
	}
	return t.schema.of(item), nil
}

// checkKeySize refuses too long values of the attributes of a key.
func checkKeySize(schema keySchema, item attribute.Item) error {
	if value := item[schema.hash.name]; value != nil && value.Size() > maxHashBytes {
		return invalidParameterf("Size of hashkey has exceeded the maximum size limit of%d bytes", maxHashBytes)
	}
	if !schema.hasSort() {
		return nil
	}
	if value := item[schema.sort.name]; value != nil && value.Size() > maxSortBytes {
		return invalidParameterf("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortBytes)
	}
	return nil
}

// checkNested refuses expressions that look into attributes of a key, which have
// no inside. Any of the arguments may be nil.
func (t *table) checkNested(expressions ...interface{ Nested() []string }) error {
	for _, text := range expressions {
		for _, name := range text.Nested() {
			prefix := ""
			switch {
			case t.schema.has(name):
				prefix = "Key"
			case slices.ContainsFunc(t.indexes, func(on *index) bool { return on.schema.has(name) }):
				prefix = "IndexKey"
			default:
				continue
			}
			return mismatchf("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: %s: %s", prefix, name)
		}
	}
	return nil
}

// isKeyKind reports whether values of the type can be keys.
func isKeyKind(kind attribute.Kind) bool {
	return kind == attribute.KindString || kind == attribute.KindNumber || kind == attribute.KindBinary
}

// emptyKind returns the word for the type of an empty string or binary, "" for
// other values.
func emptyKind(value attribute.Value) string {
	switch value := value.(type) {
	case attribute.String:
		if value == "" {
			return "string"
		}
	case attribute.Binary:
		if value == "" {
			return "binary"
		}
	}
	return ""
}

// checkIndexKeys refuses an item with an attribute that is a key of an index but
// of another type, or empty, or too long. updated reports whether an
// update made the item; otherwise the request gave it.
func (t *table) checkIndexKeys(item attribute.Item, updated bool) error {
	for _, on := range t.indexes {
		for _, part := range on.schema.attributes() {
			value, present := item[part.name]
			if !present {
				continue
			}
			if value.Kind() != part.kind {
				return mismatchf("One or more parameter values were invalid: "+
					"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
					part.name, part.kind, value.Kind(), on.name)
			}
			if empty := emptyKind(value); empty != "" {
				return emptyIndexKey(empty, on.name, part.name, updated)
			}
		}
		if err := checkKeySize(on.schema, item); err != nil {
			return err
		}
	}
	return nil
}

func emptyIndexKey(empty, index, key string, updated bool) error {
	if updated {
		return validationf("One or more parameter values are not valid. "+
			"The update expression attempted to update a secondary index key to a value that is not supported. "+
			"The AttributeValue for a key attribute cannot contain an empty %s value.", empty)
	}
	return validationf("One or more parameter values are not valid. "+
		"A value specified for a secondary index key is not supported. "+
		"The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", empty, index, key)
}
