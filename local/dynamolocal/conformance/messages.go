package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// messages are those that DynamoDB is known to give word for word: since 2026 it lists what is wrong with the parameters
// of a write as it lists the violations of constraints, but not what is wrong with a read or does not suit the table.
func messages(p *probe) {
	table, sorted := p.table(pk), p.table(pk, sk)
	key := item{"pk": str("a")}
	put := func(change func(*dynamodb.PutItemInput)) func(p *probe) error {
		return func(p *probe) error {
			in := &dynamodb.PutItemInput{TableName: &table, Item: key}
			change(in)
			_, err := p.db.PutItem(p.Context(), in)
			return err
		}
	}
	update := func(change func(*dynamodb.UpdateItemInput)) func(p *probe) error {
		return func(p *probe) error {
			in := &dynamodb.UpdateItemInput{TableName: &table, Key: key}
			change(in)
			_, err := p.db.UpdateItem(p.Context(), in)
			return err
		}
	}
	query := func(change func(*dynamodb.QueryInput)) func(p *probe) error {
		return func(p *probe) error {
			in := &dynamodb.QueryInput{TableName: &table, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("a")}}
			change(in)
			_, err := p.db.Query(p.Context(), in)
			return err
		}
	}
	scan := func(change func(*dynamodb.ScanInput)) func(p *probe) error {
		return func(p *probe) error {
			in := &dynamodb.ScanInput{TableName: &table}
			change(in)
			_, err := p.db.Scan(p.Context(), in)
			return err
		}
	}
	const (
		one     = "1 validation error detected: "
		limit   = one + "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
		count   = "Cannot specify the ProjectionExpression when choosing to get only the Count"
		choose  = "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
		unnamed = one + "Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1"
		enum    = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
	)
	values := item{":v": num("1"), ":unused": num("2")}
	cases := []struct {
		name string
		call func(p *probe) error
		want string
	}{
		{"put/empty table name", put(func(in *dynamodb.PutItemInput) { in.TableName = aws.String(""); in.ReturnValues = "INVALID" }), unnamed},
		{"put/three enums", put(func(in *dynamodb.PutItemInput) {
			in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics = "INVALID", "INVALID", "INVALID"
		}), "3 validation errors detected: Value 'INVALID' at 'returnConsumedCapacity' failed to satisfy constraint: " +
			"Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; " + enum + "; ReturnItemCollectionMetrics can only be SIZE or NONE"},
		{"put/empty set", put(func(in *dynamodb.PutItemInput) { in.Item = item{"pk": str("a"), "v": strs()} }),
			one + "One or more parameter values were invalid: An string set  may not be empty"},
		{"put/redundant parentheses", put(func(in *dynamodb.PutItemInput) { in.ConditionExpression = expr("((attribute_exists(pk)))") }),
			one + "Invalid ConditionExpression: The expression has redundant parentheses;"},
		{"put/values without an expression", put(func(in *dynamodb.PutItemInput) { in.ExpressionAttributeValues = values }),
			one + "ExpressionAttributeValues can only be specified when using expressions"},
		{"put/too large", put(func(in *dynamodb.PutItemInput) {
			in.Item = item{"pk": str("a"), "v": str(strings.Repeat("x", maxItem))}
		}),
			"Item size has exceeded the maximum allowed size"},
		{"put/key type", put(func(in *dynamodb.PutItemInput) { in.Item = item{"pk": num("1")} }),
			"One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"},
		{"update/two enums", update(func(in *dynamodb.UpdateItemInput) { in.ReturnValues, in.ReturnConsumedCapacity = "INVALID", "INVALID" }), one + enum},
		{"update/unused name", update(func(in *dynamodb.UpdateItemInput) {
			in.UpdateExpression, in.ExpressionAttributeValues = expr("SET v = :v"), item{":v": num("1")}
			in.ExpressionAttributeNames = names{"#unused": "v"}
		}), one + "Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}"},
		{"update/unused value", update(func(in *dynamodb.UpdateItemInput) {
			in.UpdateExpression, in.ExpressionAttributeValues = expr("SET v = :v"), values
		}), one + "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}"},
		{"update/undefined value", update(func(in *dynamodb.UpdateItemInput) { in.UpdateExpression = expr("SET v = :v") }),
			one + "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v"},
		{"update/syntax", update(func(in *dynamodb.UpdateItemInput) { in.UpdateExpression = expr("INVALID SYNTAX HERE") }),
			one + `Invalid UpdateExpression: Syntax error; token: "INVALID", near: "INVALID SYNTAX"`},
		{"update/key", update(func(in *dynamodb.UpdateItemInput) {
			in.UpdateExpression, in.ExpressionAttributeValues = expr("SET pk = :v"), item{":v": str("b")}
		}), "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
		{"delete/empty table name", func(p *probe) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(""), Key: key})
			return err
		}, unnamed},
		{"query/limit", query(func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(0) }), limit},
		{"query/unused name", query(func(in *dynamodb.QueryInput) { in.ExpressionAttributeNames = names{"#unused": "v"} }),
			"Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}"},
		{"query/count of a projection", query(func(in *dynamodb.QueryInput) {
			in.Select, in.ProjectionExpression = types.SelectCount, expr("v")
		}), one + count},
		{"query/no projection", query(func(in *dynamodb.QueryInput) { in.Select = types.SelectSpecificAttributes }), one + choose},
		{"query/redundant parentheses", query(func(in *dynamodb.QueryInput) { in.KeyConditionExpression = expr("((pk = :p))") }),
			"Invalid KeyConditionExpression: The expression has redundant parentheses;"},
		{"query/starting key without a sort key", query(func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = key }),
			"The query can return at most one row and cannot be restarted"},
		{"query/starting key", query(func(in *dynamodb.QueryInput) { in.TableName, in.ExclusiveStartKey = &sorted, item{"bad": str("a")} }),
			"The provided starting key is invalid"},
		{"query/filter of a key", query(func(in *dynamodb.QueryInput) { in.FilterExpression = expr("pk.a = :p") }),
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"},
		{"query/part of a key", query(func(in *dynamodb.QueryInput) { in.ProjectionExpression = expr("pk[0]") }),
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"},
		{"scan/limit", scan(func(in *dynamodb.ScanInput) { in.Limit = aws.Int32(0) }), limit},
		{"scan/count of a projection", scan(func(in *dynamodb.ScanInput) { in.Select, in.ProjectionExpression = types.SelectCount, expr("v") }), count},
		{"scan/no projection", scan(func(in *dynamodb.ScanInput) { in.Select = types.SelectSpecificAttributes }), choose},
		{"scan/part of a key", scan(func(in *dynamodb.ScanInput) { in.FilterExpression = expr("attribute_exists(pk.a)") }),
			"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"},
		{"get/part of a key", func(p *probe) error {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ProjectionExpression: expr("pk.a")})
			return err
		}, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"},
		{"get/syntax", func(p *probe) error {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ProjectionExpression: expr("!!! INVALID !!!")})
			return err
		}, `Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"`},
		{"transaction/unused value", func(p *probe) error {
			return p.transact(types.TransactWriteItem{Put: &types.Put{
				TableName: &table, Item: key, ConditionExpression: expr("attribute_exists(pk)"), ExpressionAttributeValues: item{":v": num("1")},
			}})
		}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"},
	}
	for _, c := range cases {
		p.check(c.name, known(motoMessages, c.name, rewords), func(p *probe) { p.refusedWith(c.call(p), c.want) })
	}
	p.check("put/part of an index key", wrong{Moto: accepts}, func(p *probe) {
		indexed := p.indexed()
		_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
			TableName: &indexed, Key: item{"pk": str("a"), "sk": str("a")}, UpdateExpression: expr("SET grp.a = :v"),
			ExpressionAttributeValues: item{":v": num("1")},
		})
		p.refusedWith(err, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: grp")
	})
	p.check("operators", wrong{Moto: accepts}, func(p *probe) {
		// 151 comparisons and 150 connectives.
		many := strings.Repeat("v = :v OR ", 150) + "v = :v"
		_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: key, ConditionExpression: &many, ExpressionAttributeValues: item{":v": num("1")},
		})
		p.expect(err, invalid("Invalid ConditionExpression: The expression contains too many operators; operator count: 301"))
		fewer := many[len("v = :v OR "):]
		_, err = p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: key, ConditionExpression: &fewer, ExpressionAttributeValues: item{":v": num("1")},
		})
		p.expect(err, refusal{conditionFailed, conditionMessage})
	})
}

// known returns that moto fails the case for the reason, if it is in the list.
func known(list []string, name, reason string) wrong {
	if slices.Contains(list, name) {
		return wrong{Moto: reason}
	}
	return nil
}

// refusedWith expects a validation error with exactly this message.
func (p *probe) refusedWith(err error, message string) {
	p.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != validation {
		p.Errorf("got %v, want %s %q", err, validation, message)
		return
	}
	if api.ErrorMessage() != message {
		p.Errorf("refused with the message\n%q, want\n%q", api.ErrorMessage(), message)
	}
}

// tableMessages are what CreateTable says of tables that cannot be.
func tableMessages(p *probe) {
	global := func(change func(*types.GlobalSecondaryIndex)) func(*dynamodb.CreateTableInput) {
		return func(in *dynamodb.CreateTableInput) {
			index := types.GlobalSecondaryIndex{
				IndexName: aws.String("idx"), KeySchema: schema(sk), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			}
			change(&index)
			in.AttributeDefinitions, in.GlobalSecondaryIndexes = attributes(pk, sk), []types.GlobalSecondaryIndex{index}
		}
	}
	include := func(attributes ...string) *types.Projection {
		return &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: attributes}
	}
	throughput := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprint("a", i)
	}
	const parameter = "One or more parameter values were invalid: "
	cases := []struct {
		name    string
		change  func(*dynamodb.CreateTableInput)
		message string
	}{
		{"one attribute as both keys", func(in *dynamodb.CreateTableInput) { in.KeySchema = schema(pk, pk) },
			"Invalid KeySchema: Some index key attribute have no definition"},
		{"attribute twice", func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = attributes(pk, pk) }, "Attribute Name is duplicated: pk"},
		{"throughput of an index on demand", global(func(i *types.GlobalSecondaryIndex) { i.ProvisionedThroughput = throughput }),
			parameter + "ProvisionedThroughput should not be specified for index: idx when BillingMode is PAY_PER_REQUEST"},
		{"no throughput of an index", func(in *dynamodb.CreateTableInput) {
			global(func(*types.GlobalSecondaryIndex) {})(in)
			in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, throughput
		}, parameter + "ProvisionedThroughput is not specified for index: idx"},
		{"projected attribute twice", global(func(i *types.GlobalSecondaryIndex) { i.Projection = include("a", "b", "a") }),
			parameter + "Duplicate element in NonKeyAttributes: a"},
		{"21 projected attributes", global(func(i *types.GlobalSecondaryIndex) { i.Projection = include(many...) }),
			"Member must have length less than or equal to 20"},
		{"long projected attribute", global(func(i *types.GlobalSecondaryIndex) { i.Projection = include(strings.Repeat("a", 256)) }),
			"Member must have length less than or equal to 255"},
		{"table class", func(in *dynamodb.CreateTableInput) { in.TableClass = "BOGUS" },
			"Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS]."},
		{"view of no stream", func(in *dynamodb.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(false), StreamViewType: types.StreamViewTypeNewImage}
		}, parameter + "Table is being created with a stream disabled, UpdateViewType should not be specified"},
		{"no units", func(in *dynamodb.CreateTableInput) {
			in.BillingMode = types.BillingModeProvisioned
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(0), WriteCapacityUnits: aws.Int64(1)}
		}, "Member must have value greater than or equal to 1"},
		{"no indexes", func(in *dynamodb.CreateTableInput) { in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{} },
			parameter + "List of GlobalSecondaryIndexes is empty"},
	}
	for _, c := range cases {
		p.check(c.name, known(motoTables, c.name, "it accepts, or refuses with a message of its own"), func(p *probe) {
			in := &dynamodb.CreateTableInput{
				TableName: aws.String(uniqueName()), AttributeDefinitions: attributes(pk), KeySchema: schema(pk), BillingMode: types.BillingModePayPerRequest,
			}
			c.change(in)
			_, err := p.db.CreateTable(p.Context(), in)
			if err == nil {
				p.deleteAfter(*in.TableName)
			}
			p.expect(err, invalid(c.message))
		})
	}
	p.check("no name", known(motoTables, "no name", crashes), func(p *probe) {
		_, err := p.send("CreateTable", `{"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],`+
			`"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`)
		p.refusedWith(err, "The parameter 'TableName' is required but was not present in the request")
	})
	p.check("description of a deleted table", known(motoTables, "description of a deleted table", "it describes everything"), func(p *probe) {
		name := p.table(pk)
		answer, err := p.send("DeleteTable", fmt.Sprintf(`{"TableName":%q}`, name))
		p.must(err)
		described, _ := answer["TableDescription"].(map[string]any)
		for _, member := range []string{"TableName", "TableStatus", "TableArn", "ItemCount", "TableSizeBytes", "ProvisionedThroughput"} {
			if _, ok := described[member]; !ok {
				p.Errorf("there is no %s", member)
			}
		}
		for _, member := range []string{"KeySchema", "AttributeDefinitions", "CreationDateTime", "BillingModeSummary"} {
			if value, ok := described[member]; ok {
				p.Errorf("there is %s: %v", member, value)
			}
		}
	})
}

// What moto fails.
var (
	motoMessages = []string{
		"delete/empty table name",
		"get/part of a key",
		"get/syntax",
		"put/empty table name",
		"put/redundant parentheses",
		"put/three enums",
		"put/values without an expression",
		"query/filter of a key",
		"query/limit",
		"query/part of a key",
		"query/redundant parentheses",
		"query/starting key",
		"query/starting key without a sort key",
		"scan/count of a projection",
		"scan/limit",
		"scan/no projection",
		"scan/part of a key",
		"transaction/unused value",
		"update/syntax",
		"update/two enums",
		"update/undefined value",
	}
	motoTables = []string{
		"21 projected attributes",
		"attribute twice",
		"long projected attribute",
		"no name",
		"no throughput of an index",
		"no units",
		"one attribute as both keys",
		"projected attribute twice",
		"table class",
		"throughput of an index on demand",
		"view of no stream",
		"description of a deleted table",
	}
)
