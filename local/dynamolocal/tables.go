package dynamolocal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Values of the parameters of tables.
const (
	keyHash  = "HASH"
	keyRange = "RANGE"

	billingOnDemand    = "PAY_PER_REQUEST"
	billingProvisioned = "PROVISIONED"

	statusActive   = "ACTIVE"
	statusDeleting = "DELETING"

	// maxTableList is how many tables ListTables returns at most.
	maxTableList = 100
)

type attributeDefinition struct {
	AttributeName string
	AttributeType string
}

type keyElement struct {
	AttributeName string
	KeyType       string
}

type indexDefinition struct {
	IndexName             string
	KeySchema             []keyElement
	Projection            *projection
	ProvisionedThroughput *throughput `json:",omitempty"`
}

type projection struct {
	ProjectionType   string
	NonKeyAttributes []string `json:",omitempty"`
}

type throughput struct {
	ReadCapacityUnits  int
	WriteCapacityUnits int
}

// createTableInput has the parameters that mean something here. Others, such as
// tags and encryption, have no effect.
type createTableInput struct {
	TableName                 *string
	AttributeDefinitions      []attributeDefinition
	KeySchema                 []keyElement
	LocalSecondaryIndexes     []indexDefinition
	GlobalSecondaryIndexes    []indexDefinition
	BillingMode               string
	ProvisionedThroughput     *throughput
	DeletionProtectionEnabled bool
	StreamSpecification       *streamSpecification
	TableClass                string
}

func (in createTableInput) tables() []string { return tableList(in.TableName) }

type tableOutput struct {
	TableDescription *tableDescription `json:",omitempty"`
	Table            *tableDescription `json:",omitempty"`
}

func (e *Engine) createTable(in createTableInput, _ *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	definition := tableDefinition{
		Name:               *in.TableName,
		ID:                 newTableID(),
		Attributes:         in.AttributeDefinitions,
		Keys:               in.KeySchema,
		Local:              in.LocalSecondaryIndexes,
		Global:             in.GlobalSecondaryIndexes,
		Throughput:         in.ProvisionedThroughput,
		DeletionProtection: in.DeletionProtectionEnabled,
		Class:              in.TableClass,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, exists := e.tables[definition.Name]; exists {
		return nil, &exception{name: resourceInUse, message: "Table already exists: " + definition.Name}
	}
	definition.Created = e.clock()
	if e.file != nil {
		if err := e.file.append(entry{Define: &definition}); err != nil {
			return nil, err
		}
	}
	t := newTable(definition)
	e.tables[definition.Name] = t
	return &tableOutput{TableDescription: t.describe(statusActive)}, nil
}

type tableInput struct{ TableName *string }

func (in tableInput) tables() []string { return tableList(in.TableName) }

func (in tableInput) check() error {
	var v violations
	v.name("tableName", in.TableName)
	return v.err()
}

func (e *Engine) describeTable(in tableInput, _ *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, ok := e.tables[*in.TableName]
	if !ok {
		return nil, tableNotFound(*in.TableName)
	}
	return &tableOutput{Table: t.describe(statusActive)}, nil
}

func (e *Engine) deleteTable(in tableInput, _ *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.tables[*in.TableName]
	if !ok {
		return nil, tableNotFound(*in.TableName)
	}
	if t.definition.DeletionProtection {
		return nil, validationf("Resource cannot be deleted as it is currently protected against deletion. " +
			"Disable deletion protection first.")
	}
	if e.file != nil {
		if err := e.file.append(entry{Drop: t.name()}); err != nil {
			return nil, err
		}
	}
	delete(e.tables, t.name())
	return &deletedTableOutput{t.describeDeleted()}, nil
}

type deletedTableOutput struct{ TableDescription deletedTableDescription }

// deletedTableDescription is the description in the response of DeleteTable.
type deletedTableDescription struct {
	DeletionProtectionEnabled bool
	ItemCount                 int
	ProvisionedThroughput     throughputDescription
	TableArn                  string
	TableId                   string
	TableName                 string
	TableSizeBytes            int
	TableStatus               string
}

func (t *table) describeDeleted() deletedTableDescription {
	whole := t.describe(statusDeleting)
	return deletedTableDescription{
		DeletionProtectionEnabled: whole.DeletionProtectionEnabled,
		ItemCount:                 whole.ItemCount,
		ProvisionedThroughput:     whole.ProvisionedThroughput,
		TableArn:                  whole.TableArn,
		TableId:                   whole.TableId,
		TableName:                 whole.TableName,
		TableSizeBytes:            whole.TableSizeBytes,
		TableStatus:               whole.TableStatus,
	}
}

type listTablesInput struct {
	ExclusiveStartTableName *string
	Limit                   *int
}

func (in listTablesInput) tables() []string { return nil }

type listTablesOutput struct {
	TableNames             []string
	LastEvaluatedTableName string `json:",omitempty"`
}

func (e *Engine) listTables(in listTablesInput, _ *usage) (any, error) {
	var v violations
	if in.ExclusiveStartTableName != nil {
		v.newName("exclusiveStartTableName", in.ExclusiveStartTableName)
	}
	v.atLeast("limit", in.Limit, 1)
	v.atMost("limit", in.Limit, maxTableList)
	if err := v.err(); err != nil {
		return nil, err
	}
	e.mu.RLock()
	names := slices.Sorted(maps.Keys(e.tables))
	e.mu.RUnlock()
	if in.ExclusiveStartTableName != nil {
		at, found := slices.BinarySearch(names, *in.ExclusiveStartTableName)
		if found {
			at++
		}
		names = names[at:]
	}
	limit := maxTableList
	if in.Limit != nil {
		limit = *in.Limit
	}
	out := &listTablesOutput{TableNames: append([]string{}, names...)}
	if len(names) > limit {
		out.TableNames = out.TableNames[:limit]
		out.LastEvaluatedTableName = out.TableNames[limit-1]
	}
	return out, nil
}

type tableDescription struct {
	AttributeDefinitions      []attributeDefinition
	BillingModeSummary        *billingModeSummary `json:",omitempty"`
	CreationDateTime          json.Number
	DeletionProtectionEnabled bool
	GlobalSecondaryIndexes    []indexDescription `json:",omitempty"`
	ItemCount                 int
	KeySchema                 []keyElement
	LocalSecondaryIndexes     []indexDescription `json:",omitempty"`
	ProvisionedThroughput     throughputDescription
	TableArn                  string
	TableClassSummary         *tableClassSummary `json:",omitempty"`
	TableId                   string
	TableName                 string
	TableSizeBytes            int
	TableStatus               string
}

type tableClassSummary struct{ TableClass string }

type billingModeSummary struct {
	BillingMode                       string
	LastUpdateToPayPerRequestDateTime json.Number
}

type throughputDescription struct {
	NumberOfDecreasesToday int
	throughput
}

type indexDescription struct {
	IndexArn              string
	IndexName             string
	IndexSizeBytes        int
	IndexStatus           string `json:",omitempty"` // of global indexes
	ItemCount             int
	KeySchema             []keyElement
	Projection            *projection
	ProvisionedThroughput *throughputDescription `json:",omitempty"` // of global indexes
}

// describe returns the table's description. Unlike the service's, its counts are
// up to date.
func (t *table) describe(status string) *tableDescription {
	d := t.definition
	created := json.Number(fmt.Sprintf("%d.%03d", d.Created.Unix(), d.Created.Nanosecond()/1e6))
	description := &tableDescription{
		AttributeDefinitions:      d.Attributes,
		CreationDateTime:          created,
		DeletionProtectionEnabled: d.DeletionProtection,
		ItemCount:                 len(t.byKey),
		KeySchema:                 d.Keys,
		ProvisionedThroughput:     describeThroughput(d.Throughput),
		TableArn:                  "arn:aws:dynamodb:local:000000000000:table/" + d.Name,
		TableId:                   d.ID,
		TableName:                 d.Name,
		TableSizeBytes:            t.bytes,
		TableStatus:               status,
	}
	if d.Class != "" {
		description.TableClassSummary = &tableClassSummary{d.Class}
	}
	if d.Throughput == nil {
		description.BillingModeSummary = &billingModeSummary{BillingMode: billingOnDemand, LastUpdateToPayPerRequestDateTime: created}
	}
	for _, local := range d.Local {
		description.LocalSecondaryIndexes = append(description.LocalSecondaryIndexes,
			t.describeIndex(local, description.TableArn))
	}
	for _, global := range d.Global {
		index := t.describeIndex(global, description.TableArn)
		provisioned := describeThroughput(global.ProvisionedThroughput)
		index.IndexStatus, index.ProvisionedThroughput = status, &provisioned
		description.GlobalSecondaryIndexes = append(description.GlobalSecondaryIndexes, index)
	}
	return description
}

func (t *table) describeIndex(definition indexDefinition, tableArn string) indexDescription {
	description := indexDescription{
		IndexArn:   tableArn + "/index/" + definition.IndexName,
		IndexName:  definition.IndexName,
		KeySchema:  definition.KeySchema,
		Projection: definition.Projection,
	}
	on := t.index(definition.IndexName)
	description.ItemCount, description.IndexSizeBytes = on.items, on.bytes
	return description
}

func describeThroughput(provisioned *throughput) throughputDescription {
	if provisioned == nil {
		return throughputDescription{}
	}
	return throughputDescription{throughput: *provisioned}
}

// newTableID returns a random UUID.
func newTableID() string {
	var id [16]byte
	// Read never fails.
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
