package conformance

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// roundTrip puts every kind of value and reads it back.
func roundTrip(p *probe) {
	table := p.table(pk)
	cases := []struct {
		name  string
		value types.AttributeValue
		wrong wrong
	}{
		{name: "string", value: str("naïve – 日本語 \U0001F600 \"quoted\" \\ \n")},
		{name: "empty string", value: str("")},
		{name: "NUL in a string", value: str("a\x00b")},
		{name: "number", value: num("-12.5")},
		{name: "binary", value: bin("\x00\xff\x80")},
		{name: "empty binary", value: bin("")},
		{name: "true", value: boolean(true)},
		{name: "false", value: boolean(false)},
		{name: "null", value: null()},
		{name: "string set", value: strs("b", "a")},
		{name: "string set of an empty string", value: strs("", "a")},
		{name: "number set", value: nums("2", "1", "-1.5")},
		{name: "binary set", value: bins("b", "\x00")},
		{name: "list", value: list(str("x"), num("1"), null(), list(), doc(item{}))},
		{name: "empty list", value: list()},
		{name: "map", value: doc(item{"a": list(doc(item{"b": strs("c")}))})},
		{name: "empty map", value: doc(item{})},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			it := item{"pk": str(c.name), "v": c.value}
			p.put(table, it)
			p.equal("item", p.get(table, item{"pk": str(c.name)}), it)
		})
	}
}

// refusedValues are values that no item can have.
func refusedValues(p *probe) {
	table := p.table(pk)
	cases := []struct {
		name    string
		value   types.AttributeValue
		message string
		wrong   wrong
	}{
		{name: "empty string set", value: strs(), message: "may not be empty"},
		{name: "empty number set", value: nums(), message: "may not be empty"},
		{name: "empty binary set", value: bins(), message: "Binary sets should not be empty", // unlike those of the others
			wrong: wrong{Moto: accepts}},
		{name: "string twice", value: strs("a", "b", "a"), message: "contains duplicates", wrong: wrong{Moto: accepts}},
		{name: "number twice", value: nums("1", "2", "1"), message: "contains duplicates", wrong: wrong{Moto: accepts}},
		{name: "number twice written differently", value: nums("1", "1.0"), message: "contains duplicates", wrong: wrong{Moto: accepts}},
		{name: "binary twice", value: bins("a", "a"), message: "contains duplicates", wrong: wrong{Moto: accepts}},
		{name: "no number", value: num("five"), message: "The parameter cannot be converted to a numeric value"},
		{name: "empty number", value: num(""), message: "The parameter cannot be converted to a numeric value"},
		{name: "no number in a set", value: nums("1", "x"), message: "The parameter cannot be converted to a numeric value", wrong: wrong{Moto: accepts}},
		{name: "false null", value: &types.AttributeValueMemberNULL{Value: false}, message: "Null attribute value types must have the value of true"},
		{name: "nested false null", value: list(&types.AttributeValueMemberNULL{Value: false}), message: "Null attribute value types must have the value of true", wrong: wrong{Moto: accepts}},
		{name: "nested", value: list(doc(item{"a": strs()})), message: "may not be empty", wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item{"pk": str(c.name), "v": c.value}})
			p.expect(err, invalid(c.message))
		})
	}
}

// puts are about PutItem itself.
func puts(p *probe) {
	table := p.table(pk, sk)
	key := func(name string) item { return item{"pk": str("p"), "sk": str(name)} }
	p.check("replaces the whole item", nil, func(p *probe) {
		p.put(table, with(key("replace"), item{"a": num("1"), "b": num("2")}), with(key("replace"), item{"c": num("3")}))
		p.equal("item", p.get(table, key("replace")), with(key("replace"), item{"c": num("3")}))
	})
	p.check("both parts of the key tell items apart", nil, func(p *probe) {
		one, two := item{"pk": str("a"), "sk": str("bc")}, item{"pk": str("ab"), "sk": str("c")}
		p.put(table, one)
		p.equal("item", p.get(table, two), nil)
		p.equal("item", p.get(table, one), one)
	})
	returns := []struct {
		name  string
		kind  types.ReturnValue
		old   bool
		want  bool // the old item
		code  refusal
		wrong wrong
	}{
		{name: "default", old: true},
		{name: "NONE", kind: types.ReturnValueNone, old: true},
		{name: "ALL_OLD", kind: types.ReturnValueAllOld, old: true, want: true},
		{name: "ALL_OLD of a new item", kind: types.ReturnValueAllOld},
		{name: "ALL_NEW", kind: types.ReturnValueAllNew, old: true, code: invalid("")},
		{name: "UPDATED_NEW", kind: types.ReturnValueUpdatedNew, old: true, code: invalid("")},
	}
	for _, c := range returns {
		p.check("returns/"+c.name, c.wrong, func(p *probe) {
			var want item
			if c.old {
				p.put(table, with(key(c.name), item{"v": num("1")}))
			}
			if c.want {
				want = with(key(c.name), item{"v": num("1")})
			}
			out, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: with(key(c.name), item{"v": num("2")}), ReturnValues: c.kind,
			})
			if p.expect(err, c.code) && err == nil {
				p.equal("attributes returned", out.Attributes, want)
			}
		})
	}
}

// deletes are about DeleteItem itself.
func deletes(p *probe) {
	table := p.table(pk)
	cases := []struct {
		name  string
		kind  types.ReturnValue
		old   bool
		want  bool
		code  refusal
		wrong wrong
	}{
		{name: "default", old: true},
		{name: "of no item"},
		{name: "NONE", kind: types.ReturnValueNone, old: true},
		{name: "ALL_OLD", kind: types.ReturnValueAllOld, old: true, want: true},
		{name: "ALL_OLD of no item", kind: types.ReturnValueAllOld},
		{name: "ALL_NEW", kind: types.ReturnValueAllNew, old: true, code: invalid("")},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			key := item{"pk": str(c.name)}
			old := with(key, item{"v": num("1")})
			if c.old {
				p.put(table, old)
			}
			out, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key, ReturnValues: c.kind})
			if !p.expect(err, c.code) {
				return
			}
			if err != nil {
				p.equal("item after the refusal", p.get(table, key), old)
				return
			}
			p.equal("item afterwards", p.get(table, key), nil)
			if c.want {
				p.equal("attributes returned", out.Attributes, old)
			} else {
				p.equal("attributes returned", out.Attributes, nil)
			}
		})
	}
}

// refusedKeys are keys that don't fit the table, in every operation that takes a key.
func refusedKeys(p *probe) {
	table := p.table(pk, skNum)
	cases := []struct {
		name    string
		key     item
		message string // message of the operations that take a key
		put     string // message of PutItem
		ok      bool   // PutItem takes it: it is a key and one more attribute
		wrong   wrong
	}{
		{name: "sort key missing", key: item{"pk": str("a")}, message: keySchemaMismatch, put: "Missing the key sk in the item", wrong: wrong{Moto + "/delete": rewords, Moto + "/get": rewords, Moto + "/update": rewords}},
		{name: "partition key missing", key: item{"sk": num("1")}, message: keySchemaMismatch, put: "Missing the key pk in the item", wrong: wrong{Moto + "/delete": rewords, Moto + "/get": rewords, Moto + "/update": rewords}},
		{name: "attribute too many", key: item{"pk": str("a"), "sk": num("1"), "x": num("1")}, message: "", ok: true},
		{name: "wrong partition type", key: item{"pk": num("1"), "sk": num("1")}, message: keySchemaMismatch, put: "Type mismatch for key pk expected: S actual: N", wrong: wrong{Moto + "/delete": accepts, Moto + "/get": accepts, Moto + "/update": rewords}},
		{name: "wrong sort type", key: item{"pk": str("a"), "sk": str("1")}, message: keySchemaMismatch, put: "Type mismatch for key sk expected: N actual: S", wrong: wrong{Moto + "/delete": accepts, Moto + "/get": accepts, Moto + "/update": rewords}},
		{name: "no scalar", key: item{"pk": strs("a"), "sk": num("1")}, message: keySchemaMismatch, put: "Type mismatch for key pk expected: S actual: SS", wrong: wrong{Moto + "/delete": crashes, Moto + "/get": crashes, Moto + "/update": crashes}},
		{name: "empty partition key", key: item{"pk": str(""), "sk": num("1")}, message: "contain an empty string", put: "contain an empty string", wrong: wrong{Moto + "/delete": accepts, Moto + "/update": accepts}},
		{name: "no number", key: item{"pk": str("a"), "sk": num("x")}, message: "cannot be converted to a numeric value", put: "cannot be converted to a numeric value", wrong: wrong{Moto + "/delete": crashes, Moto + "/get": crashes, Moto + "/update": crashes}},
	}
	for _, c := range cases {
		p.check("put/"+c.name, c.wrong.of("put"), func(p *probe) {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: c.key})
			if c.ok {
				p.expect(err, refusal{})
				return
			}
			p.expect(err, invalid(c.put))
		})
		p.check("get/"+c.name, c.wrong.of("get"), func(p *probe) {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &table, Key: c.key})
			p.expect(err, invalid(c.message))
		})
		p.check("delete/"+c.name, c.wrong.of("delete"), func(p *probe) {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: c.key})
			p.expect(err, invalid(c.message))
		})
		p.check("update/"+c.name, c.wrong.of("update"), func(p *probe) {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: c.key, UpdateExpression: expr("SET v = :v"), ExpressionAttributeValues: item{":v": num("1")},
			})
			p.expect(err, invalid(c.message))
		})
	}
}

// failedConditions holds what a conditional write that fails answers, and that it changes nothing.
func failedConditions(p *probe) {
	table := p.table(pk)
	const allOld, none = types.ReturnValuesOnConditionCheckFailureAllOld, types.ReturnValuesOnConditionCheckFailureNone
	writes := map[string]func(p *probe, key item, give types.ReturnValuesOnConditionCheckFailure) error{
		"put": func(p *probe, key item, give types.ReturnValuesOnConditionCheckFailure) error {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: with(key, item{"v": num("2")}), ConditionExpression: expr("v = :two"),
				ExpressionAttributeValues: item{":two": num("2")}, ReturnValuesOnConditionCheckFailure: give,
			})
			return err
		},
		"update": func(p *probe, key item, give types.ReturnValuesOnConditionCheckFailure) error {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr("SET v = :two"), ConditionExpression: expr("v = :two"),
				ExpressionAttributeValues: item{":two": num("2")}, ReturnValuesOnConditionCheckFailure: give,
			})
			return err
		},
		"delete": func(p *probe, key item, give types.ReturnValuesOnConditionCheckFailure) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{
				TableName: &table, Key: key, ConditionExpression: expr("v = :two"),
				ExpressionAttributeValues: item{":two": num("2")}, ReturnValuesOnConditionCheckFailure: give,
			})
			return err
		},
	}
	cases := []struct {
		name  string
		old   item
		give  types.ReturnValuesOnConditionCheckFailure
		given bool
		wrong wrong
	}{
		{name: "default", old: item{"v": num("1")}},
		{name: "NONE", old: item{"v": num("1")}, give: none},
		{name: "ALL_OLD", old: item{"v": num("1"), "m": doc(item{"a": list(null())}), "s": strs("x", "y")}, give: allOld, given: true},
		{name: "ALL_OLD without an item", give: allOld},
	}
	for operation, write := range writes {
		for _, c := range cases {
			p.check(operation+"/"+c.name, c.wrong.of(operation), func(p *probe) {
				key := item{"pk": str(operation + c.name)}
				var old, want item
				if c.old != nil {
					old = with(key, c.old)
					p.put(table, old)
				}
				if c.given {
					want = old
				}
				err := write(p, key, c.give)
				if p.expect(err, refusal{conditionFailed, conditionMessage}) {
					p.equal("item given back", p.oldItem(err), want)
				}
				p.equal("item afterwards", p.get(table, key), old)
			})
		}
	}
	p.check("update/before the update is tried", nil, func(p *probe) {
		key := item{"pk": str("order")}
		p.put(table, with(key, item{"v": num("1")}))
		_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: key, UpdateExpression: expr("SET a = gone"), ConditionExpression: expr("attribute_not_exists(pk)"),
		})
		p.expect(err, refusal{conditionFailed, conditionMessage})
	})
}
