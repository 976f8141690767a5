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
	// maxNonKeyAttributes is the number of attributes that an index projects
	// besides keys, maxProjected that of all indexes of a table.
	maxNonKeyAttributes = 20
	maxProjected        = 100
)

// check checks the parameters.
func (in createTableInput) check() error {
	if in.TableName == nil {
		return validationf("The parameter 'TableName' is required but was not present in the request")
	}
	var v violations
	v.newName("tableName", in.TableName)
	v.enum("billingMode", in.BillingMode, billingProvisioned, billingOnDemand)
	in.ProvisionedThroughput.check(&v, "provisionedThroughput")
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
	for _, check := range []func() error{
		in.checkBilling, in.checkKeys, in.checkDefinitions, in.checkIndexes, in.StreamSpecification.check,
		func() error { return checkTableClass(in.TableClass) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// streamSpecification is refused unless it asks for no stream.
type streamSpecification struct {
	StreamEnabled  bool
	StreamViewType string
}

func (s *streamSpecification) check() error {
	switch {
	case s == nil:
		return nil
	case s.StreamEnabled:
		return validationf("Streams are not supported here: leave StreamSpecification out")
	case s.StreamViewType != "":
		return invalidParameterf("Table is being created with a stream disabled, UpdateViewType should not be specified")
	}
	return nil
}

// The table classes. They make no difference here.
const (
	classStandard   = "STANDARD"
	classInfrequent = "STANDARD_INFREQUENT_ACCESS"
)

func checkTableClass(class string) error {
	if class == "" || class == classStandard || class == classInfrequent {
		return nil
	}
	return validationf("Invalid table-class parameter provided. Please try again with a valid table-class value: [%s, %s].",
		classStandard, classInfrequent)
}

// check checks throughput that may be absent.
func (t *throughput) check(v *violations, field string) {
	if t == nil {
		return
	}
	v.atLeast(field+".readCapacityUnits", &t.ReadCapacityUnits, 1)
	v.atLeast(field+".writeCapacityUnits", &t.WriteCapacityUnits, 1)
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
	d.ProvisionedThroughput.check(v, prefix+"provisionedThroughput")
	if d.Projection == nil {
		v.require(prefix+"projection", false)
		return
	}
	v.enum(prefix+"projection.projectionType", d.Projection.ProjectionType, projectAll, projectInclude, projectKeys)
	if d.Projection.NonKeyAttributes != nil {
		v.count(prefix+"projection.nonKeyAttributes", len(d.Projection.NonKeyAttributes), 1, maxNonKeyAttributes)
	}
	for i, name := range d.Projection.NonKeyAttributes {
		v.length(fmt.Sprintf("%sprojection.nonKeyAttributes.%d.member", prefix, i+1), name, 1, maxNameLength)
	}
}

func (in createTableInput) checkBilling() error {
	switch provisioned := in.ProvisionedThroughput; {
	case in.BillingMode == billingOnDemand && provisioned != nil:
		return invalidParameterf("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case in.BillingMode != billingOnDemand && provisioned == nil:
		return invalidParameterf("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	return nil
}

// checkKeys checks the keys of the table and of its indexes for themselves.
func (in createTableInput) checkKeys() error {
	if keys := in.KeySchema; len(keys) == maxKeyElements && keys[0].AttributeName == keys[1].AttributeName {
		return validationf("Invalid KeySchema: Some index key attribute have no definition")
	}
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
	if in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0 {
		return invalidParameterf("List of LocalSecondaryIndexes is empty")
	}
	if in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0 {
		return invalidParameterf("List of GlobalSecondaryIndexes is empty")
	}
	if len(in.LocalSecondaryIndexes) > maxLocalIndexes {
		return invalidParameterf("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobalIndexes {
		return invalidParameterf("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	names := make(map[string]bool)
	projected := 0
	for _, definition := range slices.Concat(in.LocalSecondaryIndexes, in.GlobalSecondaryIndexes) {
		if names[definition.IndexName] {
			return invalidParameterf("Duplicate index name: %s", definition.IndexName)
		}
		names[definition.IndexName] = true
		if err := definition.Projection.check(); err != nil {
			return err
		}
		projected += len(definition.Projection.NonKeyAttributes)
	}
	if projected > maxProjected {
		return invalidParameterf("Number of NonKeyAttributes of all indexes exceeds the limit of %d", maxProjected)
	}
	for _, global := range in.GlobalSecondaryIndexes {
		if err := global.checkThroughput(in.BillingMode); err != nil {
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

// checkThroughput checks that a global index has throughput of its own exactly if
// its table has.
func (d indexDefinition) checkThroughput(billing string) error {
	switch onDemand := billing == billingOnDemand; {
	case onDemand && d.ProvisionedThroughput != nil:
		return invalidParameterf("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", d.IndexName)
	case !onDemand && d.ProvisionedThroughput == nil:
		return invalidParameterf("ProvisionedThroughput is not specified for index: %s", d.IndexName)
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
	for i, name := range p.NonKeyAttributes {
		if slices.Contains(p.NonKeyAttributes[:i], name) {
			return invalidParameterf("Duplicate element in NonKeyAttributes: %s", name)
		}
	}
	return nil
}

// checkDefinitions checks that exactly the attributes of keys are defined.
func (in createTableInput) checkDefinitions() error {
	var defined, used []string
	for _, definition := range in.AttributeDefinitions {
		if slices.Contains(defined, definition.AttributeName) {
			return validationf("Attribute Name is duplicated: %s", definition.AttributeName)
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
