package conformance

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const scanned = 40

// scanTable holds 40 items of as many partitions, whose attribute v is their number.
func (p *probe) scanTable() string {
	p.Helper()
	table := p.table(pk)
	for i := range scanned {
		p.put(table, item{"pk": str(fmt.Sprintf("item %d", i)), "v": num(fmt.Sprint(i))})
	}
	return table
}

// everyOnce expects the items of a whole scan: each of the table, once, in any order.
func (p *probe) everyOnce(items []item) {
	p.Helper()
	seen := map[string]int{}
	for _, it := range items {
		seen[showValue(it["pk"])]++
	}
	for k, n := range seen {
		if n > 1 {
			p.Errorf("%s was read %d times", k, n)
		}
	}
	if len(seen) != scanned {
		p.Errorf("%d items were read, want %d", len(seen), scanned)
	}
}

func scans(p *probe) {
	table := p.scanTable()
	all := func(p *probe, in dynamodb.ScanInput) []item {
		in.TableName = &table
		in.ConsistentRead = aws.Bool(true)
		pages := dynamodb.NewScanPaginator(p.db, &in)
		var items []item
		for pages.HasMorePages() {
			page, err := pages.NextPage(p.Context())
			p.must(err)
			items = append(items, page.Items...)
		}
		return items
	}
	p.check("everything", nil, func(p *probe) { p.everyOnce(all(p, dynamodb.ScanInput{})) })
	for _, limit := range []int32{1, 7, 40, 1000} {
		p.check(fmt.Sprintf("pages of %d", limit), nil, func(p *probe) {
			p.everyOnce(all(p, dynamodb.ScanInput{Limit: &limit}))
		})
	}
	for _, segments := range []int32{1, 2, 4, 50} {
		p.check(fmt.Sprintf("%d segments", segments), nil, func(p *probe) {
			var items []item
			for segment := range segments {
				items = append(items, all(p, dynamodb.ScanInput{Segment: &segment, TotalSegments: &segments})...)
			}
			p.everyOnce(items)
		})
		p.check(fmt.Sprintf("%d segments in pages", segments), nil, func(p *probe) {
			var items []item
			for segment := range segments {
				items = append(items, all(p, dynamodb.ScanInput{Segment: &segment, TotalSegments: &segments, Limit: aws.Int32(3)})...)
			}
			p.everyOnce(items)
		})
	}
	counts := []struct {
		name           string
		in             dynamodb.ScanInput
		count, scanned int32
		items          int
		more           bool
		wrong          wrong
	}{
		{name: "filter", in: dynamodb.ScanInput{FilterExpression: expr("v < :v"), ExpressionAttributeValues: item{":v": num("10")}}, count: 10, scanned: scanned, items: 10},
		{name: "filter on the key", in: dynamodb.ScanInput{FilterExpression: expr("pk = :v"), ExpressionAttributeValues: item{":v": str("item 7")}}, count: 1, scanned: scanned, items: 1},
		{name: "filter and limit", in: dynamodb.ScanInput{FilterExpression: expr("v < :v"), ExpressionAttributeValues: item{":v": num("-1")}, Limit: aws.Int32(5)}, scanned: 5, more: true},
		{name: "count", in: dynamodb.ScanInput{Select: types.SelectCount}, count: scanned, scanned: scanned},
		{name: "count of a filter", in: dynamodb.ScanInput{Select: types.SelectCount, FilterExpression: expr("v < :v"), ExpressionAttributeValues: item{":v": num("3")}}, count: 3, scanned: scanned},
		{name: "limit", in: dynamodb.ScanInput{Limit: aws.Int32(7)}, count: 7, scanned: 7, items: 7, more: true},
	}
	for _, c := range counts {
		p.check(c.name, c.wrong, func(p *probe) {
			c.in.TableName = &table
			out, err := p.db.Scan(p.Context(), &c.in)
			p.must(err)
			if out.Count != c.count || out.ScannedCount != c.scanned || len(out.Items) != c.items || (out.LastEvaluatedKey != nil) != c.more {
				p.Errorf("%d items, count %d of %d, last key %s; want %d items, count %d of %d, a last key: %t",
					len(out.Items), out.Count, out.ScannedCount, show(out.LastEvaluatedKey), c.items, c.count, c.scanned, c.more)
			}
		})
	}
	p.check("projection", nil, func(p *probe) {
		out, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{
			TableName: &table, FilterExpression: expr("#v = :v"), ProjectionExpression: expr("#v"),
			ExpressionAttributeNames: names{"#v": "v"}, ExpressionAttributeValues: item{":v": num("5")},
		})
		p.must(err)
		p.equalAll("items", out.Items, []item{{"v": num("5")}})
	})
	refused := []struct {
		name    string
		in      dynamodb.ScanInput
		message string
		wrong   wrong
	}{
		{name: "segment past the last", in: dynamodb.ScanInput{Segment: aws.Int32(4), TotalSegments: aws.Int32(4)}, message: "The Segment parameter is zero-based and must be less than parameter TotalSegments"},
		{name: "segment alone", in: dynamodb.ScanInput{Segment: aws.Int32(0)}, message: "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{name: "total alone", in: dynamodb.ScanInput{TotalSegments: aws.Int32(4)}, message: "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		{name: "no segments", in: dynamodb.ScanInput{Segment: aws.Int32(0), TotalSegments: aws.Int32(0)}, message: "Member must have value greater than or equal to 1", wrong: wrong{Moto: rewords}},
		{name: "too many segments", in: dynamodb.ScanInput{Segment: aws.Int32(0), TotalSegments: aws.Int32(1_000_001)}, message: "Member must have value less than or equal to 1000000", wrong: wrong{Moto: accepts}},
		{name: "limit 0", in: dynamodb.ScanInput{Limit: aws.Int32(0)}, message: "Member must have value greater than or equal to 1", wrong: wrong{Moto: crashes}},
		{name: "start that is no key", in: dynamodb.ScanInput{ExclusiveStartKey: item{"v": num("1")}}, message: "The provided starting key is invalid", wrong: wrong{Moto: crashes}},
		{name: "unknown index", in: dynamodb.ScanInput{IndexName: aws.String("nowhere")}, message: "The table does not have the specified index"},
	}
	for _, c := range refused {
		p.check("refused/"+c.name, c.wrong, func(p *probe) {
			c.in.TableName = &table
			_, err := p.db.Scan(p.Context(), &c.in)
			p.expect(err, invalid(c.message))
		})
	}
}
