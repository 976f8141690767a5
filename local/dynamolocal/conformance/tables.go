package conformance

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// tables is the life of a table.
func tables(p *probe) {
	p.check("describe", wrong{Moto: "it gives no TableId"}, func(p *probe) {
		name := p.table(pk, skNum)
		p.put(name, item{"pk": str("a"), "sk": num("1")})
		out, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		p.must(err)
		table := out.Table
		if aws.ToString(table.TableName) != name || table.TableStatus != types.TableStatusActive {
			p.Errorf("table %q is %s, want %q to be active", aws.ToString(table.TableName), table.TableStatus, name)
		}
		if !strings.HasSuffix(aws.ToString(table.TableArn), ":table/"+name) {
			p.Errorf("the ARN is %q", aws.ToString(table.TableArn))
		}
		if aws.ToString(table.TableId) == "" || table.CreationDateTime == nil || time.Since(*table.CreationDateTime).Abs() > time.Hour {
			p.Errorf("id %q, created at %v", aws.ToString(table.TableId), table.CreationDateTime)
		}
		if table.BillingModeSummary == nil || table.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
			p.Errorf("the billing mode is %+v, want on demand", table.BillingModeSummary)
		}
		kinds := map[string]types.ScalarAttributeType{}
		for _, a := range table.AttributeDefinitions {
			kinds[aws.ToString(a.AttributeName)] = a.AttributeType
		}
		if len(kinds) != 2 || kinds["pk"] != pk.kind || kinds["sk"] != skNum.kind {
			p.Errorf("the attributes are %v", kinds)
		}
		if k := table.KeySchema; len(k) != 2 || aws.ToString(k[0].AttributeName) != "pk" || k[0].KeyType != types.KeyTypeHash ||
			aws.ToString(k[1].AttributeName) != "sk" || k[1].KeyType != types.KeyTypeRange {
			p.Errorf("the key schema is %+v", k)
		}
	})
	p.check("describe indexes", nil, func(p *probe) {
		name := p.indexed()
		out, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		p.must(err)
		kinds := map[string]types.ProjectionType{}
		for _, i := range out.Table.GlobalSecondaryIndexes {
			kinds[aws.ToString(i.IndexName)] = i.Projection.ProjectionType
			if i.IndexStatus != types.IndexStatusActive {
				p.Errorf("index %s is %s", aws.ToString(i.IndexName), i.IndexStatus)
			}
		}
		for _, i := range out.Table.LocalSecondaryIndexes {
			kinds[aws.ToString(i.IndexName)] = i.Projection.ProjectionType
		}
		if len(kinds) != 3 || kinds[byGroup] != types.ProjectionTypeAll || kinds[byRank] != types.ProjectionTypeKeysOnly || kinds[byTime] != types.ProjectionTypeInclude {
			p.Errorf("the indexes are %v", kinds)
		}
	})
	p.check("create twice", nil, func(p *probe) {
		name := p.table(pk)
		_, err := p.db.CreateTable(p.Context(), &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: attributes(pk), KeySchema: schema(pk),
		})
		p.expect(err, refusal{resourceInUse, name})
	})
	p.check("delete", nil, func(p *probe) {
		name := p.table(pk)
		p.put(name, item{"pk": str("a")})
		out, err := p.db.DeleteTable(p.Context(), &dynamodb.DeleteTableInput{TableName: &name})
		p.must(err)
		if aws.ToString(out.TableDescription.TableName) != name {
			p.Errorf("the answer describes %q, want %q", aws.ToString(out.TableDescription.TableName), name)
		}
		p.gone(name)
	})
	p.check("create again is empty", nil, func(p *probe) {
		name := p.table(pk)
		p.put(name, item{"pk": str("a")})
		_, err := p.db.DeleteTable(p.Context(), &dynamodb.DeleteTableInput{TableName: &name})
		p.must(err)
		p.gone(name)
		_, err = p.db.CreateTable(p.Context(), &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: attributes(pk), KeySchema: schema(pk),
		})
		p.must(err)
		p.active(name)
		p.equal("item of the table before", p.get(name, item{"pk": str("a")}), nil)
	})
	p.check("list", nil, func(p *probe) {
		want := []string{p.table(pk), p.table(pk), p.table(pk)}
		pages := dynamodb.NewListTablesPaginator(p.db, &dynamodb.ListTablesInput{})
		var got []string
		for pages.HasMorePages() {
			page, err := pages.NextPage(p.Context())
			p.must(err)
			got = append(got, page.TableNames...)
		}
		// Other tests' tables come and go meanwhile.
		for _, name := range want {
			if !slices.Contains(got, name) {
				p.Errorf("%s is not listed", name)
			}
		}
	})
	p.check("list one", nil, func(p *probe) {
		p.table(pk)
		p.table(pk)
		out, err := p.db.ListTables(p.Context(), &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
		p.must(err)
		if len(out.TableNames) != 1 || aws.ToString(out.LastEvaluatedTableName) != out.TableNames[0] {
			p.Errorf("got %s and %q to go on from, want one name", out.TableNames, aws.ToString(out.LastEvaluatedTableName))
		}
	})
	p.check("list from a name", nil, func(p *probe) {
		name := p.table(pk)
		out, err := p.db.ListTables(p.Context(), &dynamodb.ListTablesInput{ExclusiveStartTableName: &name})
		p.must(err)
		if slices.Contains(out.TableNames, name) {
			p.Errorf("the list holds the name after which it starts")
		}
	})
}

// gone waits until the table is no more.
func (p *probe) gone(name string) {
	p.Helper()
	err := dynamodb.NewTableNotExistsWaiter(p.db, func(o *dynamodb.TableNotExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 5*time.Second
	}).Wait(p.Context(), &dynamodb.DescribeTableInput{TableName: &name}, tableTimeout)
	p.must(err)
}

// unknownTables refuse every operation on them.
func unknownTables(p *probe) {
	name := uniqueName()
	key := item{"pk": str("a")}
	calls := map[string]func(p *probe) error{
		"put": func(p *probe) error {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &name, Item: key})
			return err
		},
		"get": func(p *probe) error {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &name, Key: key})
			return err
		},
		"update": func(p *probe) error {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &name, Key: key, UpdateExpression: expr("SET v = :v"), ExpressionAttributeValues: item{":v": num("1")},
			})
			return err
		},
		"delete": func(p *probe) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &name, Key: key})
			return err
		},
		"query": func(p *probe) error {
			_, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: &name, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("a")},
			})
			return err
		},
		"scan": func(p *probe) error {
			_, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{TableName: &name})
			return err
		},
		"describe": func(p *probe) error {
			_, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: &name})
			return err
		},
		"delete table": func(p *probe) error {
			_, err := p.db.DeleteTable(p.Context(), &dynamodb.DeleteTableInput{TableName: &name})
			return err
		},
	}
	for operation, call := range calls {
		p.check(operation, nil, func(p *probe) {
			p.expect(call(p), refusal{resourceNotFound, "Requested resource not found"})
		})
	}
}

// refusedTables cannot be created.
func refusedTables(p *probe) {
	onDemand := types.BillingModePayPerRequest
	cases := []struct {
		name  string
		in    dynamodb.CreateTableInput
		wrong wrong
	}{
		{name: "short name", in: dynamodb.CreateTableInput{TableName: aws.String("ab"), AttributeDefinitions: attributes(pk), KeySchema: schema(pk), BillingMode: onDemand}, wrong: wrong{Moto: accepts}},
		{name: "long name", in: dynamodb.CreateTableInput{TableName: aws.String(strings.Repeat("x", 256)), AttributeDefinitions: attributes(pk), KeySchema: schema(pk), BillingMode: onDemand}, wrong: wrong{Moto: accepts}},
		{name: "characters", in: dynamodb.CreateTableInput{TableName: aws.String("not a name"), AttributeDefinitions: attributes(pk), KeySchema: schema(pk), BillingMode: onDemand}, wrong: wrong{Moto: accepts}},
		{name: "key without a type", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(pk), KeySchema: schema(pk, sk), BillingMode: onDemand}},
		{name: "attribute too many", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(pk, sk), KeySchema: schema(pk), BillingMode: onDemand}},
		{name: "no key", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(pk), KeySchema: []types.KeySchemaElement{}, BillingMode: onDemand}},
		{name: "no partition key", wrong: wrong{Moto: accepts}, in: dynamodb.CreateTableInput{
			AttributeDefinitions: attributes(pk), BillingMode: onDemand,
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeRange}},
		}},
		{name: "one attribute as both keys", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(pk), KeySchema: schema(pk, pk), BillingMode: onDemand}, wrong: wrong{Moto: accepts}},
		{name: "key type", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(key{"pk", "BOOL"}), KeySchema: schema(pk), BillingMode: onDemand}, wrong: wrong{Moto: accepts}},
		{name: "provisioned without throughput", in: dynamodb.CreateTableInput{AttributeDefinitions: attributes(pk), KeySchema: schema(pk), BillingMode: types.BillingModeProvisioned}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			if c.in.TableName == nil {
				c.in.TableName = aws.String(uniqueName())
			}
			_, err := p.db.CreateTable(p.Context(), &c.in)
			if err == nil {
				p.deleteAfter(*c.in.TableName)
			}
			p.expect(err, refusal{code: validation})
		})
	}
}

// unknownOperations are refused as such: the SDK's request, under another name.
func unknownOperations(p *probe) {
	cases := []struct {
		target string
		wrong  wrong
	}{
		{target: "DynamoDB_20120810.Conform", wrong: wrong{Moto: crashes}},
		{target: "DynamoDB_19700101.ListTables", wrong: wrong{Moto: accepts}},
		{target: "ListTables", wrong: wrong{Moto: crashes}},
	}
	for _, c := range cases {
		p.check(c.target, c.wrong, func(p *probe) {
			_, err := p.db.ListTables(p.Context(), &dynamodb.ListTablesInput{}, func(o *dynamodb.Options) {
				o.APIOptions = append(o.APIOptions, renamed(c.target))
			})
			p.expect(err, refusal{code: unknownOperation})
		})
	}
}

// renamed sends a request as another operation. It comes before the signature, which covers the name.
func renamed(operation string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("renamed", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				request.Header.Set("X-Amz-Target", operation)
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	}
}
