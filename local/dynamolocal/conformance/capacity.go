package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// units returns what the answer says was consumed; -1 if it does not say.
func units(c *types.ConsumedCapacity) float64 {
	if c == nil || c.CapacityUnits == nil {
		return -1
	}
	return *c.CapacityUnits
}

// capacity holds what operations say they consume: writes per 1 KB of the larger of the old and the new item, reads per
// 4 KB, half of it if they are eventually consistent, all of it twice in a transaction. A write whose condition fails
// consumes as well, but nothing in the answer says so.
func capacity(p *probe) {
	const total = types.ReturnConsumedCapacityTotal
	table := p.table(pk)
	// Every case has the item under its name, of the size; 0 for none.
	sized := func(name string, size int) item {
		if size == 0 {
			return nil
		}
		return padded(item{"pk": str(name)}, len("pk")+len(name), size)
	}
	put := func(size int) func(p *probe, key item) (*types.ConsumedCapacity, error) {
		return func(p *probe, key item) (*types.ConsumedCapacity, error) {
			it := sized(key["pk"].(*types.AttributeValueMemberS).Value, size)
			out, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it, ReturnConsumedCapacity: total})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	update := func(expression string, value types.AttributeValue) func(p *probe, key item) (*types.ConsumedCapacity, error) {
		return func(p *probe, key item) (*types.ConsumedCapacity, error) {
			out, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: &expression, ReturnConsumedCapacity: total,
				ExpressionAttributeValues: used(item{":v": value}, expression),
			})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	remove := func(p *probe, key item) (*types.ConsumedCapacity, error) {
		out, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key, ReturnConsumedCapacity: total})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	}
	get := func(consistent bool, projection string) func(p *probe, key item) (*types.ConsumedCapacity, error) {
		return func(p *probe, key item) (*types.ConsumedCapacity, error) {
			out, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{
				TableName: &table, Key: key, ConsistentRead: &consistent, ProjectionExpression: expr(projection), ReturnConsumedCapacity: total,
			})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	cases := []struct {
		name  string
		size  int
		call  func(p *probe, key item) (*types.ConsumedCapacity, error)
		want  float64
		wrong wrong
	}{
		{name: "put of 1 KB", call: put(1024), want: 1},
		{name: "put of 1 KB and a byte", call: put(1025), want: 2, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "put of 400 KB", call: put(maxItem), want: 400, wrong: wrong{Moto: "its limit is 405 000 bytes"}},
		{name: "put over a larger item", size: 3000, call: put(100), want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "put over a smaller item", size: 100, call: put(3000), want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "update of a new item", call: update("SET a = :v", num("1")), want: 1, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "update of a large item", size: 3000, call: update("SET a = :v", num("1")), want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "update that shrinks", size: 3000, call: update("REMOVE filler", nil), want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "update that grows", size: 100, call: update("SET filler = :v", str(strings.Repeat("x", 3000))), want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "delete", size: 3000, call: remove, want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "delete of nothing", call: remove, want: 1},
		{name: "consistent get of 4 KB", size: 4096, call: get(true, ""), want: 1, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "consistent get of 4 KB and a byte", size: 4097, call: get(true, ""), want: 2, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "get of 4 KB", size: 4096, call: get(false, ""), want: 0.5},
		{name: "get of 4 KB and a byte", size: 4097, call: get(false, ""), want: 1, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "get of a part", size: 4097, call: get(true, "pk"), want: 2, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "get of nothing", call: get(false, ""), want: 0.5},
		{name: "consistent get of nothing", call: get(true, ""), want: 1, wrong: wrong{Moto: "it counts operations, not bytes"}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			if it := sized(c.name, c.size); it != nil {
				p.put(table, it)
			}
			got, err := c.call(p, item{"pk": str(c.name)})
			p.must(err)
			if units(got) != c.want {
				p.Errorf("consumed %v, want %v", units(got), c.want)
			}
			if got != nil && aws.ToString(got.TableName) != table {
				p.Errorf("consumed of table %q, want %q", aws.ToString(got.TableName), table)
			}
		})
	}
	p.check("not asked for", nil, func(p *probe) {
		out, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item{"pk": str("silent")}})
		p.must(err)
		if out.ConsumedCapacity != nil {
			p.Errorf("the answer says %v units were consumed", units(out.ConsumedCapacity))
		}
	})
	p.check("per table", nil, func(p *probe) {
		out, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: item{"pk": str("indexes")}, ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
		})
		p.must(err)
		if c := out.ConsumedCapacity; units(c) != 1 || c.Table == nil || aws.ToFloat64(c.Table.CapacityUnits) != 1 {
			p.Errorf("consumed %v, want 1 and 1 of the table", units(c))
		}
	})
}

// readCapacity is rounded once, over all that a Query or a Scan reads.
func readCapacity(p *probe) {
	table := p.table(pk, sk)
	for i := range 10 { // 10 000 bytes: three times 4 KB
		name := fmt.Sprintf("%02d", i)
		p.put(table, padded(item{"pk": str("p"), "sk": str(name), "v": num(fmt.Sprint(i))}, len("pkpsk00v")+2, 1000))
	}
	cases := []struct {
		name  string
		query dynamodb.QueryInput
		want  float64
		wrong wrong
	}{
		{name: "query", want: 1.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "consistent query", query: dynamodb.QueryInput{ConsistentRead: aws.Bool(true)}, want: 3, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "count", query: dynamodb.QueryInput{Select: types.SelectCount}, want: 1.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "filter", query: dynamodb.QueryInput{FilterExpression: expr("attribute_not_exists(filler)")}, want: 1.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "projection", query: dynamodb.QueryInput{ProjectionExpression: expr("v")}, want: 1.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "limit", query: dynamodb.QueryInput{Limit: aws.Int32(4)}, want: 0.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
		{name: "nothing", query: dynamodb.QueryInput{ExpressionAttributeValues: item{":p": str("nobody")}}, want: 0.5, wrong: wrong{Moto: "it counts operations, not bytes"}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			in := c.query
			in.TableName, in.KeyConditionExpression, in.ReturnConsumedCapacity = &table, expr("pk = :p"), types.ReturnConsumedCapacityTotal
			if in.ExpressionAttributeValues == nil {
				in.ExpressionAttributeValues = item{":p": str("p")}
			}
			out, err := p.db.Query(p.Context(), &in)
			p.must(err)
			if units(out.ConsumedCapacity) != c.want {
				p.Errorf("consumed %v, want %v", units(out.ConsumedCapacity), c.want)
			}
		})
	}
	for consistent, want := range map[bool]float64{false: 1.5, true: 3} {
		p.check(fmt.Sprintf("scan, consistent %t", consistent), wrong{Moto: "it counts operations, not bytes"}, func(p *probe) {
			out, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{
				TableName: &table, ConsistentRead: &consistent, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			})
			p.must(err)
			if units(out.ConsumedCapacity) != want {
				p.Errorf("consumed %v, want %v", units(out.ConsumedCapacity), want)
			}
		})
	}
}

// transactionCapacity is twice that of the same operations alone, and given for each table.
func transactionCapacity(p *probe) {
	const total = types.ReturnConsumedCapacityTotal
	big := func(name string, size int) item { return padded(item{"pk": str(name)}, len("pk")+len(name), size) }
	writes := []struct {
		name    string
		actions func(one, two string) []types.TransactWriteItem
		want    [2]float64
		wrong   wrong
	}{
		{name: "put", wrong: wrong{Moto: "it says nothing about capacity here"}, want: [2]float64{2, -1}, actions: func(one, _ string) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(one, big("a", 1024), "")}
		}},
		{name: "large put", wrong: wrong{Moto: "it says nothing about capacity here"}, want: [2]float64{4, -1}, actions: func(one, _ string) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(one, big("a", 1025), "")}
		}},
		{name: "several in two tables", wrong: wrong{Moto: "it says nothing about capacity here"}, want: [2]float64{8, 2}, actions: func(one, two string) []types.TransactWriteItem {
			return []types.TransactWriteItem{
				putting(one, big("a", 2000), ""), updating(one, item{"pk": str("b")}, "SET v = :one", ""),
				deleting(one, item{"pk": str("c")}, ""), putting(two, item{"pk": str("a")}, ""),
			}
		}},
	}
	for _, c := range writes {
		p.check("write/"+c.name, c.wrong, func(p *probe) {
			one, two := p.table(pk), p.table(pk)
			out, err := p.db.TransactWriteItems(p.Context(), &dynamodb.TransactWriteItemsInput{
				TransactItems: c.actions(one, two), ReturnConsumedCapacity: total,
			})
			p.must(err)
			p.consumed(out.ConsumedCapacity, map[string]float64{one: c.want[0], two: c.want[1]})
		})
	}
	p.check("write/replay reads", wrong{Moto: "it says nothing about capacity here"}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		for _, want := range []float64{6, 2} {
			out, err := p.db.TransactWriteItems(p.Context(), &dynamodb.TransactWriteItemsInput{
				TransactItems: []types.TransactWriteItem{putting(table, big("a", 3000), "")}, ReturnConsumedCapacity: total, ClientRequestToken: &token,
			})
			p.must(err)
			p.consumed(out.ConsumedCapacity, map[string]float64{table: want})
		}
	})
	p.check("write/an index costs as it does alone", wrong{Moto: "it says nothing about capacity here"}, func(p *probe) {
		table := p.indexed()
		out, err := p.db.TransactWriteItems(p.Context(), &dynamodb.TransactWriteItemsInput{
			TransactItems:          []types.TransactWriteItem{putting(table, item{"pk": str("a"), "sk": str("a"), "grp": str("g")}, "")},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
		})
		p.must(err)
		p.consumed(out.ConsumedCapacity, map[string]float64{table: 3})
		if got := out.ConsumedCapacity; len(got) != 1 || got[0].Table == nil || aws.ToFloat64(got[0].Table.CapacityUnits) != 2 ||
			aws.ToFloat64(got[0].GlobalSecondaryIndexes[byGroup].CapacityUnits) != 1 {
			p.Errorf("consumed %+v, want 2 of the table and 1 of the index", got)
		}
	})
	p.check("write/replay of a deletion reads what was there", wrong{Moto: "it says nothing about capacity here"}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		p.put(table, big("a", 9000))
		for _, want := range []float64{18, 6} {
			out, err := p.db.TransactWriteItems(p.Context(), &dynamodb.TransactWriteItemsInput{
				TransactItems: []types.TransactWriteItem{deleting(table, item{"pk": str("a")}, "")}, ReturnConsumedCapacity: total, ClientRequestToken: &token,
			})
			p.must(err)
			p.consumed(out.ConsumedCapacity, map[string]float64{table: want})
		}
	})
	p.check("read", wrong{Moto: "it counts items, not bytes"}, func(p *probe) {
		one, two := p.table(pk), p.table(pk)
		p.put(one, big("a", 4097))
		read := func(table, name string) types.TransactGetItem {
			return types.TransactGetItem{Get: &types.Get{TableName: &table, Key: item{"pk": str(name)}}}
		}
		out, err := p.db.TransactGetItems(p.Context(), &dynamodb.TransactGetItemsInput{
			TransactItems: []types.TransactGetItem{read(one, "a"), read(one, "none"), read(two, "none")}, ReturnConsumedCapacity: total,
		})
		p.must(err)
		p.consumed(out.ConsumedCapacity, map[string]float64{one: 6, two: 2})
	})
}

// consumed expects exactly these units for these tables; -1 for a table that is not to be mentioned.
func (p *probe) consumed(got []types.ConsumedCapacity, want map[string]float64) {
	p.Helper()
	seen := map[string]float64{}
	for _, c := range got {
		seen[aws.ToString(c.TableName)] += units(&c)
	}
	for table, w := range want {
		g, ok := seen[table]
		if !ok {
			g = -1
		}
		if g != w {
			p.Errorf("consumed %v of a table, want %v", g, w)
		}
	}
}
