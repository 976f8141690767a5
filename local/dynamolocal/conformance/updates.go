package conformance

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// updateCase is an update of an item that holds the attributes of old besides its key; nil stands for no item at all.
type updateCase struct {
	expr    string
	old     item
	values  item
	names   names
	want    item // the attributes besides the key afterwards
	refused string
	wrong   wrong
}

// updates tries every case on an item of its own. A refused update has to leave the item as it was.
func updates(cases []updateCase) func(p *probe) {
	return func(p *probe) {
		table := p.table(pk)
		for i, c := range cases {
			p.check(c.expr, c.wrong, func(p *probe) {
				key := item{"pk": str(string(rune('a'+i%26)) + strings.Repeat("x", i/26))}
				var before item
				if c.old != nil {
					before = with(c.old, key)
					p.put(table, before)
				}
				_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
					TableName: &table, Key: key, UpdateExpression: expr(c.expr),
					ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
				})
				if c.refused != "" {
					p.expect(err, invalid(c.refused))
					p.equal("item after the refusal", p.get(table, key), before)
					return
				}
				p.must(err)
				p.equal("item", p.get(table, key), with(c.want, key))
			})
		}
	}
}

func sets() []updateCase {
	one := item{":v": num("1")}
	return []updateCase{
		{expr: "", old: item{"a": num("1")}, want: item{"a": num("1")}, wrong: wrong{Moto: crashes}},
		{expr: "SET a = :v", values: one, want: item{"a": num("1")}},
		{expr: "SET a = :v", old: item{"a": str("x"), "b": str("y")}, values: one, want: item{"a": num("1"), "b": str("y")}},
		{expr: "set a = :v", old: item{}, values: one, want: item{"a": num("1")}},
		{expr: "SET a = :v, b = :v", old: item{}, values: one, want: item{"a": num("1"), "b": num("1")}},
		{expr: "SET a = b", old: item{"b": str("y")}, want: item{"a": str("y"), "b": str("y")}},
		{expr: "SET #a = :v", old: item{}, names: names{"#a": "a"}, values: one, want: item{"a": num("1")}},
		{expr: "SET #a.b = :v", old: item{"size": doc(item{})}, names: names{"#a": "size"}, values: one, want: item{"size": doc(item{"b": num("1")})}},

		{expr: "SET n = n + :v", old: item{"n": num("41")}, values: one, want: item{"n": num("42")}},
		{expr: "SET n = n - :v", old: item{"n": num("0")}, values: one, want: item{"n": num("-1")}},
		{expr: "SET n = :v + :v", old: item{}, values: one, want: item{"n": num("2")}},
		{expr: "SET n = a - b", old: item{"a": num("0.3"), "b": num("0.1")}, want: item{"a": num("0.3"), "b": num("0.1"), "n": num("0.2")}},
		{expr: "SET n=n+:v", old: item{"n": num("99999999999999999999999999999999999998")}, values: one, want: item{"n": num("99999999999999999999999999999999999999")}},
		{expr: "SET n = m.n + :v", old: item{"m": doc(item{"n": num("1")})}, values: one, want: item{"m": doc(item{"n": num("1")}), "n": num("2")}},

		{expr: "SET a = if_not_exists(a, :v)", old: item{}, values: one, want: item{"a": num("1")}},
		{expr: "SET a = if_not_exists(a, :v)", values: one, want: item{"a": num("1")}},
		{expr: "SET a = if_not_exists(a, :v)", old: item{"a": str("x")}, values: one, want: item{"a": str("x")}},
		{expr: "SET a = if_not_exists(b, :v)", old: item{"b": null()}, values: one, want: item{"a": null(), "b": null()}},
		{expr: "SET a = if_not_exists(b, c)", old: item{"c": str("z")}, want: item{"a": str("z"), "c": str("z")}},
		{expr: "SET n = if_not_exists(n, :zero) + :v", old: item{}, values: item{":zero": num("0"), ":v": num("1")}, want: item{"n": num("1")}},
		{expr: "SET n = if_not_exists(n, :zero) + :v", old: item{"n": num("5")}, values: item{":zero": num("0"), ":v": num("1")}, want: item{"n": num("6")}},
		{expr: "SET m.n = if_not_exists(m.n, :v)", old: item{"m": doc(item{})}, values: one, want: item{"m": doc(item{"n": num("1")})}},

		{expr: "SET l = list_append(l, :l)", old: item{"l": list(num("1"))}, values: item{":l": list(num("2"), str("x"))}, want: item{"l": list(num("1"), num("2"), str("x"))}},
		{expr: "SET l = list_append(:l, l)", old: item{"l": list(num("1"))}, values: item{":l": list(num("0"))}, want: item{"l": list(num("0"), num("1"))}},
		{expr: "SET l = list_append(if_not_exists(l, :none), :l)", old: item{}, values: item{":none": list(), ":l": list(num("1"))}, want: item{"l": list(num("1"))}},
		{expr: "SET l = list_append(a, b)", old: item{"a": list(num("1")), "b": list(num("2"))}, want: item{"a": list(num("1")), "b": list(num("2")), "l": list(num("1"), num("2"))}},

		{expr: "SET m.b = :v", old: item{"m": doc(item{"a": str("x")})}, values: one, want: item{"m": doc(item{"a": str("x"), "b": num("1")})}},
		{expr: "SET m.a.b = :v", old: item{"m": doc(item{"a": doc(item{})})}, values: one, want: item{"m": doc(item{"a": doc(item{"b": num("1")})})}},
		{expr: "SET l[1] = :v", old: item{"l": list(str("x"), str("y"), str("z"))}, values: one, want: item{"l": list(str("x"), num("1"), str("z"))}},
		{expr: "SET l[1].a = :v", old: item{"l": list(str("x"), doc(item{}))}, values: one, want: item{"l": list(str("x"), doc(item{"a": num("1")}))}},
		{expr: "SET l[0][1] = :v", old: item{"l": list(list(str("x"), str("y")))}, values: one, want: item{"l": list(list(str("x"), num("1")))}},
		// An element past the end is appended, wherever it was to be.
		{expr: "SET l[9] = :v", old: item{"l": list(str("x"))}, values: one, want: item{"l": list(str("x"), num("1"))}},
		{expr: "SET l[9] = :w, l[5] = :v", old: item{"l": list(str("x"))}, values: item{":v": num("5"), ":w": num("9")}, want: item{"l": list(str("x"), num("5"), num("9"))}, wrong: wrong{Moto: "it appends in the order of the expression"}},

		// Every operand is the item as it was.
		{expr: "SET a = b, b = a", old: item{"a": num("1"), "b": num("2")}, want: item{"a": num("2"), "b": num("1")}},
		{expr: "SET a = a + :v, b = a", old: item{"a": num("1")}, values: one, want: item{"a": num("2"), "b": num("1")}},
		{expr: "REMOVE a SET b = a", old: item{"a": num("1")}, want: item{"b": num("1")}},
		{expr: "SET l[0] = l[1], l[1] = l[0]", old: item{"l": list(num("1"), num("2"))}, want: item{"l": list(num("2"), num("1"))}},
		{expr: "SET b = if_not_exists(a, :v) REMOVE a", old: item{"a": num("7")}, values: one, want: item{"b": num("7")}},
	}
}

func removesAddsDeletes() []updateCase {
	return []updateCase{
		{expr: "REMOVE a", old: item{"a": num("1"), "b": num("2")}, want: item{"b": num("2")}},
		{expr: "REMOVE a, b", old: item{"a": num("1"), "b": num("2"), "c": num("3")}, want: item{"c": num("3")}},
		{expr: "REMOVE gone", old: item{"a": num("1")}, want: item{"a": num("1")}},
		{expr: "REMOVE m.a", old: item{"m": doc(item{"a": num("1"), "b": num("2")})}, want: item{"m": doc(item{"b": num("2")})}},
		{expr: "REMOVE m.a", old: item{"m": doc(item{"a": num("1")})}, want: item{"m": doc(item{})}},
		{expr: "REMOVE m.gone", old: item{"m": doc(item{"a": num("1")})}, want: item{"m": doc(item{"a": num("1")})}},
		{expr: "REMOVE l[1]", old: item{"l": list(num("0"), num("1"), num("2"))}, want: item{"l": list(num("0"), num("2"))}},
		{expr: "REMOVE l[0], l[2]", old: item{"l": list(num("0"), num("1"), num("2"), num("3"))}, want: item{"l": list(num("1"), num("3"))}},
		{expr: "REMOVE l[7]", old: item{"l": list(num("0"))}, want: item{"l": list(num("0"))}},
		{expr: "REMOVE l[0].a", old: item{"l": list(doc(item{"a": num("1")}))}, want: item{"l": list(doc(item{}))}},
		{expr: "SET l[1] = :v REMOVE l[0]", old: item{"l": list(num("0"), num("1"))}, values: item{":v": num("9")}, want: item{"l": list(num("9"))}},

		{expr: "ADD n :v", old: item{"n": num("41")}, values: item{":v": num("1")}, want: item{"n": num("42")}},
		{expr: "ADD n :v", old: item{"n": num("1")}, values: item{":v": num("-1.5")}, want: item{"n": num("-0.5")}},
		{expr: "ADD n :v", old: item{}, values: item{":v": num("1")}, want: item{"n": num("1")}},
		{expr: "ADD n :v", values: item{":v": num("1")}, want: item{"n": num("1")}},
		{expr: "ADD s :v", old: item{"s": strs("a", "b")}, values: item{":v": strs("b", "c")}, want: item{"s": strs("a", "b", "c")}},
		{expr: "ADD s :v", old: item{"s": nums("1", "2")}, values: item{":v": nums("2.0", "3")}, want: item{"s": nums("1", "2", "3")}, wrong: wrong{Moto: "it compares numbers as text"}},
		{expr: "ADD s :v", old: item{"s": bins("a")}, values: item{":v": bins("b")}, want: item{"s": bins("a", "b")}},
		{expr: "ADD s :v", old: item{}, values: item{":v": strs("a")}, want: item{"s": strs("a")}},
		{expr: "ADD a :v, b :v", old: item{"a": num("1")}, values: item{":v": num("1")}, want: item{"a": num("2"), "b": num("1")}},

		{expr: "DELETE s :v", old: item{"s": strs("a", "b", "c")}, values: item{":v": strs("b", "x")}, want: item{"s": strs("a", "c")}},
		{expr: "DELETE s :v", old: item{"s": nums("1", "2")}, values: item{":v": nums("2.0")}, want: item{"s": nums("1")}, wrong: wrong{Moto: "it compares numbers as text"}},
		{expr: "DELETE s :v", old: item{"s": bins("a", "b")}, values: item{":v": bins("a")}, want: item{"s": bins("b")}},
		{expr: "DELETE s :v", old: item{"s": strs("a")}, values: item{":v": strs("a")}, want: item{}}, // no set is empty
		{expr: "DELETE s :v", old: item{"a": num("1")}, values: item{":v": strs("a")}, want: item{"a": num("1")}},

		{
			expr: "SET a = :v REMOVE b ADD n :v DELETE s :s", old: item{"b": num("1"), "n": num("1"), "s": strs("x", "y")},
			values: item{":v": num("1"), ":s": strs("x")}, want: item{"a": num("1"), "n": num("2"), "s": strs("y")},
		},
		{
			expr: "delete s :s add n :v remove b set a = :v", old: item{"b": num("1"), "n": num("1"), "s": strs("x", "y")},
			values: item{":v": num("1"), ":s": strs("x")}, want: item{"a": num("1"), "n": num("2"), "s": strs("y")},
		},
	}
}

// notUpdates are refused whatever the item holds, or because of what it holds.
func notUpdates() []updateCase {
	const (
		update       = "Invalid UpdateExpression: "
		syntax       = update + "Syntax error"
		wrongOperand = update + "Incorrect operand type for operator or function"
		overlap      = update + overlapMessage
	)
	one := item{":v": num("1")}
	text := item{":v": str("x")}
	return []updateCase{
		{expr: "SET", old: item{}, refused: syntax},
		{expr: "a = :v", old: item{}, values: one, refused: syntax},
		{expr: "SET a :v", old: item{}, values: one, refused: syntax},
		{expr: "SET a = :v,", old: item{}, values: one, refused: syntax},
		{expr: "SET a = 1", old: item{}, refused: syntax},
		{expr: "SET a = a + :v + :v", old: item{"a": num("1")}, values: one, refused: syntax, wrong: wrong{Moto: accepts}},
		{expr: "SET a = a * :v", old: item{"a": num("1")}, values: one, refused: syntax},
		{expr: "ADD n = :v", old: item{}, values: one, refused: syntax},
		{expr: "REMOVE a :v", old: item{}, values: one, refused: syntax},
		{expr: "SET a = :v SET b = :v", old: item{}, values: one, refused: update + `The "SET" section can only be used once in an update expression`},
		{expr: "REMOVE a REMOVE b", old: item{}, refused: update + `The "REMOVE" section can only be used once in an update expression`},
		{expr: "SET a = twice(:v)", old: item{}, values: one, refused: update + "Invalid function name; function: twice", wrong: wrong{Moto: rewords}},
		{expr: "SET a = size(b)", old: item{"b": str("x")}, refused: update + "The function is not allowed in an update expression; function: size", wrong: wrong{Moto: rewords}},
		{expr: "SET a = if_not_exists(a)", old: item{}, refused: update + "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1", wrong: wrong{Moto: rewords}},
		{expr: "SET a = if_not_exists(:v, :v)", old: item{}, values: one, refused: update + "Operator or function requires a document path; operator or function: if_not_exists", wrong: wrong{Moto: rewords}},

		{expr: "SET a = :v, a = :v", old: item{}, values: one, refused: overlap},
		{expr: "SET m.a = :v, m = :v", old: item{"m": doc(item{})}, values: one, refused: overlap},
		{expr: "SET l[0] = :v REMOVE l[0]", old: item{"l": list(num("1"))}, values: one, refused: overlap},
		{expr: "SET a = :v REMOVE #a", old: item{"a": num("1")}, names: names{"#a": "a"}, values: one, refused: overlap},
		{expr: "SET m.a = :v REMOVE m.a.b", old: item{"m": doc(item{})}, values: one, refused: overlap},
		{expr: "SET m.a = :v, m[0] = :v", old: item{"m": doc(item{})}, values: one, refused: update + "Two document paths conflict with each other", wrong: wrong{Moto: rewords}},

		{expr: "SET pk = :v", old: item{}, values: text, refused: "Cannot update attribute pk. This attribute is part of the key"},
		{expr: "REMOVE pk", old: item{}, refused: "Cannot update attribute pk. This attribute is part of the key"},
		{expr: "SET #k = :v", old: item{}, names: names{"#k": "pk"}, values: text, refused: "Cannot update attribute pk. This attribute is part of the key"},

		{expr: "SET a = b", old: item{}, refused: noAttribute},
		{expr: "SET a = m.b", old: item{"m": doc(item{})}, refused: noAttribute},
		{expr: "SET a = l[3]", old: item{"l": list()}, refused: noAttribute},
		{expr: "SET n = n + :v", values: one, refused: noAttribute},
		{expr: "SET l = list_append(l, :v)", old: item{}, values: item{":v": list()}, refused: noAttribute},

		{expr: "SET n = n + :v", old: item{"n": str("x")}, values: one, refused: operandMessage, wrong: wrong{Moto: rewords}},
		{expr: "SET l = list_append(l, :v)", old: item{"l": str("x")}, values: item{":v": list()}, refused: operandMessage, wrong: wrong{Moto: rewords}},
		{expr: "ADD n :v", old: item{"n": str("x")}, values: one, refused: operandMessage},
		{expr: "ADD s :v", old: item{"s": strs("x")}, values: item{":v": nums("1")}, refused: operandMessage},
		{expr: "DELETE s :v", old: item{"s": str("x")}, values: item{":v": strs("x")}, refused: operandMessage},
		{expr: "SET n = n + :v", old: item{"n": num("1")}, values: text, refused: wrongOperand + "; operator or function: +, operand type: S", wrong: wrong{Moto: rewords}},
		{expr: "SET l = list_append(l, :v)", old: item{"l": list()}, values: text, refused: wrongOperand + "; operator or function: list_append, operand type: S"},
		{expr: "ADD a :v", old: item{}, values: text, refused: wrongOperand, wrong: wrong{Moto: rewords}},
		{expr: "ADD a :v", old: item{}, values: item{":v": list()}, refused: wrongOperand, wrong: wrong{Moto: rewords}},
		{expr: "DELETE a :v", old: item{}, values: one, refused: wrongOperand},

		{expr: "SET m.a = :v", old: item{}, values: one, refused: badPath},
		{expr: "SET m.a = :v", values: one, refused: badPath},
		{expr: "SET m.a = :v", old: item{"m": str("x")}, values: one, refused: badPath, wrong: wrong{Moto: accepts}},
		{expr: "SET m.a.b = :v", old: item{"m": doc(item{})}, values: one, refused: badPath},
		{expr: "SET l[0] = :v", old: item{}, values: one, refused: badPath},
		{expr: "SET l[0] = :v", old: item{"l": doc(item{})}, values: one, refused: badPath},
		{expr: "SET l[5].a = :v", old: item{"l": list()}, values: one, refused: badPath},
		{expr: "REMOVE m.a", old: item{}, refused: badPath},
	}
}

// returnValues holds what an update returns to its ReturnValues.
func returnValues(p *probe) {
	table := p.table(pk)
	const update = "SET a = :v, m.x = :v, l[1] = :v REMOVE b"
	old := item{
		"a": num("1"), "b": num("2"), "c": num("3"), "m": doc(item{"x": num("4"), "y": num("5")}),
		"l": list(num("6"), num("7")),
	}
	updated := item{
		"a": num("9"), "c": num("3"), "m": doc(item{"x": num("9"), "y": num("5")}), "l": list(num("6"), num("9")),
	}
	cases := []struct {
		name   string
		kind   types.ReturnValue
		update string
		old    item // besides the key; nil for no item
		want   item
		bare   bool // want does not hold the key
		wrong  wrong
	}{
		{name: "default", update: update, old: old, bare: true},
		{name: "NONE", kind: types.ReturnValueNone, update: update, old: old, bare: true},
		{name: "ALL_OLD", kind: types.ReturnValueAllOld, update: update, old: old, want: old},
		{name: "ALL_NEW", kind: types.ReturnValueAllNew, update: update, old: old, want: updated},
		{name: "UPDATED_OLD", wrong: wrong{Moto: "it returns all of a list and of a map"}, kind: types.ReturnValueUpdatedOld, update: update, old: old, bare: true, want: item{
			"a": num("1"), "b": num("2"), "m": doc(item{"x": num("4")}), "l": list(num("7")),
		}},
		{name: "UPDATED_NEW", wrong: wrong{Moto: "it returns all of a list"}, kind: types.ReturnValueUpdatedNew, update: update, old: old, bare: true, want: item{
			"a": num("9"), "m": doc(item{"x": num("9")}), "l": list(num("9")),
		}},
		{name: "ALL_OLD of a new item", kind: types.ReturnValueAllOld, update: "SET a = :v", bare: true},
		{name: "ALL_NEW of a new item", kind: types.ReturnValueAllNew, update: "SET a = :v", want: item{"a": num("9")}},
		{name: "UPDATED_OLD of a new item", kind: types.ReturnValueUpdatedOld, update: "SET a = :v", bare: true},
		{name: "UPDATED_NEW of a new item", kind: types.ReturnValueUpdatedNew, update: "SET a = :v", bare: true, want: item{"a": num("9")}, wrong: wrong{Moto: "it returns the key too"}},
		{name: "UPDATED_NEW counts", kind: types.ReturnValueUpdatedNew, update: "ADD n :v", old: item{"n": num("1")}, bare: true, want: item{"n": num("10")}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			key := item{"pk": str(c.name)}
			if c.old != nil {
				p.put(table, with(c.old, key))
			}
			out, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr(c.update), ReturnValues: c.kind,
				ExpressionAttributeValues: item{":v": num("9")},
			})
			p.must(err)
			want := c.want
			if !c.bare {
				want = with(c.want, key)
			}
			p.equal("attributes returned", out.Attributes, want)
		})
	}
}
