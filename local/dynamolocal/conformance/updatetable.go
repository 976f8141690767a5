package conformance

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// tableUpdates are UpdateTable.
func tableUpdates(p *probe) {
	units := func(n int64) *types.ProvisionedThroughput {
		return &types.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: &n}
	}
	update := func(p *probe, table string, in *dynamodb.UpdateTableInput) error {
		in.TableName = &table
		_, err := p.db.UpdateTable(p.Context(), in)
		if err == nil {
			p.active(table)
		}
		return err
	}
	describe := func(p *probe, table string) *types.TableDescription {
		out, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: &table})
		p.must(err)
		return out.Table
	}
	group := key{"grp", types.ScalarAttributeTypeS}
	create := func(name string) *dynamodb.UpdateTableInput {
		return &dynamodb.UpdateTableInput{AttributeDefinitions: attributes(group), GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
			{Create: &types.CreateGlobalSecondaryIndexAction{
				IndexName: &name, KeySchema: schema(group), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			}},
		}}
	}
	remove := func(name string) *dynamodb.UpdateTableInput {
		return &dynamodb.UpdateTableInput{GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
			{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &name}},
		}}
	}
	p.check("a new index has what the table has", nil, func(p *probe) {
		table := p.table(pk)
		for i := range 5 {
			p.put(table, item{"pk": str(fmt.Sprint(i)), "grp": str("g")})
		}
		p.put(table, item{"pk": str("none")}, item{"pk": str("another type"), "grp": num("1")})
		p.must(update(p, table, create(byGroup)))
		p.eventually("the index is active", func() bool {
			indexes := describe(p, table).GlobalSecondaryIndexes
			return len(indexes) == 1 && indexes[0].IndexStatus == types.IndexStatusActive
		})
		p.indexQuery(table, byGroup, "grp = :g", item{":g": str("g")}, 5)
		p.put(table, item{"pk": str("new"), "grp": str("g")})
		p.indexQuery(table, byGroup, "grp = :g", item{":g": str("g")}, 6)
		p.must(update(p, table, remove(byGroup)))
		p.eventually("the index is gone", func() bool { return len(describe(p, table).GlobalSecondaryIndexes) == 0 })
		_, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, IndexName: aws.String(byGroup), KeyConditionExpression: expr("grp = :g"), ExpressionAttributeValues: item{":g": str("g")},
		})
		if errorCode(err) == "" {
			p.Errorf("the index that is gone answers")
		}
	})
	p.check("attributes of an index that is gone", nil, func(p *probe) {
		table := p.table(pk)
		p.must(update(p, table, create(byGroup)))
		p.must(update(p, table, remove(byGroup)))
		p.eventually("the definition is gone", func() bool { return len(describe(p, table).AttributeDefinitions) == 1 })
	})
	p.check("billing", nil, func(p *probe) {
		table := p.table(pk)
		p.must(update(p, table, &dynamodb.UpdateTableInput{BillingMode: types.BillingModeProvisioned, ProvisionedThroughput: units(5)}))
		if got := describe(p, table).ProvisionedThroughput; aws.ToInt64(got.ReadCapacityUnits) != 5 {
			p.Errorf("the throughput is %+v, want 5", got)
		}
		p.must(update(p, table, &dynamodb.UpdateTableInput{ProvisionedThroughput: units(7)}))
		if got := describe(p, table).ProvisionedThroughput; aws.ToInt64(got.WriteCapacityUnits) != 7 {
			p.Errorf("the throughput is %+v, want 7", got)
		}
		p.must(update(p, table, &dynamodb.UpdateTableInput{BillingMode: types.BillingModePayPerRequest}))
		if got := describe(p, table); got.BillingModeSummary == nil || got.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
			p.Errorf("the billing mode is %+v, want on demand", got.BillingModeSummary)
		}
	})
	p.check("deletion protection", wrong{Moto: rewords}, func(p *probe) {
		table := p.table(pk)
		p.must(update(p, table, &dynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(true)}))
		_, err := p.db.DeleteTable(p.Context(), &dynamodb.DeleteTableInput{TableName: &table})
		p.expect(err, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."))
		p.must(update(p, table, &dynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(false)}))
		_, err = p.db.DeleteTable(p.Context(), &dynamodb.DeleteTableInput{TableName: &table})
		p.must(err)
		p.gone(table)
	})
	refused := []struct {
		name string
		in   *dynamodb.UpdateTableInput
		want refusal
	}{
		{"nothing", &dynamodb.UpdateTableInput{}, invalid("At least one of ProvisionedThroughput, BillingMode")},
		{"throughput on demand", &dynamodb.UpdateTableInput{ProvisionedThroughput: units(5)}, invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")},
		{"provisioned without throughput", &dynamodb.UpdateTableInput{BillingMode: types.BillingModeProvisioned}, invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")},
		{"index without attributes", func() *dynamodb.UpdateTableInput { in := create(byGroup); in.AttributeDefinitions = nil; return in }(), invalid("AttributeDefinitions is not specified for index: " + byGroup)},
		{"unknown index", remove("nowhere"), refusal{resourceNotFound, ""}},
		{"two new indexes", func() *dynamodb.UpdateTableInput {
			in := create(byGroup)
			in.GlobalSecondaryIndexUpdates = append(in.GlobalSecondaryIndexUpdates, create(byRank).GlobalSecondaryIndexUpdates...)
			return in
		}(), refusal{"LimitExceededException", "Only 1 online index can be created or deleted simultaneously per table"}},
		{"protection and more", &dynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(true), TableClass: types.TableClassStandard}, invalid("DeletionProtection modification must be the only operation in the request")},
	}
	table := p.table(pk)
	for _, c := range refused {
		p.check("refused/"+c.name, known(motoUpdates, c.name, "it accepts, or refuses with a message of its own"), func(p *probe) {
			p.expect(update(p, table, c.in), c.want)
		})
	}
}

// motoUpdates are the updates of tables that moto does not refuse as it should.
var motoUpdates = []string{
	"index without attributes",
	"nothing",
	"protection and more",
	"provisioned without throughput",
	"throughput on demand",
	"two new indexes",
	"unknown index",
}
