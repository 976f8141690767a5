package conformance

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	digits38 = "12345678901234567890123456789012345678"
	largest  = "9.9999999999999999999999999999999999999E+125"
	smallest = "1E-130"
)

// numbers are kept exactly, to 38 digits, and have one spelling.
func numbers(p *probe) {
	table := p.table(pk)
	const overflow, underflow, precision = "Number overflow. Attempting to store a number with magnitude larger than supported range",
		"Number underflow. Attempting to store a number with magnitude smaller than supported range",
		"Attempting to store more than 38 significant digits in a Number"
	cases := []struct {
		in, out string // out is the spelling; empty: only the value counts
		refused string
		wrong   wrong
	}{
		{in: "0", out: "0"},
		{in: "-0", out: "0", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "0.0", out: "0", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "1.0", out: "1", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "007", out: "7", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "100", out: "100"},
		{in: "0.50", out: "0.5", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "-1.500", out: "-1.5", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "1e2", out: "100", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: "1.5E-1", out: "0.15", wrong: wrong{Moto: "it keeps the spelling"}},
		{in: digits38, out: digits38},
		{in: "-" + digits38, out: "-" + digits38},
		{in: "0." + digits38, out: "0." + digits38},
		{in: digits38 + "000"},
		{in: "0.000" + digits38},
		{in: largest},
		{in: "-" + largest},
		{in: smallest},
		{in: "-" + smallest},
		{in: strings.Repeat("0", 50) + "1", out: "1", wrong: wrong{Moto: "it keeps the spelling"}},

		{in: digits38 + "1", refused: precision, wrong: wrong{Moto: accepts}},
		{in: "1" + strings.Repeat("0", 37) + ".1", refused: precision, wrong: wrong{Moto: accepts}},
		{in: "1E+126", refused: overflow, wrong: wrong{Moto: accepts}},
		{in: "-1E+126", refused: overflow, wrong: wrong{Moto: accepts}},
		{in: "1E-131", refused: underflow},
		{in: "-1E-131", refused: underflow},
		{in: "1e", refused: "cannot be converted to a numeric value"},
		{in: "NaN", refused: "cannot be converted to a numeric value"},
		{in: "Infinity", refused: "cannot be converted to a numeric value"},
		{in: "0x10", refused: "cannot be converted to a numeric value"},
		{in: "1_000", refused: "cannot be converted to a numeric value", wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check("put/"+c.in, c.wrong, func(p *probe) {
			key := item{"pk": str(c.in)}
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: with(key, item{"n": num(c.in)})})
			if c.refused != "" {
				p.expect(err, invalid(c.refused))
				return
			}
			p.must(err)
			got := p.get(table, key)
			p.equal("item", got, with(key, item{"n": num(c.in)}))
			if n, ok := got["n"].(*types.AttributeValueMemberN); ok && c.out != "" && n.Value != c.out {
				p.Errorf("%s reads as %s, want %s", c.in, n.Value, c.out)
			}
		})
	}
	results := []struct {
		a, op, b, want string
		refused        string
		wrong          wrong
	}{
		{a: "0.1", op: "+", b: "0.2", want: "0.3"},
		{a: digits38, op: "+", b: "1", want: "12345678901234567890123456789012345679"},
		{a: digits38, op: "-", b: digits38, want: "0"},
		{a: "99999999999999999999999999999999999999", op: "+", b: "1", want: "1E38"},
		{a: "1E-130", op: "+", b: "1E-130", want: "2E-130", wrong: wrong{Moto: crashes}},
		{a: largest, op: "-", b: largest, want: "0"},
		{a: largest, op: "+", b: largest, refused: overflow, wrong: wrong{Moto: accepts}},
		{a: "-" + largest, op: "-", b: largest, refused: overflow, wrong: wrong{Moto: accepts}},
	}
	for _, c := range results {
		p.check(c.a+c.op+c.b, c.wrong, func(p *probe) {
			key := item{"pk": str(c.a + c.op + c.b)}
			p.put(table, with(key, item{"n": num(c.a)}))
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr("SET n = n " + c.op + " :b"),
				ExpressionAttributeValues: item{":b": num(c.b)},
			})
			if c.refused != "" {
				p.expect(err, invalid(c.refused))
				return
			}
			p.must(err)
			p.equal("item", p.get(table, key), with(key, item{"n": num(c.want)}))
		})
	}
}

// numericKeys are equal when the numbers are, however they were written.
func numericKeys(p *probe) {
	table := p.table(pkNum, skNum)
	cases := []struct {
		name, one, other string
		wrong            wrong
	}{
		{name: "trailing zero", one: "1", other: "1.0"},
		{name: "exponent", one: "200", other: "2e2"},
		{name: "leading zero", one: "3", other: "03"},
		{name: "negative", one: "-4.50", other: "-4.5"},
		{name: "38 digits", one: digits38, other: digits38 + ".000"},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			p.put(table, item{"pk": num(c.one), "sk": num(c.one), "v": num("1")})
			other := item{"pk": num(c.other), "sk": num(c.other)}
			p.equal("item under the other spelling", p.get(table, other), with(other, item{"v": num("1")}))
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: other, ConditionExpression: expr("attribute_not_exists(pk)"),
			})
			p.expect(err, refusal{conditionFailed, conditionMessage})
			p.put(table, with(other, item{"v": num("2")}))
			out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: &table, KeyConditionExpression: expr("pk = :p AND sk = :s"),
				ExpressionAttributeValues: item{":p": num(c.one), ":s": num(c.other)},
			})
			p.must(err)
			p.equalAll("items", out.Items, []item{with(other, item{"v": num("2")})})
			_, err = p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: item{"pk": num(c.other), "sk": num(c.one)}})
			p.must(err)
			p.equal("item afterwards", p.get(table, other), nil)
		})
	}
	p.check("digits apart", nil, func(p *probe) {
		a, b := "91234567890123456789012345678901234567", "91234567890123456789012345678901234568"
		p.put(table, item{"pk": num(a), "sk": num("1"), "v": num("1")}, item{"pk": num(b), "sk": num("1"), "v": num("2")})
		p.equal("item", p.get(table, item{"pk": num(a), "sk": num("1")}), item{"pk": num(a), "sk": num("1"), "v": num("1")})
	})
}
