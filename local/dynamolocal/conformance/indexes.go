package conformance

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	byGroup = "by-group" // global, everything
	byRank  = "by-rank"  // global, keys only, and a sort key of numbers
	byTime  = "by-time"  // local, one more attribute
)

// indexed creates a table with an index of every kind.
func (p *probe) indexed() string {
	p.Helper()
	group, rank, at := key{"grp", types.ScalarAttributeTypeS}, key{"rnk", types.ScalarAttributeTypeN}, key{"tm", types.ScalarAttributeTypeS}
	return p.create(&dynamodb.CreateTableInput{
		AttributeDefinitions: attributes(pk, sk, group, rank, at),
		KeySchema:            schema(pk, sk),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String(byGroup), KeySchema: schema(group), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}},
			{IndexName: aws.String(byRank), KeySchema: schema(group, rank), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String(byTime), KeySchema: schema(pk, at), Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"v"}}},
		},
	})
}

// indexQuery returns the items of a Query on an index, once it has caught up with the table.
func (p *probe) indexQuery(table, index, condition string, values item, n int) []item {
	p.Helper()
	var items []item
	p.eventually(index+" holds what was written", func() bool {
		out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, IndexName: &index, KeyConditionExpression: &condition, ExpressionAttributeValues: values,
		})
		p.must(err)
		items = out.Items
		return len(items) == n
	})
	return items
}

func indexes(p *probe) {
	table := p.indexed()
	full := func(s string, group, rank, at string) item {
		return item{"pk": str("p" + s), "sk": str(s), "grp": str(group), "rnk": num(rank), "tm": str(at), "v": str(s), "w": str(s)}
	}
	a, b, c := full("a", "g", "10", "3"), full("b", "g", "9", "2"), full("c", "h", "1", "1")
	sparse := item{"pk": str("ps"), "sk": str("s"), "grp": str("g")} // in by-group only
	p.put(table, a, b, c, sparse)
	keys := func(it item) item {
		return item{"pk": it["pk"], "sk": it["sk"], "grp": it["grp"], "rnk": it["rnk"]}
	}
	g := item{":g": str("g")}
	reads := []struct {
		name, index, condition string
		values                 item
		want                   []item
		anyOrder               bool
		wrong                  wrong
	}{
		{name: "one partition", index: byGroup, condition: "grp = :g", values: item{":g": str("h")}, want: []item{c}},
		{name: "no partition", index: byGroup, condition: "grp = :g", values: item{":g": str("x")}},
		{name: "keys only, in order of numbers", index: byRank, condition: "grp = :g", values: g, want: []item{keys(b), keys(a)}},
		{name: "sort condition", index: byRank, condition: "grp = :g AND rnk >= :r", values: with(g, item{":r": num("10")}), want: []item{keys(a)}},
		{name: "local", index: byTime, condition: "pk = :p AND tm > :t", values: item{":p": str("pa"), ":t": str("1")}, want: []item{
			{"pk": a["pk"], "sk": a["sk"], "tm": a["tm"], "v": a["v"]},
		}},
	}
	for _, r := range reads {
		p.check("query/"+r.name, r.wrong, func(p *probe) {
			p.equalAll("items", p.indexQuery(table, r.index, r.condition, r.values, len(r.want)), r.want)
		})
	}
	p.check("items without the index key are not in it", nil, func(p *probe) {
		p.indexQuery(table, byGroup, "grp = :g", g, 3)
		p.indexQuery(table, byRank, "grp = :g", g, 2)
	})
	p.check("pages", nil, func(p *probe) {
		p.indexQuery(table, byRank, "grp = :g", g, 2)
		pages := dynamodb.NewQueryPaginator(p.db, &dynamodb.QueryInput{
			TableName: &table, IndexName: aws.String(byRank), KeyConditionExpression: expr("grp = :g"), ExpressionAttributeValues: g, Limit: aws.Int32(1),
		})
		first, err := pages.NextPage(p.Context())
		p.must(err)
		p.equalAll("first page", first.Items, []item{keys(b)})
		p.equal("last evaluated key", first.LastEvaluatedKey, keys(b))
		second, err := pages.NextPage(p.Context())
		p.must(err)
		p.equalAll("second page", second.Items, []item{keys(a)})
	})
	// Unlike those of a table, the keys of an index can be equal.
	p.check("pages of equal keys", nil, func(p *probe) {
		table := p.indexed()
		for _, s := range []string{"c", "a", "d", "b"} {
			p.put(table, full(s, "g", "1", "1"))
		}
		p.indexQuery(table, byRank, "grp = :g", g, 4)
		pages := dynamodb.NewQueryPaginator(p.db, &dynamodb.QueryInput{
			TableName: &table, IndexName: aws.String(byRank), KeyConditionExpression: expr("grp = :g"), ExpressionAttributeValues: g, Limit: aws.Int32(1),
		})
		seen := map[string]bool{}
		for n := 0; pages.HasMorePages(); n++ {
			page, err := pages.NextPage(p.Context())
			p.must(err)
			for _, it := range page.Items {
				seen[showValue(it["sk"])] = true
			}
			if n > 4 {
				p.Fatalf("there is no end of pages; read so far: %d of 4 items", len(seen))
			}
		}
		if len(seen) != 4 {
			p.Errorf("read %d of 4 items", len(seen))
		}
	})
	p.check("scan", nil, func(p *probe) {
		p.eventually("by-rank holds three items", func() bool {
			out, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{TableName: &table, IndexName: aws.String(byRank)})
			p.must(err)
			return out.Count == 3
		})
	})
	p.check("consistent read of a local index", nil, func(p *probe) {
		out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, IndexName: aws.String(byTime), KeyConditionExpression: expr("pk = :p"),
			ExpressionAttributeValues: item{":p": str("pa")}, ConsistentRead: aws.Bool(true),
		})
		p.must(err)
		if out.Count != 1 {
			p.Errorf("%d items, want 1", out.Count)
		}
	})
	p.check("follows the table", nil, func(p *probe) {
		table := p.indexed()
		key := item{"pk": str("p"), "sk": str("s")}
		update := func(expression string, values item) {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: &expression, ExpressionAttributeValues: values,
			})
			p.must(err)
		}
		old, renamed := item{":g": str("old")}, item{":g": str("new")}
		update("SET grp = :g", old)
		p.indexQuery(table, byGroup, "grp = :g", old, 1)
		update("SET grp = :g", renamed)
		p.indexQuery(table, byGroup, "grp = :g", old, 0)
		p.indexQuery(table, byGroup, "grp = :g", renamed, 1)
		update("SET v = :v", item{":v": num("1")})
		if got := p.indexQuery(table, byGroup, "grp = :g", renamed, 1); p.target != Endpoint {
			p.equalAll("items", got, []item{with(key, item{"grp": str("new"), "v": num("1")})})
		}
		update("REMOVE grp", nil)
		p.indexQuery(table, byGroup, "grp = :g", renamed, 0)
		p.put(table, with(key, item{"grp": str("new")}))
		p.indexQuery(table, byGroup, "grp = :g", renamed, 1)
		p.put(table, key)
		p.indexQuery(table, byGroup, "grp = :g", renamed, 0)
		p.must(p.transact(updating(table, key, "SET grp = :text", "")))
		p.indexQuery(table, byGroup, "grp = :g", item{":g": str("x")}, 1)
		_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
		p.must(err)
		p.indexQuery(table, byGroup, "grp = :g", item{":g": str("x")}, 0)
	})
	p.refusedIndexReads(table)
	p.refusedIndexKeys()
}

func (p *probe) refusedIndexReads(table string) {
	group := func(in dynamodb.QueryInput) dynamodb.QueryInput {
		in.KeyConditionExpression, in.ExpressionAttributeValues = expr("grp = :g"), item{":g": str("g")}
		return in
	}
	queries := []struct {
		name    string
		in      dynamodb.QueryInput
		message string
		wrong   wrong
	}{
		{name: "consistent", in: group(dynamodb.QueryInput{IndexName: aws.String(byGroup), ConsistentRead: aws.Bool(true)}), message: "Consistent reads are not supported on global secondary indexes"},
		{name: "unknown index", in: group(dynamodb.QueryInput{IndexName: aws.String("nowhere")}), message: "The table does not have the specified index: nowhere", wrong: wrong{Moto: "it answers ResourceNotFoundException"}},
		{name: "key of the table", in: dynamodb.QueryInput{IndexName: aws.String(byGroup), KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("pa")}}, message: "Query condition missed key schema element: grp"},
		{name: "attributes that are not projected", in: group(dynamodb.QueryInput{IndexName: aws.String(byRank), Select: types.SelectAllAttributes}), message: "Select type ALL_ATTRIBUTES is not supported for global secondary index by-rank"},
		{name: "start key without the index key", in: group(dynamodb.QueryInput{IndexName: aws.String(byGroup), ExclusiveStartKey: item{"pk": str("pa"), "sk": str("a")}}), message: "The provided starting key is invalid", wrong: wrong{Moto: crashes}},
	}
	for _, c := range queries {
		p.check("refused/"+c.name, c.wrong, func(p *probe) {
			c.in.TableName = &table
			_, err := p.db.Query(p.Context(), &c.in)
			p.expect(err, invalid(c.message))
		})
	}
	p.check("refused/consistent scan", nil, func(p *probe) {
		_, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{TableName: &table, IndexName: aws.String(byGroup), ConsistentRead: aws.Bool(true)})
		p.expect(err, invalid("Consistent reads are not supported on global secondary indexes"))
	})
}

func (p *probe) refusedIndexKeys() {
	table := p.indexed() // of its own, for a target that accepts what it should refuse
	keys := []struct {
		name    string
		extra   item
		message string
		wrong   wrong
	}{
		{name: "type", extra: item{"grp": num("1")}, message: "Type mismatch for Index Key grp Expected: S Actual: N", wrong: wrong{Moto: accepts}},
		{name: "sort key type", extra: item{"grp": str("g"), "rnk": str("1")}, message: "Type mismatch for Index Key rnk Expected: N Actual: S", wrong: wrong{Moto: accepts}},
		{name: "null", extra: item{"grp": null()}, message: "Type mismatch for Index Key grp Expected: S Actual: NULL"},
		{name: "empty", extra: item{"grp": str("")}, message: "contain an empty string value"},
	}
	for _, c := range keys {
		p.check("refused/key "+c.name, c.wrong, func(p *probe) {
			key := item{"pk": str("refused"), "sk": str(c.name)}
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: with(key, c.extra)})
			p.expect(err, invalid(c.message))
			p.equal("item", p.get(table, key), nil)
		})
	}
	p.check("refused/update of a key to another type", nil, func(p *probe) {
		_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: item{"pk": str("refused"), "sk": str("update")}, UpdateExpression: expr("SET grp = :v"),
			ExpressionAttributeValues: item{":v": num("1")},
		})
		p.expect(err, refusal{code: validation})
	})
}
