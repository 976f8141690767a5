package dynamolocal

import (
	"fmt"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// updateTableInput has the parameters that mean something here. Those of streams,
// replicas and the like are refused, as they change nothing.
type updateTableInput struct {
	TableName                   *string
	AttributeDefinitions        []attributeDefinition
	BillingMode                 string
	ProvisionedThroughput       *throughput
	GlobalSecondaryIndexUpdates []indexUpdate
	DeletionProtectionEnabled   *bool
	TableClass                  string
	StreamSpecification         any
	ReplicaUpdates              any
	GlobalTableWitnessUpdates   any
	MultiRegionConsistency      any
	SSESpecification            any
	OnDemandThroughput          any
	WarmThroughput              any
}

// indexUpdate is one change of an index: exactly one of its members is there.
type indexUpdate struct {
	Create *indexDefinition
	Update *struct {
		IndexName             string
		ProvisionedThroughput *throughput
	}
	Delete *struct{ IndexName string }
}

func (in updateTableInput) tables() []string { return tableList(in.TableName) }

func (e *Engine) updateTable(in updateTableInput, _ *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.tables[*in.TableName]
	if !ok {
		return nil, tableNotFound(*in.TableName)
	}
	definition, err := in.applyTo(t.definition)
	if err != nil {
		return nil, err
	}
	if e.file != nil {
		if err := e.file.append(entry{Define: &definition}); err != nil {
			return nil, err
		}
	}
	t.define(definition)
	return &tableOutput{TableDescription: t.describe(statusActive)}, nil
}

// check checks the parameters for themselves.
func (in updateTableInput) check() error {
	var v violations
	v.name("tableName", in.TableName)
	v.enum("billingMode", in.BillingMode, billingProvisioned, billingOnDemand)
	in.ProvisionedThroughput.check(&v, "provisionedThroughput")
	for i, update := range in.GlobalSecondaryIndexUpdates {
		update.check(&v, fmt.Sprintf("globalSecondaryIndexUpdates.%d.member.", i+1))
	}
	if err := v.err(); err != nil {
		return err
	}
	for _, unsupported := range []struct {
		name  string
		value any
	}{
		{"StreamSpecification", in.StreamSpecification}, {"ReplicaUpdates", in.ReplicaUpdates},
		{"GlobalTableWitnessUpdates", in.GlobalTableWitnessUpdates}, {"MultiRegionConsistency", in.MultiRegionConsistency},
		{"SSESpecification", in.SSESpecification}, {"OnDemandThroughput", in.OnDemandThroughput}, {"WarmThroughput", in.WarmThroughput},
	} {
		if unsupported.value != nil {
			return validationf("%s is not supported here by UpdateTable", unsupported.name)
		}
	}
	if in.BillingMode == "" && in.ProvisionedThroughput == nil && in.GlobalSecondaryIndexUpdates == nil &&
		in.DeletionProtectionEnabled == nil && in.TableClass == "" {
		return validationf("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, " +
			"SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, " +
			"DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	}
	if in.GlobalSecondaryIndexUpdates != nil && len(in.GlobalSecondaryIndexUpdates) == 0 {
		return invalidParameterf("List of GlobalSecondaryIndexUpdates is empty")
	}
	if err := in.checkAlone(); err != nil {
		return err
	}
	return checkTableClass(in.TableClass)
}

func (u indexUpdate) check(v *violations, prefix string) {
	if u.Create != nil {
		u.Create.check(v, prefix+"create.")
	}
	if u.Update != nil {
		v.newName(prefix+"update.indexName", &u.Update.IndexName)
		v.require(prefix+"update.provisionedThroughput", u.Update.ProvisionedThroughput != nil)
		u.Update.ProvisionedThroughput.check(v, prefix+"update.provisionedThroughput")
	}
	if u.Delete != nil {
		v.newName(prefix+"delete.indexName", &u.Delete.IndexName)
	}
}

// checkAlone refuses to change together what has to be changed alone.
func (in updateTableInput) checkAlone() error {
	others := in.BillingMode != "" || in.ProvisionedThroughput != nil || in.GlobalSecondaryIndexUpdates != nil
	switch {
	case in.DeletionProtectionEnabled != nil && (others || in.TableClass != ""):
		return invalidParameterf("DeletionProtection modification must be the only operation in the request")
	case in.TableClass != "" && others:
		return invalidParameterf("TableClass modification must be the only operation in the request")
	}
	return nil
}

// applyTo returns the definition as the request changes it.
func (in updateTableInput) applyTo(d tableDefinition) (tableDefinition, error) {
	if in.DeletionProtectionEnabled != nil {
		d.DeletionProtection = *in.DeletionProtectionEnabled
	}
	if in.TableClass != "" {
		d.Class = in.TableClass
	}
	billing := in.BillingMode
	if billing == "" {
		billing = billingProvisioned
		if d.Throughput == nil {
			billing = billingOnDemand
		}
	}
	if err := in.applyThroughput(&d, billing); err != nil {
		return d, err
	}
	return d, in.applyIndexes(&d, billing)
}

func (in updateTableInput) applyThroughput(d *tableDefinition, billing string) error {
	switch {
	case billing == billingOnDemand && in.ProvisionedThroughput != nil:
		return invalidParameterf("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case billing == billingOnDemand:
		d.Throughput = nil
	case in.ProvisionedThroughput == nil && d.Throughput == nil:
		return invalidParameterf("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case in.ProvisionedThroughput != nil:
		if now, wanted := d.Throughput, in.ProvisionedThroughput; now != nil && *now == *wanted {
			return validationf("The provisioned throughput for the table will not change. The requested value equals the current value. "+
				"Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. "+
				"Current WriteCapacityUnits provisioned for the table: %d. Requested WriteCapacityUnits: %d. "+
				"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
				now.ReadCapacityUnits, wanted.ReadCapacityUnits, now.WriteCapacityUnits, wanted.WriteCapacityUnits)
		}
		d.Throughput = in.ProvisionedThroughput
	}
	return nil
}

func (in updateTableInput) applyIndexes(d *tableDefinition, billing string) error {
	d.Global = slices.Clone(d.Global)
	touched := make(map[string]bool)
	online := 0
	for _, update := range in.GlobalSecondaryIndexUpdates {
		name, err := update.name()
		if err != nil {
			return err
		}
		if touched[name] {
			return invalidParameterf("Only one global secondary index update per index is allowed simultaneously. Index: %s", name)
		}
		touched[name] = true
		if update.Update == nil {
			if online++; online > 1 {
				return &exception{name: limitExceeded, message: "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"}
			}
		}
		if update.Create != nil {
			err = in.createIndex(d, *update.Create, billing)
		} else {
			err = update.change(d, name, billing)
		}
		if err != nil {
			return err
		}
	}
	for i := range d.Global {
		switch on := &d.Global[i]; {
		case billing == billingOnDemand:
			on.ProvisionedThroughput = nil
		case on.ProvisionedThroughput == nil:
			return invalidParameterf("ProvisionedThroughput must be specified for index: %s", on.IndexName)
		}
	}
	d.Attributes = usedAttributes(*d)
	return nil
}

// name returns the name of the index that the update is of.
func (u indexUpdate) name() (string, error) {
	var names []string
	if u.Create != nil {
		names = append(names, u.Create.IndexName)
	}
	if u.Update != nil {
		names = append(names, u.Update.IndexName)
	}
	if u.Delete != nil {
		names = append(names, u.Delete.IndexName)
	}
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", invalidParameterf("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, " +
			"GlobalSecondaryIndexUpdate.Delete must not be null")
	}
	return "", invalidParameterf("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
}

// createIndex adds an index to the definition.
func (in updateTableInput) createIndex(d *tableDefinition, created indexDefinition, billing string) error {
	if slices.ContainsFunc(slices.Concat(d.Local, d.Global), func(i indexDefinition) bool { return i.IndexName == created.IndexName }) {
		return validationf("Attempting to create an index which already exists")
	}
	if len(d.Global) == maxGlobalIndexes {
		return &exception{name: limitExceeded, message: "Subscriber limit exceeded: Number of GlobalSecondaryIndexes exceeds per-table limit of 20"}
	}
	if in.AttributeDefinitions == nil {
		return invalidParameterf("AttributeDefinitions is not specified for index: %s", created.IndexName)
	}
	if err := checkKeyOrder(created.KeySchema); err != nil {
		return err
	}
	if err := created.Projection.check(); err != nil {
		return err
	}
	if err := created.checkThroughput(billing); err != nil {
		return err
	}
	for _, definition := range in.AttributeDefinitions {
		if !slices.ContainsFunc(d.Attributes, func(a attributeDefinition) bool { return a.AttributeName == definition.AttributeName }) {
			d.Attributes = append(slices.Clone(d.Attributes), definition)
		}
	}
	for _, element := range created.KeySchema {
		if !slices.ContainsFunc(d.Attributes, func(a attributeDefinition) bool {
			return a.AttributeName == element.AttributeName && isKeyKind(attribute.Kind(a.AttributeType))
		}) {
			return invalidParameterf("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s]", element.AttributeName)
		}
	}
	d.Global = append(d.Global, created)
	return nil
}

// change changes the throughput of an index of the definition, or removes it.
func (u indexUpdate) change(d *tableDefinition, name, billing string) error {
	at := slices.IndexFunc(d.Global, func(i indexDefinition) bool { return i.IndexName == name })
	if at < 0 {
		return &exception{name: resourceNotFound, message: "Requested resource not found: Index " + name + " for table"}
	}
	if u.Delete != nil {
		d.Global = slices.Delete(d.Global, at, at+1)
		return nil
	}
	if billing == billingOnDemand {
		return invalidParameterf("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	}
	d.Global[at].ProvisionedThroughput = u.Update.ProvisionedThroughput
	return nil
}

// usedAttributes returns the definitions of the attributes that keys have.
func usedAttributes(d tableDefinition) []attributeDefinition {
	used := make(map[string]bool)
	schemas := [][]keyElement{d.Keys}
	for _, on := range slices.Concat(d.Local, d.Global) {
		schemas = append(schemas, on.KeySchema)
	}
	for _, element := range slices.Concat(schemas...) {
		used[element.AttributeName] = true
	}
	return slices.DeleteFunc(slices.Clone(d.Attributes), func(a attributeDefinition) bool { return !used[a.AttributeName] })
}
