package dynamolocal

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of tables.
const (
	maxKeyElements   = 2
	maxLocalIndexes  = 5
	maxGlobalIndexes = 20
)

// check checks the parameters.
func (in createTableInput) check() error {
	var v violations
	v.newName("tableName", in.TableName)
	v.enum("billingMode", in.BillingMode, billingProvisioned, billingOnDemand)
	v.require("attributeDefinitions", in.AttributeDefinitions != nil)
	v.require("keySchema", in.KeySchema != nil)
	for i, definition := range in.AttributeDefinitions {
		prefix := fmt.Sprintf("attributeDefinitions.%d.member.", i+1)
		v.length(prefix+"attributeName", definition.AttributeName, 1, maxNameLength)
		v.require(prefix+"attributeType", definition.AttributeType != "")
		v.enum(prefix+"attributeType", definition.AttributeType, "B", "N", "S")
	}
	checkKeyElements(&v, "keySchema", in.KeySchema)
	for i, local := range in.LocalSecondaryIndexes {
		local.check(&v, fmt.Sprintf("localSecondaryIndexes.%d.member.", i+1))
	}
	for i, global := range in.GlobalSecondaryIndexes {
		global.check(&v, fmt.Sprintf("globalSecondaryIndexes.%d.member.", i+1))
	}
	if err := v.err(); err != nil {
		return err
	}
	for _, check := range []func() error{in.checkBilling, in.checkKeys, in.checkIndexes, in.checkDefinitions} {
		if err := check(); err != nil {
			return err
		}
	}
	if in.StreamSpecification != nil && in.StreamSpecification.StreamEnabled {
		return validationf("Streams are not supported here: leave StreamSpecification out")
	}
	return nil
}

func checkKeyElements(v *violations, field string, elements []keyElement) {
	if elements != nil {
		v.count(field, len(elements), 1, maxKeyElements)
	}
	for i, element := range elements {
		prefix := fmt.Sprintf("%s.%d.member.", field, i+1)
		v.length(prefix+"attributeName", element.AttributeName, 1, maxNameLength)
		v.require(prefix+"keyType", element.KeyType != "")
		v.enum(prefix+"keyType", element.KeyType, keyHash, keyRange)
	}
}

func (d indexDefinition) check(v *violations, prefix string) {
	v.newName(prefix+"indexName", &d.IndexName)
	v.require(prefix+"keySchema", d.KeySchema != nil)
	checkKeyElements(v, prefix+"keySchema", d.KeySchema)
	v.enum(prefix+"projection.projectionType", d.Projection.ProjectionType, projectAll, projectInclude, projectKeys)
}

func (in createTableInput) checkBilling() error {
	switch provisioned := in.ProvisionedThroughput; {
	case in.BillingMode == billingOnDemand && provisioned != nil:
		return invalidParameterf("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case in.BillingMode != billingOnDemand && provisioned == nil:
		return invalidParameterf("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	case provisioned != nil && (provisioned.ReadCapacityUnits < 1 || provisioned.WriteCapacityUnits < 1):
		return invalidParameterf("ReadCapacityUnits and WriteCapacityUnits must be at least 1")
	}
	return nil
}

// checkKeys checks the keys of the table and of its indexes for themselves.
func (in createTableInput) checkKeys() error {
	if err := checkKeyOrder(in.KeySchema); err != nil {
		return err
	}
	for _, definition := range slices.Concat(in.LocalSecondaryIndexes, in.GlobalSecondaryIndexes) {
		if err := checkKeyOrder(definition.KeySchema); err != nil {
			return err
		}
	}
	return nil
}

func checkKeyOrder(elements []keyElement) error {
	if elements[0].KeyType != keyHash {
		return validationf("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	}
	if len(elements) < maxKeyElements {
		return nil
	}
	if elements[1].KeyType != keyRange {
		return validationf("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	if elements[0].AttributeName == elements[1].AttributeName {
		return validationf("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	return nil
}

func (in createTableInput) checkIndexes() error {
	if len(in.LocalSecondaryIndexes) > maxLocalIndexes {
		return invalidParameterf("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobalIndexes {
		return invalidParameterf("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	names := make(map[string]bool)
	for _, definition := range slices.Concat(in.LocalSecondaryIndexes, in.GlobalSecondaryIndexes) {
		if names[definition.IndexName] {
			return invalidParameterf("Duplicate index name: %s", definition.IndexName)
		}
		names[definition.IndexName] = true
		if err := definition.Projection.check(); err != nil {
			return err
		}
	}
	for _, local := range in.LocalSecondaryIndexes {
		if err := in.checkLocal(local); err != nil {
			return err
		}
	}
	return nil
}

func (in createTableInput) checkLocal(local indexDefinition) error {
	if len(in.KeySchema) < maxKeyElements {
		return invalidParameterf("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	if len(local.KeySchema) < maxKeyElements {
		return invalidParameterf("Index KeySchema does not have a range key for index: %s", local.IndexName)
	}
	if own, table := local.KeySchema[0].AttributeName, in.KeySchema[0].AttributeName; own != table {
		return invalidParameterf("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. "+
			"index hash key: %s, table hash key: %s", local.IndexName, own, table)
	}
	return nil
}

func (p projection) check() error {
	switch {
	case p.ProjectionType == "":
		return invalidParameterf("Unknown ProjectionType: null")
	case p.ProjectionType == projectInclude && len(p.NonKeyAttributes) == 0:
		return invalidParameterf("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case p.ProjectionType != projectInclude && p.NonKeyAttributes != nil:
		return invalidParameterf("ProjectionType is %s, but NonKeyAttributes is specified", p.ProjectionType)
	}
	return nil
}

// checkDefinitions checks that exactly the attributes of keys are defined.
func (in createTableInput) checkDefinitions() error {
	var defined, used []string
	for _, definition := range in.AttributeDefinitions {
		if slices.Contains(defined, definition.AttributeName) {
			return invalidParameterf("Duplicate AttributeName in AttributeDefinitions: %s", definition.AttributeName)
		}
		defined = append(defined, definition.AttributeName)
	}
	schemas := [][]keyElement{in.KeySchema}
	for _, definition := range slices.Concat(in.LocalSecondaryIndexes, in.GlobalSecondaryIndexes) {
		schemas = append(schemas, definition.KeySchema)
	}
	for _, schema := range schemas {
		var missing, keys []string
		for _, element := range schema {
			keys = append(keys, element.AttributeName)
			if !slices.Contains(defined, element.AttributeName) {
				missing = append(missing, element.AttributeName)
			}
		}
		if missing != nil {
			return invalidParameterf("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(keys, ", "), strings.Join(defined, ", "))
		}
		used = append(used, keys...)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	if len(used) == len(defined) {
		return nil
	}
	if len(schemas) == 1 {
		return invalidParameterf("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return invalidParameterf("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]",
		strings.Join(defined, ", "), strings.Join(used, ", "))
}
