package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// sortKeys returns the sort keys of items as text, for comparing orders.
func sortKeys(items []item) string {
	keys := make([]string, len(items))
	for i, it := range items {
		switch v := it["sk"].(type) {
		case *types.AttributeValueMemberS:
			keys[i] = v.Value
		case *types.AttributeValueMemberN:
			keys[i] = v.Value
		case *types.AttributeValueMemberB:
			keys[i] = fmt.Sprintf("%x", v.Value)
		}
	}
	return strings.Join(keys, " ")
}

// keyConditions are the forms that the condition of a Query can have, and what it cannot have.
func keyConditions(p *probe) {
	table := p.table(pk, sk)
	for _, s := range []string{"a", "b", "ba", "bb", "c", "d"} {
		p.put(table, item{"pk": str("p"), "sk": str(s), "v": str(s)})
	}
	p.put(table, item{"pk": str("other"), "sk": str("a")})
	values := item{":p": str("p"), ":q": str("nobody"), ":b": str("b"), ":c": str("c"), ":z": str("z"), ":n": num("1"), ":none": str("")}
	placeholders := names{"#p": "pk", "#s": "sk"}
	const bad = "Invalid KeyConditionExpression: "
	cases := []struct {
		expr    string
		filter  string
		want    string
		refused string
		wrong   wrong
	}{
		{expr: "pk = :p", want: "a b ba bb c d"},
		{expr: "pk = :q", want: ""},
		{expr: "#p = :p", want: "a b ba bb c d"},
		{expr: "(pk = :p)", want: "a b ba bb c d"},
		{expr: "pk = :p AND sk = :b", want: "b"},
		{expr: "pk = :p AND sk < :b", want: "a"},
		{expr: "pk = :p AND sk <= :b", want: "a b"},
		{expr: "pk = :p AND sk > :b", want: "ba bb c d"},
		{expr: "pk = :p AND sk >= :b", want: "b ba bb c d"},
		{expr: "pk = :p AND sk BETWEEN :b AND :c", want: "b ba bb c"},
		{expr: "pk = :p AND begins_with(sk, :b)", want: "b ba bb"},
		{expr: "pk = :p AND begins_with(sk, :z)", want: ""},
		{expr: "pk = :p and sk between :b and :c", want: "b ba bb c"},
		{expr: "#p = :p AND #s > :c", want: "d"},
		{expr: "sk = :b AND pk = :p", want: "b"},
		{expr: "begins_with(sk, :b) AND pk = :p", want: "b ba bb"},
		{expr: "(pk = :p) AND (sk = :b)", want: "b"},
		{expr: "(pk = :p AND sk = :b)", want: "b"},

		{expr: "", refused: bad + "The expression can not be empty", wrong: wrong{Moto: rewords}},
		{expr: "pk", refused: bad + "Syntax error", wrong: wrong{Moto: rewords}},
		{expr: "pk = :p AND", refused: bad + "Syntax error", wrong: wrong{Moto: accepts}},
		{expr: "sk = :b", refused: "Query condition missed key schema element: pk"},
		{expr: "v = :b", refused: "Query condition missed key schema element"},
		{expr: "pk = :p AND v = :b", refused: "Query condition missed key schema element: sk"},
		{expr: "pk > :p", refused: "Query key condition not supported"},
		{expr: "begins_with(pk, :p)", refused: "Query key condition not supported"},
		{expr: "pk = :p AND sk <> :b", refused: "Invalid operator used in KeyConditionExpression: <>", wrong: wrong{Moto: crashes}},
		{expr: "pk = :p OR sk = :b", refused: "Invalid operator used in KeyConditionExpression: OR", wrong: wrong{Moto: crashes}},
		{expr: "pk = :p AND NOT sk = :b", refused: "Invalid operator used in KeyConditionExpression: NOT", wrong: wrong{Moto: crashes}},
		{expr: "pk = :p AND sk IN (:b, :c)", refused: "Invalid operator used in KeyConditionExpression: IN", wrong: wrong{Moto: rewords}},
		{expr: "pk = :p AND contains(sk, :b)", refused: "Invalid operator used in KeyConditionExpression: contains", wrong: wrong{Moto: rewords}},
		{expr: "pk = :p AND attribute_exists(sk)", refused: "Invalid operator used in KeyConditionExpression: attribute_exists", wrong: wrong{Moto: rewords}},
		{expr: "pk = :p AND sk > :b AND sk < :c", refused: "KeyConditionExpressions must only contain one condition per key", wrong: wrong{Moto: accepts}},
		{expr: "pk = :p AND pk = :q", refused: "KeyConditionExpressions must only contain one condition per key", wrong: wrong{Moto: accepts}},
		{expr: "pk = :p AND sk = :n", refused: "Condition parameter type does not match schema type", wrong: wrong{Moto: accepts}},
		{expr: "pk = :n", refused: "Condition parameter type does not match schema type", wrong: wrong{Moto: accepts}},
		{expr: "pk = :none", refused: "contain an empty string value"},
		{expr: "pk = :p AND sk BETWEEN :c AND :b", refused: bad + "The BETWEEN operator requires upper bound to be greater than or equal to lower bound", wrong: wrong{Moto: accepts}},
		{expr: "pk = :p AND sk.a = :b", refused: "KeyConditionExpressions cannot have conditions on nested attributes", wrong: wrong{Moto: rewords}},
		{expr: "pk = :p AND sk = v", refused: "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
		{expr: "pk = :p", filter: "sk > :b", refused: "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk", wrong: wrong{Moto: accepts}},
		{expr: "pk = :p", filter: "attribute_exists(pk)", refused: "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk", wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check(c.expr+" "+c.filter, c.wrong, func(p *probe) {
			out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: &table, KeyConditionExpression: &c.expr, FilterExpression: expr(c.filter),
				ExpressionAttributeValues: used(values, c.expr, c.filter), ExpressionAttributeNames: used(placeholders, c.expr),
			})
			if c.refused != "" {
				p.expect(err, invalid(c.refused))
				return
			}
			p.must(err)
			if got := sortKeys(out.Items); got != c.want || int(out.Count) != len(out.Items) {
				p.Errorf("got %q (count %d), want %q", got, out.Count, c.want)
			}
		})
	}
}

// sortKeyConditions compare numbers as numbers and binaries as bytes.
func sortKeyConditions(p *probe) {
	numbers, binaries := p.table(pk, skNum), p.table(pk, skBin)
	for _, n := range []string{"-20", "-3", "0", "0.5", "3", "20", "100"} {
		p.put(numbers, item{"pk": str("p"), "sk": num(n)})
	}
	for _, b := range []string{"\x00", "\x01", "\x01\x00", "\x01\xff", "\x02", "\x80", "\xff"} {
		p.put(binaries, item{"pk": str("p"), "sk": bin(b)})
	}
	cases := []struct {
		table, condition string
		a, b             types.AttributeValue
		want             string
		refused          bool
		wrong            wrong
	}{
		{table: numbers, condition: "sk = :a", a: num("3.0"), want: "3"},
		{table: numbers, condition: "sk < :a", a: num("3"), want: "-20 -3 0 0.5"},
		{table: numbers, condition: "sk <= :a", a: num("-3"), want: "-20 -3"},
		{table: numbers, condition: "sk > :a", a: num("3"), want: "20 100"},
		{table: numbers, condition: "sk >= :a", a: num("2e1"), want: "20 100"},
		{table: numbers, condition: "sk BETWEEN :a AND :b", a: num("-5"), b: num("5"), want: "-3 0 0.5 3"},
		{table: numbers, condition: "begins_with(sk, :a)", a: num("2"), refused: true, wrong: wrong{Moto: crashes}},
		{table: binaries, condition: "sk = :a", a: bin("\x01"), want: "01"},
		{table: binaries, condition: "sk > :a", a: bin("\x02"), want: "80 ff"},
		{table: binaries, condition: "sk < :a", a: bin("\x01\x00"), want: "00 01"},
		{table: binaries, condition: "sk BETWEEN :a AND :b", a: bin("\x01\x01"), b: bin("\x80"), want: "01ff 02 80"},
		{table: binaries, condition: "begins_with(sk, :a)", a: bin("\x01"), want: "01 0100 01ff"},
	}
	for _, c := range cases {
		p.check(showValue(c.a)+" "+c.condition, c.wrong, func(p *probe) {
			condition := "pk = :p AND " + c.condition
			out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: &c.table, KeyConditionExpression: &condition, ConsistentRead: aws.Bool(true),
				ExpressionAttributeValues: used(item{":p": str("p"), ":a": c.a, ":b": c.b}, condition),
			})
			if c.refused {
				p.expect(err, refusal{code: validation})
				return
			}
			p.must(err)
			if got := sortKeys(out.Items); got != c.want {
				p.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// sortOrder is by value: numbers by magnitude, strings and binaries by their bytes.
func sortOrder(p *probe) {
	cases := []struct {
		name  string
		sort  key
		keys  []types.AttributeValue // in order
		wrong wrong
	}{
		{name: "S", sort: sk, keys: []types.AttributeValue{
			str("!"), str("0"), str("10"), str("9"), str("A"), str("Z"), str("a"), str("aa"), str("b"), str("é"), str("\uffee"), str("\U0001F600"),
		}},
		{name: "N", sort: skNum, keys: []types.AttributeValue{
			num("-" + largest), num("-100"), num("-20"), num("-3"), num("-0.5"), num("-" + smallest), num("0"), num(smallest), num("0.001"), num("0.5"), num("3"), num("20"),
			num("100"), num(digits38), num("12345678901234567890123456789012345679"), num(largest),
		}},
		{name: "B", sort: skBin, keys: []types.AttributeValue{
			bin("\x00"), bin("\x00\x01"), bin("\x01"), bin("\x7f"), bin("\x7f\xff"), bin("\x80"), bin("\xfe"), bin("\xff"), bin("\xff\x00"),
		}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			table := p.table(pk, c.sort)
			var up, down []item
			for i := range c.keys {
				// Neither the order of insertion nor its reverse is the order of the keys.
				k := c.keys[(i*5+2)%len(c.keys)]
				if len(c.keys)%5 == 0 {
					p.Fatalf("%d keys: a multiple of 5 would leave some out", len(c.keys))
				}
				p.put(table, item{"pk": str("p"), "sk": k})
			}
			for _, k := range c.keys {
				up = append(up, item{"pk": str("p"), "sk": k})
				down = append([]item{{"pk": str("p"), "sk": k}}, down...)
			}
			for forward, want := range map[bool][]item{true: up, false: down} {
				out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
					TableName: &table, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("p")},
					ScanIndexForward: &forward, ConsistentRead: aws.Bool(true),
				})
				p.must(err)
				p.equalAll(fmt.Sprintf("items, forward %t", forward), out.Items, want)
			}
		})
	}
}

// binaryPrefixes are of bytes, not of characters.
func binaryPrefixes(p *probe) {
	table := p.table(pk, skBin)
	keys := []string{"\x01", "\x01\x7f", "\x01\x80", "\x01\x80\xff", "\x01\x81", "\x01\xff", "\x01\xff\xff", "\x02", "\xff", "\xff\xff\x00"}
	for _, k := range keys {
		p.put(table, item{"pk": str("p"), "sk": bin(k)})
	}
	for _, prefix := range []string{"\x01", "\x01\x80", "\x01\x80\xff", "\x01\xff", "\x02", "\xff", "\xff\xff"} {
		for _, forward := range []bool{true, false} {
			p.check(fmt.Sprintf("%x, forward %t", prefix, forward), nil, func(p *probe) {
				out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
					TableName: &table, KeyConditionExpression: expr("pk = :p AND begins_with(sk, :s)"), ScanIndexForward: &forward,
					ExpressionAttributeValues: item{":p": str("p"), ":s": bin(prefix)},
				})
				p.must(err)
				var got, want []string
				for _, it := range out.Items {
					got = append(got, fmt.Sprintf("%x", it["sk"].(*types.AttributeValueMemberB).Value))
				}
				for _, k := range keys {
					if strings.HasPrefix(k, prefix) {
						want = append(want, fmt.Sprintf("%x", k))
					}
				}
				if !forward {
					slices.Reverse(want)
				}
				if !slices.Equal(got, want) {
					p.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

// oldKeyConditions are KeyConditions, of the time before expressions, which some clients send with a filter that is one.
func oldKeyConditions(p *probe) {
	table := p.table(pk, sk)
	for _, s := range []string{"a", "ab", "b", "c"} {
		p.put(table, item{"pk": str("p"), "sk": str(s), "v": str(s)})
	}
	test := func(operator types.ComparisonOperator, values ...types.AttributeValue) types.Condition {
		return types.Condition{ComparisonOperator: operator, AttributeValueList: values}
	}
	pointer := func(c types.Condition) *types.Condition { return &c }
	hash := test(types.ComparisonOperatorEq, str("p"))
	cases := []struct {
		name    string
		in      dynamodb.QueryInput
		sort    *types.Condition
		want    string
		refused refusal
	}{
		{name: "hash", want: "a ab b c"},
		{name: "equal", sort: pointer(test(types.ComparisonOperatorEq, str("b"))), want: "b"},
		{name: "less", sort: pointer(test(types.ComparisonOperatorLt, str("b"))), want: "a ab"},
		{name: "at least", sort: pointer(test(types.ComparisonOperatorGe, str("b"))), want: "b c"},
		{name: "between", sort: pointer(test(types.ComparisonOperatorBetween, str("ab"), str("b"))), want: "ab b"},
		{name: "begins with", sort: pointer(test(types.ComparisonOperatorBeginsWith, str("a"))), want: "a ab"},
		{name: "with a filter", in: dynamodb.QueryInput{FilterExpression: expr("v <> :b"), ExpressionAttributeValues: item{":b": str("b")}}, want: "a ab c"},
		{name: "with a projection", in: dynamodb.QueryInput{ProjectionExpression: expr("sk")}, want: "a ab b c"},
		{name: "backwards", in: dynamodb.QueryInput{ScanIndexForward: aws.Bool(false)}, want: "c b ab a"},
		{name: "with an expression", in: dynamodb.QueryInput{KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("p")}}, refused: invalid("Can not use both expression and non-expression parameters")},
		{name: "operator", sort: pointer(test(types.ComparisonOperatorContains, str("b"))), refused: invalid("Attempted conditional constraint is not an indexable operation")},
		{name: "operands", sort: pointer(test(types.ComparisonOperatorEq, str("b"), str("c"))), refused: invalid("Invalid number of argument(s) for the EQ ComparisonOperator")},
		{name: "type", sort: pointer(test(types.ComparisonOperatorEq, num("1"))), refused: invalid("Condition parameter type does not match schema type")},
	}
	for _, c := range cases {
		p.check(c.name, known(motoKeyConditions, c.name, "it accepts what DynamoDB refuses, or the reverse"), func(p *probe) {
			in := c.in
			in.TableName, in.KeyConditions = &table, map[string]types.Condition{"pk": hash}
			if c.sort != nil {
				in.KeyConditions["sk"] = *c.sort
			}
			out, err := p.db.Query(p.Context(), &in)
			if !p.expect(err, c.refused) || err != nil {
				return
			}
			var got []string
			for _, it := range out.Items {
				got = append(got, it["sk"].(*types.AttributeValueMemberS).Value)
			}
			if strings.Join(got, " ") != c.want {
				p.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// motoKeyConditions are the key conditions that moto gets wrong.
var motoKeyConditions = []string{
	"operands",
	"operator",
	"type",
	"with an expression",
}
