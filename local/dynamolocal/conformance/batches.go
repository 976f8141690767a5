package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// batches are BatchGetItem and BatchWriteItem.
func batches(p *probe) {
	one, two := p.table(pk), p.table(pk, sk)
	k := func(name string) item { return item{"pk": str(name)} }
	putRequest := func(it item) types.WriteRequest { return types.WriteRequest{PutRequest: &types.PutRequest{Item: it}} }
	deleteRequest := func(key item) types.WriteRequest {
		return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
	}
	p.check("write and read over two tables", wrong{Moto: "it counts operations, not bytes"}, func(p *probe) {
		p.put(one, k("gone"))
		pair := item{"pk": str("p"), "sk": str("s"), "v": num("2")}
		out, err := p.db.BatchWriteItem(p.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{
				one: {putRequest(with(k("a"), item{"v": num("1")})), deleteRequest(k("gone")), deleteRequest(k("never"))},
				two: {putRequest(pair)},
			},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		p.must(err)
		if out.UnprocessedItems == nil || len(out.UnprocessedItems) > 0 {
			p.Errorf("unprocessed are %v, want none", out.UnprocessedItems)
		}
		p.consumed(out.ConsumedCapacity, map[string]float64{one: 3, two: 1})
		read, err := p.db.BatchGetItem(p.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{
				one: {Keys: []item{k("a"), k("gone")}, ConsistentRead: aws.Bool(true)},
				two: {Keys: []item{{"pk": str("p"), "sk": str("s")}}, ProjectionExpression: aws.String("#v"), ExpressionAttributeNames: names{"#v": "v"}},
			},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		p.must(err)
		p.equalAll("items of one table", read.Responses[one], []item{with(k("a"), item{"v": num("1")})})
		p.equalAll("items of the other", read.Responses[two], []item{{"v": num("2")}})
		if read.UnprocessedKeys == nil || len(read.UnprocessedKeys) > 0 {
			p.Errorf("unprocessed are %v, want none", read.UnprocessedKeys)
		}
		p.consumed(read.ConsumedCapacity, map[string]float64{one: 2, two: 0.5})
	})
	p.check("each item is rounded up", wrong{Moto: "it counts operations, not bytes"}, func(p *probe) {
		table := p.table(pk)
		p.put(table, padded(k("a"), 3, 5000), padded(k("b"), 3, 100))
		out, err := p.db.BatchGetItem(p.Context(), &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{table: {Keys: []item{k("a"), k("b")}}},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		p.must(err)
		p.consumed(out.ConsumedCapacity, map[string]float64{table: 1.5})
	})
	p.check("16 MB", nil, func(p *probe) {
		table := p.table(pk)
		var keys []item
		for i := range 50 {
			key := k(fmt.Sprintf("%02d", i))
			p.put(table, padded(key, 4, 390_000))
			keys = append(keys, key)
		}
		got := 0
		for rounds := 0; len(keys) > 0; rounds++ {
			if rounds > 10 {
				p.Fatalf("after ten calls %d keys are unprocessed", len(keys))
			}
			out, err := p.db.BatchGetItem(p.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys}}})
			p.must(err)
			if rounds == 0 && len(out.UnprocessedKeys[table].Keys) == 0 {
				p.Errorf("%d items of 390 000 bytes in one answer", len(out.Responses[table]))
			}
			got += len(out.Responses[table])
			keys = out.UnprocessedKeys[table].Keys
		}
		if got != 50 {
			p.Errorf("got %d items, want 50", got)
		}
	})
	p.refusedBatchReads(one, two)
	p.refusedBatchWrites(one, two)
}

func (p *probe) refusedBatchReads(one, two string) {
	keys := func(n int) []item {
		keys := make([]item, n)
		for i := range keys {
			keys[i] = item{"pk": str(fmt.Sprint(i))}
		}
		return keys
	}
	type request = map[string]types.KeysAndAttributes
	cases := []struct {
		name  string
		in    request
		want  refusal
		wrong wrong
	}{
		{name: "100 keys", in: request{one: {Keys: keys(100)}}},
		{name: "101 keys", in: request{one: {Keys: keys(101)}}, want: invalid("Member must have length less than or equal to 100")},
		{name: "101 keys of two tables", in: request{one: {Keys: keys(100)}, two: {Keys: []item{{"pk": str("p"), "sk": str("s")}}}}, want: invalid("Too many items requested for the BatchGetItem call")},
		{name: "nothing", in: request{}, want: refusal{code: validation}, wrong: wrong{Moto: accepts}},
		{name: "a key twice", in: request{one: {Keys: []item{{"pk": str("a")}, {"pk": str("a")}}}}, want: invalid("Provided list of item keys contains duplicates")},
		{name: "half a key", in: request{two: {Keys: []item{{"pk": str("a")}}}}, want: invalid(keySchemaMismatch), wrong: wrong{Moto: rewords}},
		{name: "unknown table", in: request{uniqueName(): {Keys: keys(1)}}, want: refusal{resourceNotFound, "Requested resource not found"}},
		{name: "malformed projection", in: request{one: {Keys: keys(1), ProjectionExpression: aws.String("a,")}}, want: invalid("Invalid ProjectionExpression: Syntax error"), wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check("read/"+c.name, c.wrong, func(p *probe) {
			_, err := p.db.BatchGetItem(p.Context(), &dynamodb.BatchGetItemInput{RequestItems: c.in})
			p.expect(err, c.want)
		})
	}
}

func (p *probe) refusedBatchWrites(one, two string) {
	puts := func(n int) []types.WriteRequest {
		requests := make([]types.WriteRequest, n)
		for i := range requests {
			requests[i].PutRequest = &types.PutRequest{Item: item{"pk": str(fmt.Sprintf("put %d", i))}}
		}
		return requests
	}
	putOf := func(it item) types.WriteRequest { return types.WriteRequest{PutRequest: &types.PutRequest{Item: it}} }
	type request = map[string][]types.WriteRequest
	twice := slices.Concat(puts(1), []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: item{"pk": str("put 0")}}}})
	cases := []struct {
		name  string
		in    request
		want  refusal
		wrong wrong
	}{
		{name: "25 writes", in: request{one: puts(25)}},
		{name: "26 writes", in: request{one: puts(26)}, want: invalid("Member must have length less than or equal to 25"), wrong: wrong{Moto: rewords}},
		{name: "26 writes of two tables", in: request{one: puts(25), two: {putOf(item{"pk": str("p"), "sk": str("s")})}}, want: invalid("Too many items requested for the BatchWriteItem call"), wrong: wrong{Moto: rewords}},
		{name: "nothing", in: request{}, want: refusal{code: validation}, wrong: wrong{Moto: accepts}},
		{name: "a key twice", in: request{one: twice}, want: invalid("Provided list of item keys contains duplicates"), wrong: wrong{Moto: accepts}},
		{name: "neither", in: request{one: {{}}}, want: refusal{code: validation}, wrong: wrong{Moto: accepts}},
		{name: "unknown table", in: request{uniqueName(): puts(1)}, want: refusal{resourceNotFound, "Requested resource not found"}},
		{name: "a key missing", in: request{two: puts(1)}, want: invalid("Missing the key sk in the item")},
		{name: "too large", in: request{one: {putOf(item{"pk": str("a"), "v": str(strings.Repeat("x", maxItem))})}}, want: invalid("Item size has exceeded the maximum allowed size")},
	}
	for _, c := range cases {
		p.check("write/"+c.name, c.wrong, func(p *probe) {
			_, err := p.db.BatchWriteItem(p.Context(), &dynamodb.BatchWriteItemInput{RequestItems: c.in})
			p.expect(err, c.want)
		})
	}
}
