package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	maxItem         = 400 * 1024
	maxPartitionKey = 2048
	maxSortKey      = 1024
	maxExpression   = 4096
	maxDepth        = 32
)

// padded is an item of exactly size bytes as DynamoDB counts them: the names and the values of its attributes.
func padded(key item, keyBytes, size int) item {
	const name = "filler"
	return with(key, item{name: str(strings.Repeat("x", size-keyBytes-len(name)))})
}

// itemSizes are around 400 KB.
func itemSizes(p *probe) {
	table := p.table(pk)
	key := func(name string) (item, int) { return item{"pk": str(name)}, len("pk") + len(name) }
	puts := []struct {
		name  string
		size  int
		want  refusal
		wrong wrong
	}{
		{name: "largest", size: maxItem, wrong: wrong{Moto: "its limit is 405 000 bytes"}},
		{name: "toobig", size: maxItem + 1, want: invalid("Item size has exceeded the maximum allowed size")},
	}
	for _, c := range puts {
		p.check("put/"+c.name, c.wrong.of("put"), func(p *probe) {
			k, n := key(c.name)
			it := padded(k, n, c.size)
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
			if p.expect(err, c.want) && err == nil && show(p.get(table, k)) != show(it) {
				p.Errorf("the item read is not the item written")
			}
		})
	}
	grow := []struct {
		name, update string
		want         refusal
		wrong        wrong
	}{
		{name: "to the limit", update: "SET a = :v", wrong: wrong{Moto: "its limit is 405 000 bytes"}},
		{name: "past the limit", update: "SET ab = :v", want: invalid("Item size to update has exceeded the maximum allowed size"), wrong: wrong{Moto: "its limit is 405 000 bytes"}},
	}
	for _, c := range grow {
		p.check("update/"+c.name, c.wrong.of("update"), func(p *probe) {
			k, n := key(c.name)
			p.put(table, padded(k, n, maxItem-2))
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: k, UpdateExpression: &c.update, ExpressionAttributeValues: item{":v": str("x")},
			})
			p.expect(err, c.want)
		})
	}
	p.check("ALL_OLD of a big item", wrong{Moto: "its limit is 405 000 bytes"}, func(p *probe) {
		k, n := key("old")
		it := padded(k, n, maxItem)
		p.put(table, it)
		_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: k, ConditionExpression: expr("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if show(p.oldItem(err)) != show(it) {
			p.Errorf("the item given back is not the item written")
		}
	})
}

// keySizes are around the limits of partition and sort keys, in bytes of UTF-8.
func keySizes(p *probe) {
	table, binary := p.table(pk, sk), p.table(pkBin, skBin)
	x := func(n int) string { return strings.Repeat("x", n) }
	const hash, sort = "Size of hashkey has exceeded the maximum size limit", "Aggregated size of all range keys has exceeded the size limit"
	cases := []struct {
		name    string
		table   string
		key     item
		refused string
		wrong   wrong
	}{
		{name: "largest", table: table, key: item{"pk": str(x(maxPartitionKey)), "sk": str(x(maxSortKey))}},
		{name: "smallest", table: table, key: item{"pk": str("x"), "sk": str("x")}},
		{name: "partition key", table: table, key: item{"pk": str(x(maxPartitionKey + 1)), "sk": str("x")}, refused: hash, wrong: wrong{Moto + "/get": accepts}},
		{name: "sort key", table: table, key: item{"pk": str("x"), "sk": str(x(maxSortKey + 1))}, refused: sort, wrong: wrong{Moto + "/get": accepts}},
		{name: "partition key in bytes", table: table, key: item{"pk": str(strings.Repeat("é", maxPartitionKey/2) + "x"), "sk": str("x")}, refused: hash, wrong: wrong{Moto + "/get": accepts}},
		{name: "sort key in bytes", table: table, key: item{"pk": str("x"), "sk": str(strings.Repeat("é", maxSortKey/2))}},
		{name: "empty partition key", table: table, key: item{"pk": str(""), "sk": str("x")}, refused: "contain an empty string", wrong: wrong{Moto + "/update": accepts}},
		{name: "empty sort key", table: table, key: item{"pk": str("x"), "sk": str("")}, refused: "contain an empty string", wrong: wrong{Moto + "/update": accepts}},
		{name: "largest binary", table: binary, key: item{"pk": bin(x(maxPartitionKey)), "sk": bin(x(maxSortKey))}},
		{name: "binary partition key", table: binary, key: item{"pk": bin(x(maxPartitionKey + 1)), "sk": bin("x")}, refused: hash, wrong: wrong{Moto + "/get": accepts}},
		{name: "binary sort key", table: binary, key: item{"pk": bin("x"), "sk": bin(x(maxSortKey + 1))}, refused: sort, wrong: wrong{Moto + "/get": accepts}},
		{name: "empty binary key", table: binary, key: item{"pk": bin("x"), "sk": bin("")}, refused: "contain an empty binary", wrong: wrong{Moto + "/get": rewords, Moto + "/put": accepts, Moto + "/update": accepts}},
	}
	for _, c := range cases {
		want := refusal{}
		if c.refused != "" {
			want = invalid(c.refused)
		}
		p.check("put/"+c.name, c.wrong.of("put"), func(p *probe) {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: with(c.key, item{"v": num("1")})})
			p.expect(err, want)
		})
		p.check("get/"+c.name, c.wrong.of("get"), func(p *probe) {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &c.table, Key: c.key})
			p.expect(err, want)
		})
		p.check("update/"+c.name, c.wrong.of("update"), func(p *probe) {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &c.table, Key: c.key, UpdateExpression: expr("SET v = :v"), ExpressionAttributeValues: item{":v": num("1")},
			})
			p.expect(err, want)
		})
	}
}

// expressionSizes are around the limits of expressions and of nesting.
func expressionSizes(p *probe) {
	table := p.table(pk)
	key := item{"pk": str("k")}
	p.put(table, with(key, item{"a": num("1")}))
	// A chain of comparisons would meet the limit of operators first: white space has none.
	condition := func(size int) string {
		const text = "attribute_exists(a)"
		return text + strings.Repeat(" ", size-len(text))
	}
	in := func(n int) (string, item) {
		values, list := item{}, make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(":v%d", i)
			values[list[i]] = num(fmt.Sprint(i))
		}
		return "a IN (" + strings.Join(list, ", ") + ")", values
	}
	nested := func(depth int) types.AttributeValue {
		v := types.AttributeValue(num("1"))
		for i := range depth {
			if i%2 == 0 {
				v = list(v)
			} else {
				v = doc(item{"a": v})
			}
		}
		return v
	}
	in100, values100 := in(100)
	in101, values101 := in(101)
	cases := []struct {
		name, condition string
		values          item
		extra           item
		want            refusal
		wrong           wrong
	}{
		{name: "longest expression", condition: condition(maxExpression)},
		{name: "expression too long", condition: condition(maxExpression + 1), want: invalid("Invalid ConditionExpression: Expression size has exceeded the maximum allowed size"), wrong: wrong{Moto: accepts}},
		{name: "IN with 100 operands", condition: in100, values: values100},
		{name: "IN with 101 operands", condition: in101, values: values101, want: invalid("Invalid ConditionExpression: "), wrong: wrong{Moto: accepts}},
		{name: "deepest value", extra: item{"a": nested(maxDepth - 1)}},
		{name: "value too deep", extra: item{"a": nested(maxDepth + 1)}, want: invalid("Nesting Levels have exceeded supported limits"), wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			it := with(key, item{"a": num("1")}, c.extra)
			if c.extra != nil {
				it["pk"] = str(c.name)
			}
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: it, ConditionExpression: expr(c.condition), ExpressionAttributeValues: c.values,
			})
			p.expect(err, c.want)
		})
	}
}
