package conformance

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// conditionCase is a condition on the item of conditionItem, with values of conditionValues. It is tried as a condition
// of a write and as a filter, since the two share one grammar.
type conditionCase struct {
	expr    string
	holds   bool
	refused string // text of the message, if the expression is no condition at all
	wrong   wrong
}

func conditionItem() item {
	return item{
		"pk": str("row"), "s": str("banana"), "wide": str("é\U0001D11E"), "s2": str("cherry"), "n": num("5"), "n2": num("7"), "b": bin("abc"),
		"t": boolean(true), "nothing": null(), "blank": str(""), "noelements": list(), "noentries": doc(item{}),
		"m": doc(item{"a": num("1"), "deep": doc(item{"x": str("y")}), "l": list(num("10"), doc(item{"z": num("9")}))}),
		"l": list(str("x"), num("1"), boolean(true), list(num("2"))), "ss": strs("a", "b", "c"), "ns": nums("1", "2", "3"),
		"bs": bins("a", "b"), "many": num("12345678901234567890123456789012345678"), "low": num("-5"),
	}
}

func conditionValues() item {
	return item{
		":apple": str("apple"), ":banana": str("banana"), ":cherry": str("cherry"), ":ban": str("ban"), ":nan": str("nan"),
		":Banana": str("Banana"), ":banan": str("banan"), ":empty": str(""), ":a": str("a"), ":x": str("x"), ":y": str("y"), ":d": str("d"),
		":zero": num("0"), ":one": num("1"), ":oneandzero": num("1.0"), ":two": num("2"), ":three": num("3"), ":four": num("4"),
		":five": num("5"), ":fivezero": num("5.00"), ":fiveexp": num("0.5e1"), ":six": num("6"), ":nine": num("9"), ":ten": num("10"), ":minusten": num("-10"), ":minusfive": num("-5"),
		":many": num("12345678901234567890123456789012345678"), ":manyless": num("12345678901234567890123456789012345677"),
		":manymore": num("12345678901234567890123456789012345679"), ":bytes": bin("abc"), ":abd": bin("abd"), ":ab": bin("ab"), ":bytea": bin("a"),
		":true": boolean(true), ":false": boolean(false), ":null": null(), ":abc": strs("c", "a", "b"), ":abset": strs("a", "b"),
		":set123": nums("3.0", "1", "2"), ":bsab": bins("b", "a"), ":emptylist": list(), ":emptymap": doc(item{}),
		":list": list(str("x"), num("1.0"), boolean(true), list(num("2"))), ":reversed": list(list(num("2")), boolean(true), num("1"), str("x")),
		":map":  doc(item{"a": num("1.0"), "deep": doc(item{"x": str("y")}), "l": list(num("10"), doc(item{"z": num("9")}))}),
		":map2": doc(item{"a": num("2")}), ":listof2": list(num("2")),
		":S": str("S"), ":N": str("N"), ":B": str("B"), ":SS": str("SS"), ":NS": str("NS"), ":BS": str("BS"), ":M": str("M"), ":L": str("L"), ":NULL": str("NULL"), ":BOOL": str("BOOL"), ":STRING": str("STRING"),
	}
}

func conditionNames() names {
	return names{"#s": "s", "#m": "m", "#deep": "deep", "#x": "x", "#gone": "gone", "#dotted": "m.a"}
}

var placeholder = regexp.MustCompile(`[:#][A-Za-z0-9]+`)

// used returns the placeholders that the expressions use, and nothing else, because an unused one is refused.
// A map that would be empty is nil.
func used[V any](all map[string]V, exprs ...string) map[string]V {
	var some map[string]V
	for _, e := range exprs {
		for _, name := range placeholder.FindAllString(e, -1) {
			if v, ok := all[name]; ok {
				if some == nil {
					some = map[string]V{}
				}
				some[name] = v
			}
		}
	}
	return some
}

// conditions tries every case as the condition of a Put that changes nothing and as the filter of a Scan.
func conditions(cases []conditionCase) func(p *probe) {
	return func(p *probe) {
		table := p.table(pk)
		p.put(table, conditionItem())
		for _, c := range cases {
			exprNames, values := used(conditionNames(), c.expr), used(conditionValues(), c.expr)
			p.check("condition/"+c.expr, c.wrong.of("condition"), func(p *probe) {
				_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
					TableName: &table, Item: conditionItem(), ConditionExpression: &c.expr,
					ExpressionAttributeNames: exprNames, ExpressionAttributeValues: values,
				})
				switch {
				case c.refused != "":
					p.expect(err, invalid("Invalid ConditionExpression: "+c.refused))
				case c.holds:
					p.expect(err, refusal{})
				default:
					p.expect(err, refusal{conditionFailed, conditionMessage})
				}
			})
			p.check("filter/"+c.expr, c.wrong.of("filter"), func(p *probe) {
				out, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{
					TableName: &table, FilterExpression: &c.expr,
					ExpressionAttributeNames: exprNames, ExpressionAttributeValues: values,
				})
				if c.refused != "" {
					p.expect(err, invalid("Invalid FilterExpression: "+c.refused))
					return
				}
				p.must(err)
				if (out.Count == 1) != c.holds || out.ScannedCount != 1 {
					p.Errorf("%d of %d items pass the filter, want it to hold: %t", out.Count, out.ScannedCount, c.holds)
				}
			})
		}
	}
}

func comparators() []conditionCase {
	return []conditionCase{
		{expr: "s = :banana", holds: true},
		{expr: "s = :Banana"},
		{expr: "s <> :apple", holds: true},
		{expr: "s <> :banana"},
		{expr: "s < :cherry", holds: true},
		{expr: "s < :banana"},
		{expr: "s <= :banana", holds: true},
		{expr: "s <= :apple"},
		{expr: "s > :apple", holds: true},
		{expr: "s > :Banana", holds: true},
		{expr: "s > :banan", holds: true},
		{expr: "s > :banana"},
		{expr: "s >= :banana", holds: true},
		{expr: "s >= :cherry"},
		{expr: ":banana = s", holds: true},
		{expr: ":cherry > s", holds: true},
		{expr: "s < s2", holds: true},
		{expr: "s2 < s"},
		{expr: "blank = :empty", holds: true},
		{expr: "blank < :a", holds: true},

		{expr: "n = :five", holds: true},
		{expr: "n = :fivezero", holds: true},
		{expr: "n = :fiveexp", holds: true},
		{expr: "n < :ten", holds: true}, // not as text, where "10" comes first
		{expr: "n > :minusten", holds: true},
		{expr: "low > :minusten", holds: true},
		{expr: "low < :zero", holds: true},
		{expr: "low = :minusfive", holds: true},
		{expr: "n <= :five", holds: true},
		{expr: "n >= :five", holds: true},
		{expr: "n <> :five"},
		{expr: "n < n2", holds: true},
		{expr: "many = :many", holds: true},
		{expr: "many > :manyless", holds: true},
		{expr: "many < :manymore", holds: true},
		{expr: "many = :manymore"},

		{expr: "b = :bytes", holds: true},
		{expr: "b < :abd", holds: true},
		{expr: "b > :ab", holds: true},
		{expr: "b >= :abd"},

		{expr: "t = :true", holds: true},
		{expr: "t = :false"},
		{expr: "t <> :false", holds: true},
		{expr: "nothing = :null", holds: true},
		{expr: "ss = :abc", holds: true}, // a set has no order
		{expr: "ss = :abset"},
		{expr: "ns = :set123", holds: true},
		{expr: "bs = :bsab", holds: true},
		{expr: "l = :list", holds: true},
		{expr: "l = :reversed"},
		{expr: "m = :map", holds: true},
		{expr: "m <> :map2", holds: true},
		{expr: "noelements = :emptylist", holds: true},
		{expr: "noentries = :emptymap", holds: true},

		// Values of different types are different, and have no order.
		{expr: "n = :banana"},
		{expr: "n <> :banana", holds: true},
		{expr: "n < :banana", wrong: wrong{Moto: crashes}},
		{expr: "n > :banana", wrong: wrong{Moto: crashes}},
		{expr: "s = :bytes"},
		{expr: "s < n", wrong: wrong{Moto: crashes}},
		{expr: "s >= n", wrong: wrong{Moto: crashes}},

		// An attribute that is not there has no value: everything but <> is false.
		{expr: "gone = :five"},
		{expr: "gone < :five"},
		{expr: "gone > :five"},
		{expr: "gone <> :five", holds: true},
		{expr: "NOT gone = :five", holds: true},

		{expr: "n BETWEEN :four AND :six", holds: true},
		{expr: "n BETWEEN :five AND :five", holds: true},
		{expr: "n BETWEEN :six AND :ten"},
		{expr: "s BETWEEN :apple AND :cherry", holds: true},
		{expr: "b BETWEEN :ab AND :abd", holds: true},
		{expr: ":six BETWEEN n AND n2", holds: true},
		{expr: ":ten BETWEEN n AND n2"},
		{expr: "gone BETWEEN :four AND :six"},
		{expr: "s BETWEEN :four AND :six", wrong: wrong{Moto: crashes}},
		{expr: "n BETWEEN :four AND :six AND t = :true", holds: true},

		{expr: "n IN (:five)", holds: true},
		{expr: "n IN (:four, :fivezero)", holds: true},
		{expr: "n IN (:four, :six)"},
		{expr: "n IN (:banana, :five)", holds: true},
		{expr: "s IN (:apple, s)", holds: true},
		{expr: "gone IN (:four, :six)"},
		{expr: "l[3] IN (:listof2, :one)", holds: true},
	}
}

func functions() []conditionCase {
	return []conditionCase{
		{expr: "attribute_exists(s)", holds: true},
		{expr: "attribute_exists(gone)"},
		{expr: "attribute_exists(nothing)", holds: true},
		{expr: "attribute_exists(blank)", holds: true},
		{expr: "attribute_exists(m.deep.x)", holds: true},
		{expr: "attribute_exists(m.deep.y)"},
		{expr: "attribute_exists(l[2])", holds: true},
		{expr: "attribute_exists(l[4])"},
		{expr: "attribute_exists(s.x)"},
		{expr: "attribute_exists(s[0])"},
		{expr: "attribute_not_exists(gone)", holds: true},
		{expr: "attribute_not_exists(s)"},
		{expr: "attribute_not_exists(nothing)"},
		{expr: "attribute_not_exists(m.deep.y)", holds: true},
		{expr: "attribute_not_exists(l[9])", holds: true},

		{expr: "attribute_type(s, :S)", holds: true},
		{expr: "attribute_type(n, :N)", holds: true},
		{expr: "attribute_type(b, :B)", holds: true},
		{expr: "attribute_type(ss, :SS)", holds: true},
		{expr: "attribute_type(ns, :NS)", holds: true},
		{expr: "attribute_type(bs, :BS)", holds: true},
		{expr: "attribute_type(m, :M)", holds: true},
		{expr: "attribute_type(l, :L)", holds: true},
		{expr: "attribute_type(nothing, :NULL)", holds: true},
		{expr: "attribute_type(t, :BOOL)", holds: true},
		{expr: "attribute_type(s, :N)"},
		{expr: "attribute_type(gone, :S)"},
		{expr: "attribute_type(m.l[1], :M)", holds: true},

		{expr: "begins_with(s, :ban)", holds: true},
		{expr: "begins_with(s, :banana)", holds: true},
		{expr: "begins_with(s, :nan)"},
		{expr: "begins_with(s, :empty)", holds: true},
		{expr: "begins_with(s, s2)"},
		{expr: "begins_with(b, :ab)", holds: true, wrong: wrong{Moto: "it works on the base64 text"}},
		{expr: "begins_with(b, :abd)"},
		{expr: "begins_with(gone, :ban)"},
		{expr: "begins_with(n, :ban)"},
		{expr: "begins_with(b, :a)"}, // bytes don't begin with a string

		{expr: "contains(s, :nan)", holds: true},
		{expr: "contains(s, :x)"},
		{expr: "contains(b, :bytea)", holds: true, wrong: wrong{Moto: "it works on the base64 text"}},
		{expr: "contains(ss, :a)", holds: true},
		{expr: "contains(ss, :x)"},
		{expr: "contains(ns, :two)", holds: true},
		{expr: "contains(ns, :oneandzero)", holds: true},
		{expr: "contains(ns, :a)"},
		{expr: "contains(bs, :bytea)", holds: true},
		{expr: "contains(l, :x)", holds: true},
		{expr: "contains(l, :oneandzero)", holds: true},
		{expr: "contains(l, :true)", holds: true},
		{expr: "contains(l, :y)"},
		{expr: "contains(l, :two)"}, // only in a nested list
		{expr: "contains(n, :five)"},
		{expr: "contains(gone, :a)"},
		{expr: "contains(:banana, s)", holds: true},

		{expr: "size(s) = :six", holds: true},
		{expr: "size(wide) = :three", holds: true, wrong: wrong{Moto: "it counts characters, not UTF-16 code units"}},
		{expr: "size(b) = :three", holds: true},
		{expr: "size(ss) = :three", holds: true},
		{expr: "size(ns) < :four", holds: true},
		{expr: "size(bs) = :two", holds: true},
		{expr: "size(l) = :four", holds: true},
		{expr: "size(m) = :three", holds: true},
		{expr: "size(blank) = :zero", holds: true},
		{expr: "size(noelements) = :zero", holds: true},
		{expr: "size(s) > n", holds: true},
		{expr: "size(s) = size(s2)", holds: true},
		{expr: "size(s) BETWEEN :five AND :six", holds: true},
		{expr: "size(s) IN (:five, :six)", holds: true},
		{expr: "size(m.l) = :two", holds: true},
		{expr: "size(gone) = :zero", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": "it refuses the size of an attribute that is not there"}},
	}
}

func logic() []conditionCase {
	return []conditionCase{
		{expr: "n = :five AND s = :banana", holds: true},
		{expr: "n = :five AND s = :apple"},
		{expr: "n = :six OR s = :banana", holds: true},
		{expr: "n = :six OR s = :apple"},
		{expr: "NOT n = :six", holds: true},
		{expr: "NOT attribute_exists(s)"},
		{expr: "NOT NOT n = :five", holds: true, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": "its parser gives up"}},
		// NOT binds tighter than AND, and AND tighter than OR.
		{expr: "n = :five OR n = :six AND s = :apple", holds: true},
		{expr: "(n = :five OR n = :six) AND s = :apple"},
		{expr: "NOT n = :six AND s = :banana", holds: true},
		{expr: "NOT n = :five OR s = :banana", holds: true},
		{expr: "NOT (n = :five OR s = :banana)"},
		{expr: "n = :five and not s = :apple or t = :false", holds: true},
		{expr: "n between :four and :six", holds: true},
		{expr: "n in (:five)", holds: true},
		{expr: "(n = :five)", holds: true},
		{expr: "  n=:five\tAND\n(s=:banana)  ", holds: true, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": "its parser gives up"}},

		{expr: "m.a = :one", holds: true},
		{expr: "m.deep.x = :y", holds: true},
		{expr: "m.l[1].z = :nine", holds: true},
		{expr: "l[0] = :x", holds: true},
		{expr: "l[3][0] = :two", holds: true},
		{expr: "l[7] = :x"},
		{expr: "#s = :banana", holds: true},
		{expr: "#m.#deep.#x = :y", holds: true},
		{expr: "#m.deep.#x = :y", holds: true},
		{expr: "attribute_not_exists(#gone)", holds: true},
		{expr: "attribute_not_exists(#dotted)", holds: true}, // one name with a dot, not a path
	}
}

func notConditions() []conditionCase {
	const (
		syntax   = "Syntax error"
		operand  = "Incorrect operand type for operator or function; operator or function: "
		operands = "Incorrect number of operands for operator or function; operator or function: "
		misused  = "The function is not allowed to be used this way in an expression; function: "
		distinct = "The first operand must be distinct from the remaining operands for this operator or function; operator: "
	)
	return []conditionCase{
		{expr: "", refused: "The expression can not be empty", wrong: wrong{Moto + "/condition": accepts}},
		{expr: "s", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s =", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s == :banana", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s != :banana", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "(s = :banana", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s = :banana AND", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s = banana-split", refused: syntax, wrong: wrong{Moto: accepts}},
		{expr: "n = 5", refused: syntax, wrong: wrong{Moto: accepts}},
		{expr: "s = 'banana'", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s BETWEEN :apple", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "s IN ()", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "l[x] = :x", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "l[-1] = :x", refused: syntax, wrong: wrong{Moto: accepts}},
		{expr: "n < :five < :six", refused: syntax, wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "((s = :banana))", refused: "The expression has redundant parentheses", wrong: wrong{Moto + "/filter": rewords}},
		{expr: "matches(s, :banana)", refused: "Invalid function name; function: matches", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "Attribute_Exists(s)", refused: "Invalid function name; function: Attribute_Exists", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "if_not_exists(s, :banana) = :banana", refused: "The function is not allowed in a condition expression; function: if_not_exists", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "size(s)", refused: misused + "size", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "attribute_exists(s) = :true", refused: misused + "attribute_exists", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "attribute_exists(s, n)", refused: operands + "attribute_exists, number of operands: 2", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "begins_with(s)", refused: operands + "begins_with, number of operands: 1", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "attribute_exists(:banana)", refused: "Operator or function requires a document path; operator or function: attribute_exists", wrong: wrong{Moto + "/condition": crashes, Moto + "/filter": rewords}},
		{expr: "begins_with(s, :five)", refused: operand + "begins_with, operand type: N", wrong: wrong{Moto: accepts}},
		{expr: "attribute_type(s, :STRING)", refused: "Invalid attribute type name found; type: STRING", wrong: wrong{Moto: accepts}},
		{expr: "attribute_type(s, :five)", refused: operand + "attribute_type, operand type: N", wrong: wrong{Moto: accepts}},
		{expr: "n < :map", refused: operand + "<, operand type: M", wrong: wrong{Moto: crashes}},
		{expr: "n >= :true", refused: operand + ">=, operand type: BOOL", wrong: wrong{Moto: accepts}},
		{expr: "n BETWEEN :six AND :four", refused: "The BETWEEN operator requires upper bound to be greater than or equal to lower bound", wrong: wrong{Moto: accepts}},
		{expr: "n BETWEEN :four AND :banana", refused: "The BETWEEN operator requires same data type for lower and upper bounds", wrong: wrong{Moto: crashes}},
		{expr: "s = s", refused: distinct + "=, first operand: [s]", wrong: wrong{Moto: accepts}},
		{expr: "contains(m.l, m.l)", refused: distinct + "contains, first operand: [m, l]", wrong: wrong{Moto: accepts}},
	}
}
