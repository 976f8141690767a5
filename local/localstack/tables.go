package localstack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// table is a DynamoDB table as the template has it.
type table struct {
	id, name string
	keys     []types.KeySchemaElement
	defs     []types.AttributeDefinition
	ttl      string // the attribute, empty for none
}

type tableProperties struct {
	TableName               string
	AttributeDefinitions    []struct{ AttributeName, AttributeType string }
	KeySchema               []struct{ AttributeName, KeyType string }
	BillingMode             string
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       template.Bool
	}

	// About keeping data safe and paying for it.
	DeletionProtectionEnabled        template.Ignored
	OnDemandThroughput               template.Ignored
	PointInTimeRecoverySpecification template.Ignored
	SSESpecification                 template.Ignored
	TableClass                       template.Ignored
	Tags                             template.Ignored
}

func (p *plan) addTable(res *template.Resource) error {
	var props tableProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if props.BillingMode != string(types.BillingModePayPerRequest) {
		return refused(res, "the billing mode %q is not understood: tables are on demand (PAY_PER_REQUEST)", props.BillingMode)
	}
	if len(props.KeySchema) == 0 {
		return refused(res, "it has no KeySchema")
	}
	name, err := p.ref(res)
	if err != nil {
		return err
	}
	t := table{id: res.ID, name: name}
	for _, k := range props.KeySchema {
		t.keys = append(t.keys, types.KeySchemaElement{AttributeName: aws.String(k.AttributeName), KeyType: types.KeyType(k.KeyType)})
	}
	for _, d := range props.AttributeDefinitions {
		t.defs = append(t.defs, types.AttributeDefinition{AttributeName: aws.String(d.AttributeName), AttributeType: types.ScalarAttributeType(d.AttributeType)})
	}
	if props.TimeToLiveSpecification.Enabled {
		t.ttl = props.TimeToLiveSpecification.AttributeName
	}
	p.tables = append(p.tables, t)
	return nil
}

// tableClient speaks to the engine as the stack itself.
func tableClient(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider("stack", "local", ""),
	})
}

// createTable makes a table, or finds that it is there from an earlier run. A
// table that has been kept and has another key by now is an error.
func createTable(ctx context.Context, db *dynamodb.Client, t table) (kept bool, err error) {
	_, err = db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String(t.name),
		KeySchema:            t.keys,
		AttributeDefinitions: t.defs,
		BillingMode:          types.BillingModePayPerRequest,
	})
	var inUse *types.ResourceInUseException
	switch {
	case errors.As(err, &inUse):
		kept = true
		if err := checkKept(ctx, db, t); err != nil {
			return kept, err
		}
	case err != nil:
		return false, fmt.Errorf("create the table %s: %w", t.name, err)
	}
	return kept, setTimeToLive(ctx, db, t)
}

func checkKept(ctx context.Context, db *dynamodb.Client, t table) error {
	out, err := db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.name)})
	if err != nil {
		return fmt.Errorf("describe the table %s: %w", t.name, err)
	}
	if !maps.Equal(keyOf(t.keys, t.defs), keyOf(out.Table.KeySchema, out.Table.AttributeDefinitions)) {
		return fmt.Errorf("the table %s that was kept has another key than the template's: start with --reset, which forgets what was kept", t.name)
	}
	return nil
}

// keyOf gives the roles and types of the key's attributes by their names.
func keyOf(keys []types.KeySchemaElement, defs []types.AttributeDefinition) map[string]string {
	key := map[string]string{}
	for _, k := range keys {
		name := aws.ToString(k.AttributeName)
		i := slices.IndexFunc(defs, func(d types.AttributeDefinition) bool { return aws.ToString(d.AttributeName) == name })
		if i >= 0 {
			key[name] = string(k.KeyType) + " " + string(defs[i].AttributeType)
		}
	}
	return key
}

// setTimeToLive makes items expire by the attribute that the template names.
// It asks first, as DynamoDB refuses to set what is set already.
func setTimeToLive(ctx context.Context, db *dynamodb.Client, t table) error {
	out, err := db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(t.name)})
	if err != nil {
		return fmt.Errorf("describe the time to live of the table %s: %w", t.name, err)
	}
	current := ""
	if d := out.TimeToLiveDescription; d != nil && d.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
		current = aws.ToString(d.AttributeName)
	}
	if current == t.ttl {
		return nil
	}
	for _, spec := range []types.TimeToLiveSpecification{
		{AttributeName: aws.String(current), Enabled: aws.Bool(false)},
		{AttributeName: aws.String(t.ttl), Enabled: aws.Bool(true)},
	} {
		if *spec.AttributeName == "" {
			continue
		}
		if _, err := db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: aws.String(t.name), TimeToLiveSpecification: &spec}); err != nil {
			return fmt.Errorf("set the time to live of the table %s: %w", t.name, err)
		}
	}
	return nil
}
