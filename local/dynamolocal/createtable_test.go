package dynamolocal_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

func TestCreateTableRefuses(t *testing.T) {
	t.Parallel()
	const parameter = "One or more parameter values were invalid: "
	keys := func(names ...string) []types.KeySchemaElement {
		schema := []types.KeySchemaElement{{AttributeName: &names[0], KeyType: types.KeyTypeHash}}
		for _, name := range names[1:] {
			schema = append(schema, types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeRange})
		}
		return schema
	}
	attributes := func(names ...string) []types.AttributeDefinition {
		var definitions []types.AttributeDefinition
		for _, name := range names {
			definitions = append(definitions, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
		}
		return definitions
	}
	local := func(name string, projection *types.Projection, schema ...string) []types.LocalSecondaryIndex {
		return []types.LocalSecondaryIndex{{IndexName: &name, KeySchema: keys(schema...), Projection: projection}}
	}
	global := func(projection *types.Projection, schema ...string) []types.GlobalSecondaryIndex {
		return []types.GlobalSecondaryIndex{{IndexName: aws.String("idx"), KeySchema: keys(schema...), Projection: projection}}
	}
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	cases := map[string]struct {
		change func(*dynamodb.CreateTableInput)
		want   string
	}{
		"short name":    {func(in *dynamodb.CreateTableInput) { in.TableName = aws.String("ab") }, "Member must have length greater than or equal to 3"},
		"name":          {func(in *dynamodb.CreateTableInput) { in.TableName = aws.String("a table") }, "Member must satisfy regular expression pattern"},
		"billing mode":  {func(in *dynamodb.CreateTableInput) { in.BillingMode = "FREE" }, "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"},
		"no throughput": {func(in *dynamodb.CreateTableInput) { in.BillingMode = "" }, parameter + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		"throughput on demand": {func(in *dynamodb.CreateTableInput) {
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
		}, parameter + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		"range first": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema[0].KeyType = types.KeyTypeRange
		}, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		"two hash keys": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema[1].KeyType = types.KeyTypeHash
		}, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		"one key twice": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema = keys("pk", "pk")
		}, "Invalid KeySchema: Some index key attribute have no definition"},
		"undefined key": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = attributes("pk", "other")
		}, parameter + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk, sk], AttributeDefinitions: [pk, other]"},
		"unused attribute": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = attributes("pk", "sk", "other")
		}, parameter + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		"attribute twice": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = attributes("pk", "sk", "pk")
		}, "Attribute Name is duplicated: pk"},
		"attribute type": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions[0].AttributeType = "BOOL"
		}, "Member must satisfy enum value set: [B, N, S]"},
		"unused attribute beside an index": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = attributes("pk", "sk", "other")
			in.GlobalSecondaryIndexes = global(all, "sk")
		}, parameter + "Some AttributeDefinitions are not used. AttributeDefinitions: [pk, sk, other], keys used: [pk, sk]"},
		"index twice": {func(in *dynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = local("idx", all, "pk", "sk")
			in.GlobalSecondaryIndexes = global(all, "sk")
		}, parameter + "Duplicate index name: idx"},
		"local index without a sort key": {func(in *dynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = local("idx", all, "pk")
		}, parameter + "Index KeySchema does not have a range key for index: idx"},
		"local index of another key": {func(in *dynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = local("idx", all, "sk", "pk")
		}, parameter + "Index KeySchema does not have the same leading hash key as table KeySchema for index: idx. index hash key: sk, table hash key: pk"},
		"local index of a table without a sort key": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema = keys("pk")
			in.LocalSecondaryIndexes = local("idx", all, "pk", "sk")
		}, parameter + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		"no projection type": {func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = global(&types.Projection{}, "sk")
		}, parameter + "Unknown ProjectionType: null"},
		"attributes of all": {func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = global(&types.Projection{ProjectionType: types.ProjectionTypeAll, NonKeyAttributes: []string{"a"}}, "sk")
		}, parameter + "ProjectionType is ALL, but NonKeyAttributes is specified"},
		"no attributes to include": {func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = global(&types.Projection{ProjectionType: types.ProjectionTypeInclude}, "sk")
		}, parameter + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		"streams": {func(in *dynamodb.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly}
		}, "Streams are not supported here"},
	}
	s := serve(t, dynamolocal.Config{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &dynamodb.CreateTableInput{
				TableName: aws.String("refused"), KeySchema: keys("pk", "sk"),
				AttributeDefinitions: attributes("pk", "sk"), BillingMode: types.BillingModePayPerRequest,
			}
			c.change(in)
			if _, err := s.CreateTable(t.Context(), in); codeOf(err) != "ValidationException" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDeletionProtection(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	if _, err := s.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:                 aws.String("kept"),
		KeySchema:                 []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions:      []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeN}},
		ProvisionedThroughput:     &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(2)},
		DeletionProtectionEnabled: aws.Bool(true),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("kept")}); codeOf(err) != "ValidationException" {
		t.Errorf("got %v, want ValidationException", err)
	}
	out, err := s.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("kept")})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Table.ProvisionedThroughput; aws.ToInt64(got.ReadCapacityUnits) != 5 || aws.ToInt64(got.WriteCapacityUnits) != 2 ||
		out.Table.BillingModeSummary != nil {
		t.Errorf("the table is described as %+v", out.Table)
	}
}
