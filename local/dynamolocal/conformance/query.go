package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// numbered puts items 00 to n-1 under one partition key, whose attribute v is their number.
func (p *probe) numbered(table string, n int) []item {
	p.Helper()
	items := make([]item, n)
	for i := range items {
		items[i] = item{"pk": str("p"), "sk": str(fmt.Sprintf("%02d", i)), "v": num(fmt.Sprint(i))}
	}
	p.put(table, items...)
	return items
}

// queries are about limits, filters, selections and projections of a Query.
func queries(p *probe) {
	table := p.table(pk, sk)
	items := p.numbered(table, 10)
	p.put(table, item{"pk": str("q"), "sk": str("00")})
	cases := []struct {
		name           string
		change         func(in *dynamodb.QueryInput)
		values         item
		keys           string
		count, scanned int32
		refused        refusal
		more           bool // a LastEvaluatedKey
		wrong          wrong
	}{
		{name: "all", change: func(*dynamodb.QueryInput) {}, keys: "00 01 02 03 04 05 06 07 08 09", count: 10, scanned: 10},
		{name: "limit", change: func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(3) }, keys: "00 01 02", count: 3, scanned: 3, more: true},
		{name: "limit from the end", change: func(in *dynamodb.QueryInput) {
			in.Limit, in.ScanIndexForward = aws.Int32(3), aws.Bool(false)
		}, keys: "09 08 07", count: 3, scanned: 3, more: true},
		{name: "limit past the end", change: func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(11) }, keys: "00 01 02 03 04 05 06 07 08 09", count: 10, scanned: 10},
		{name: "filter", change: func(in *dynamodb.QueryInput) { in.FilterExpression = expr("v >= :v") }, values: item{":v": num("8")}, keys: "08 09", count: 2, scanned: 10},
		{name: "filter of nothing", change: func(in *dynamodb.QueryInput) { in.FilterExpression = expr("v > :v") }, values: item{":v": num("99")}, count: 0, scanned: 10},
		// The limit is on what is read, not on what the filter leaves.
		{name: "filter and limit", change: func(in *dynamodb.QueryInput) {
			in.FilterExpression, in.Limit = expr("v >= :v"), aws.Int32(5)
		}, values: item{":v": num("4")}, keys: "04", count: 1, scanned: 5, more: true},
		{name: "start", change: func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey = item{"pk": str("p"), "sk": str("06")}
		}, keys: "07 08 09", count: 3, scanned: 3},
		{name: "start between items", change: func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey = item{"pk": str("p"), "sk": str("065")}
		}, keys: "07 08 09", count: 3, scanned: 3},
		{name: "start backwards", change: func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey, in.ScanIndexForward = item{"pk": str("p"), "sk": str("02")}, aws.Bool(false)
		}, keys: "01 00", count: 2, scanned: 2},
		{name: "count", change: func(in *dynamodb.QueryInput) { in.Select = types.SelectCount }, count: 10, scanned: 10},
		{name: "count of a filter", change: func(in *dynamodb.QueryInput) {
			in.Select, in.FilterExpression = types.SelectCount, expr("v >= :v")
		}, values: item{":v": num("7")}, count: 3, scanned: 10},
		{name: "count to a limit", change: func(in *dynamodb.QueryInput) {
			in.Select, in.Limit = types.SelectCount, aws.Int32(4)
		}, count: 4, scanned: 4, more: true},
		{name: "all attributes", change: func(in *dynamodb.QueryInput) {
			in.Select, in.Limit = types.SelectAllAttributes, aws.Int32(1)
		}, keys: "00", count: 1, scanned: 1, more: true},

		{name: "limit 0", change: func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(0) }, refused: invalid("Member must have value greater than or equal to 1"), wrong: wrong{Moto: crashes}},
		{name: "start in another partition", wrong: wrong{Moto: accepts}, change: func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey = item{"pk": str("q"), "sk": str("00")}
		}, refused: invalid("The provided starting key is outside query boundaries based on provided conditions")},
		{name: "start without sort key", change: func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = item{"pk": str("p")} }, refused: invalid("The provided starting key is invalid"), wrong: wrong{Moto: crashes}},
		{name: "start of another type", wrong: wrong{Moto: crashes}, change: func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey = item{"pk": str("p"), "sk": num("1")}
		}, refused: invalid("The provided starting key is invalid")},
		{name: "count with a projection", change: func(in *dynamodb.QueryInput) {
			in.Select, in.ProjectionExpression = types.SelectCount, expr("v")
		}, refused: invalid("")},
		{name: "specific attributes without a projection", change: func(in *dynamodb.QueryInput) { in.Select = types.SelectSpecificAttributes }, refused: invalid("")},
		{name: "projected attributes without an index", change: func(in *dynamodb.QueryInput) { in.Select = types.SelectAllProjectedAttributes }, refused: invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			in := &dynamodb.QueryInput{
				TableName: &table, KeyConditionExpression: expr("pk = :p"), ConsistentRead: aws.Bool(true),
				ExpressionAttributeValues: with(item{":p": str("p")}, c.values),
			}
			c.change(in)
			out, err := p.db.Query(p.Context(), in)
			if !p.expect(err, c.refused) || err != nil {
				return
			}
			if got := sortKeys(out.Items); got != c.keys || out.Count != c.count || out.ScannedCount != c.scanned {
				p.Errorf("got %q, count %d of %d; want %q, count %d of %d", got, out.Count, out.ScannedCount, c.keys, c.count, c.scanned)
			}
			if (out.LastEvaluatedKey != nil) != c.more {
				p.Errorf("last evaluated key %s, want one: %t", show(out.LastEvaluatedKey), c.more)
			}
		})
	}
	p.check("projection", nil, func(p *probe) {
		out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: expr("pk = :p AND sk < :s"), ProjectionExpression: expr("v"),
			ExpressionAttributeValues: item{":p": str("p"), ":s": str("02")},
		})
		p.must(err)
		p.equalAll("items", out.Items, []item{{"v": num("0")}, {"v": num("1")}})
	})
	for _, limit := range []int32{1, 3, 5, 10} {
		p.check(fmt.Sprintf("pages of %d", limit), nil, func(p *probe) {
			pages := dynamodb.NewQueryPaginator(p.db, &dynamodb.QueryInput{
				TableName: &table, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("p")}, Limit: &limit,
			})
			var all []item
			for pages.HasMorePages() {
				page, err := pages.NextPage(p.Context())
				p.must(err)
				if page.Count > limit {
					p.Errorf("a page of %d, want no more than %d", page.Count, limit)
				}
				all = append(all, page.Items...)
			}
			p.equalAll("items of all pages", all, items)
		})
	}
}

// megabytePages ends a page of a Query or a Scan after 1 MB read, before the filter.
func megabytePages(p *probe) {
	table := p.table(pk, sk)
	pad := strings.Repeat("x", 100_000)
	const n = 15
	for i := range n {
		p.put(table, item{"pk": str("p"), "sk": str(fmt.Sprintf("%02d", i)), "pad": str(pad), "v": num(fmt.Sprint(i))})
	}
	query := func(filter string, start item) (int32, int32, item, error) {
		out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: expr("pk = :p"), FilterExpression: expr(filter), ExclusiveStartKey: start,
			ExpressionAttributeValues: with(item{":p": str("p")}, used(item{":v": num("-1")}, filter)), ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			return 0, 0, nil, err
		}
		return out.Count, out.ScannedCount, out.LastEvaluatedKey, nil
	}
	scan := func(filter string, start item) (int32, int32, item, error) {
		out, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{
			TableName: &table, FilterExpression: expr(filter), ExclusiveStartKey: start,
			ExpressionAttributeValues: used(item{":v": num("-1")}, filter), ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			return 0, 0, nil, err
		}
		return out.Count, out.ScannedCount, out.LastEvaluatedKey, nil
	}
	cases := []struct {
		name   string
		read   func(filter string, start item) (int32, int32, item, error)
		filter string
		passes bool
		wrong  wrong
	}{
		{name: "query", read: query, passes: true},
		{name: "query filtered", read: query, filter: "v < :v"},
		{name: "scan", read: scan, passes: true},
		{name: "scan filtered", read: scan, filter: "v < :v"},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			count, scanned, last, err := c.read(c.filter, nil)
			p.must(err)
			// 1 MB holds ten of these items; DynamoDB may count the one that crosses the limit in.
			if scanned < 9 || scanned > 11 || last == nil {
				p.Fatalf("the first page reads %d items of 100 KB and ends at %s, want about ten and a key", scanned, show(last))
			}
			restCount, rest, last, err := c.read(c.filter, last)
			p.must(err)
			if scanned+rest != n || last != nil {
				p.Errorf("two pages read %d items and end at %s, want all %d", scanned+rest, show(last), n)
			}
			if passed := count + restCount; passed != n && c.passes || passed != 0 && !c.passes {
				p.Errorf("%d items pass the filter, want all: %t", passed, c.passes)
			}
		})
	}
}
