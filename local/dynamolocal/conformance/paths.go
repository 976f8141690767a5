package conformance

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// projections read parts of one item.
func projections(p *probe) {
	table := p.table(pk)
	key := item{"pk": str("k")}
	p.put(table, with(key, item{
		"a": num("1"), "b": num("2"), "a.b": str("dotted"), "size": str("reserved"), "nothing": null(),
		"m": doc(item{"x": num("3"), "y": doc(item{"z": num("4"), "w": num("5")})}),
		"l": list(str("l0"), str("l1"), doc(item{"p": num("6"), "q": num("7")}), list(str("l30"), str("l31"))),
	}))
	const bad = "Invalid ProjectionExpression: "
	cases := []struct {
		expr    string
		names   names
		want    item
		refused string
		wrong   wrong
	}{
		{expr: "a", want: item{"a": num("1")}},
		{expr: "pk, a", want: item{"pk": str("k"), "a": num("1")}},
		{expr: "a,b", want: item{"a": num("1"), "b": num("2")}},
		{expr: "nothing", want: item{"nothing": null()}},
		{expr: "gone", want: item{}},
		{expr: "a, gone", want: item{"a": num("1")}},
		{expr: "m", want: item{"m": doc(item{"x": num("3"), "y": doc(item{"z": num("4"), "w": num("5")})})}},
		{expr: "m.x", want: item{"m": doc(item{"x": num("3")})}},
		{expr: "m.y.z", want: item{"m": doc(item{"y": doc(item{"z": num("4")})})}},
		{expr: "m.x, m.y.w", want: item{"m": doc(item{"x": num("3"), "y": doc(item{"w": num("5")})})}},
		{expr: "m.gone", want: item{}},
		{expr: "a.x", want: item{}, wrong: wrong{Moto: crashes}},
		{expr: "l[1]", want: item{"l": list(str("l1"))}},
		{expr: "l[0], l[2].q", want: item{"l": list(str("l0"), doc(item{"q": num("7")}))}, wrong: wrong{Moto: "it loses elements of lists"}},
		{expr: "l[2].q, l[0]", want: item{"l": list(str("l0"), doc(item{"q": num("7")}))}, wrong: wrong{Moto: "it loses elements of lists"}},
		{expr: "l[3][1]", want: item{"l": list(list(str("l31")))}, wrong: wrong{Moto: "it loses elements of lists"}},
		{expr: "l[9]", want: item{}},
		{expr: "#d", names: names{"#d": "a.b"}, want: item{"a.b": str("dotted")}},
		{expr: "#s, #m.#y", names: names{"#s": "size", "#m": "m", "#y": "x"}, want: item{"size": str("reserved"), "m": doc(item{"x": num("3")})}},
		{expr: "#m.y.#z", names: names{"#m": "m", "#z": "z"}, want: item{"m": doc(item{"y": doc(item{"z": num("4")})})}},

		{expr: "", refused: bad + "The expression can not be empty"},
		{expr: "a b", refused: bad + "Syntax error", wrong: wrong{Moto: rewords}},
		{expr: "a,", refused: bad + "Syntax error", wrong: wrong{Moto: crashes}},
		{expr: "m..x", refused: bad + "Syntax error", wrong: wrong{Moto: accepts}},
		{expr: "l[]", refused: bad + "Syntax error", wrong: wrong{Moto: accepts}},
		{expr: "l[a]", refused: bad + "Syntax error", wrong: wrong{Moto: accepts}},
		{expr: ":a", refused: bad + "Syntax error", wrong: wrong{Moto: accepts}},
		{expr: "size", refused: bad + "Attribute name is a reserved keyword; reserved keyword: size", wrong: wrong{Moto: rewords}},
		{expr: "m.Status", refused: bad + "Attribute name is a reserved keyword; reserved keyword: Status", wrong: wrong{Moto: accepts}},
		{expr: "a, a", refused: bad + overlapMessage},
		{expr: "m, m.x", refused: bad + overlapMessage, wrong: wrong{Moto: accepts}},
		{expr: "l[1], l", refused: bad + overlapMessage, wrong: wrong{Moto: accepts}},
		{expr: "a, #a", names: names{"#a": "a"}, refused: bad + overlapMessage, wrong: wrong{Moto: accepts}},
		{expr: "m.x, m[0]", refused: bad + "Two document paths conflict with each other", wrong: wrong{Moto: accepts}},
		{expr: "#a", refused: bad + "An expression attribute name used in the document path is not defined; attribute name: #a", wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check(c.expr, c.wrong, func(p *probe) {
			out, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{
				TableName: &table, Key: key, ProjectionExpression: &c.expr, ExpressionAttributeNames: c.names,
			})
			if c.refused != "" {
				p.expect(err, invalid(c.refused))
				return
			}
			p.must(err)
			p.equal("item", out.Item, c.want)
		})
	}
}

// reservedWords need a placeholder in every expression, in whatever case they are written.
func reservedWords(p *probe) {
	table := p.table(pk)
	for _, word := range []string{
		"name", "Name", "status", "STATUS", "data", "timestamp", "ttl", "count", "owner", "state", "value", "values",
		"date", "hash", "key", "size", "type", "user", "uuid", "zone", "abort", "by", "set", "comment", "connection",
	} {
		p.check(word, nil, func(p *probe) {
			key := item{"pk": str(word)}
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr("SET #w = :v"), ConditionExpression: expr("attribute_not_exists(#w)"),
				ExpressionAttributeNames: names{"#w": word}, ExpressionAttributeValues: item{":v": num("1")},
			})
			p.must(err)
			p.equal("item", p.get(table, key), with(key, item{word: num("1")}))
		})
	}
	reserved := "Attribute name is a reserved keyword; reserved keyword: "
	cases := []struct {
		name, update, condition, word string
		wrong                         wrong
	}{
		{name: "update", update: "SET status = :v", word: "status"},
		{name: "update in capitals", update: "SET STATUS = :v", word: "STATUS"},
		{name: "update nested", update: "SET m.ttl = :v", word: "ttl", wrong: wrong{Moto: rewords}},
		{name: "update operand", update: "SET a = if_not_exists(data, :v)", word: "data"},
		{name: "remove", update: "REMOVE owner", word: "owner"},
		{name: "condition", condition: "attribute_not_exists(uuid)", word: "uuid"},
		{name: "condition comparison", condition: "Status = :v", word: "Status"},
		{name: "condition nested", condition: "m.value = :v", word: "value"},
		{name: "condition other operand", condition: ":v = timestamp", word: "timestamp"},
	}
	for _, c := range cases {
		p.check("refused/"+c.name, c.wrong, func(p *probe) {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: item{"pk": str(c.name)}, UpdateExpression: expr(c.update), ConditionExpression: expr(c.condition),
				ExpressionAttributeValues: used(item{":v": num("1")}, c.update, c.condition),
			})
			p.expect(err, invalid(reserved+c.word))
		})
	}
}

// placeholders have to be defined, used and well formed.
func placeholders(p *probe) {
	table := p.table(pk)
	key := item{"pk": str("k")}
	one := num("1")
	const noName, noValue = "An expression attribute name used in the document path is not defined; attribute name: ",
		"An expression attribute value used in expression is not defined; attribute value: "
	cases := []struct {
		name, update, condition string
		names                   names
		values                  item
		refused                 string
		wrong                   wrong
	}{
		{name: "shared", update: "SET #a = :v", condition: "#a = :v OR attribute_not_exists(#a)", names: names{"#a": "a"}, values: item{":v": one}},
		{name: "two names for one attribute", update: "SET #a = :v", condition: "attribute_not_exists(#b)", names: names{"#a": "free", "#b": "free"}, values: item{":v": one}},
		{name: "digits", update: "SET #0 = :0", names: names{"#0": "a"}, values: item{":0": one}},
		{name: "underscore", update: "SET #a_b = :a_b", names: names{"#a_b": "a"}, values: item{":a_b": one}},
		{name: "odd attribute names", update: "SET #a = :v, #b = :v, #c = :v", names: names{"#a": "1st", "#b": "a-b", "#c": "ü ber"}, values: item{":v": one}},

		{name: "name missing in update", update: "SET #b = :v", values: item{":v": one}, refused: "Invalid UpdateExpression: " + noName + "#b", wrong: wrong{Moto: crashes}},
		{name: "name missing among others", update: "SET #a = :v, #b = :v", names: names{"#a": "a"}, values: item{":v": one}, refused: "Invalid UpdateExpression: " + noName + "#b", wrong: wrong{Moto: crashes}},
		{name: "name missing in condition", condition: "attribute_exists(#b)", refused: "Invalid ConditionExpression: " + noName + "#b", wrong: wrong{Moto: crashes}},
		{name: "value missing in update", update: "SET a = :w", values: item{":v": one}, refused: "Invalid UpdateExpression: " + noValue + ":w", wrong: wrong{Moto: rewords}},
		{name: "values missing in update", update: "SET a = :w", refused: "Invalid UpdateExpression: " + noValue + ":w"},
		{name: "value missing in condition", condition: "a = :w", refused: "Invalid ConditionExpression: " + noValue + ":w", wrong: wrong{Moto: crashes}},
		{name: "name unused", update: "SET a = :v", names: names{"#b": "b"}, values: item{":v": one}, refused: "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"},
		{name: "value unused", update: "SET a = :v", values: item{":v": one, ":w": one}, refused: "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		{name: "value unused with a condition", update: "SET a = :v", condition: "attribute_exists(a)", values: item{":v": one, ":w": one}, refused: "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		{name: "names without expression", names: names{"#a": "a"}, refused: "ExpressionAttributeNames can only be specified when using expressions", wrong: wrong{Moto: rewords}},
		{name: "values without expression", values: item{":v": one}, refused: "ExpressionAttributeValues can only be specified when using expressions", wrong: wrong{Moto: rewords}},
		{name: "empty names", update: "SET a = :v", names: names{}, values: item{":v": one}, refused: "ExpressionAttributeNames must not be empty", wrong: wrong{Moto: accepts}},
		{name: "empty values", update: "REMOVE a", values: item{}, refused: "ExpressionAttributeValues must not be empty"},
		{name: "name without #", update: "SET a = :v", names: names{"a": "a"}, values: item{":v": one}, refused: `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`, wrong: wrong{Moto: rewords}},
		{name: "value without :", update: "SET a = :v", values: item{":v": one, "w": one}, refused: `ExpressionAttributeValues contains invalid key: Syntax error; key: "w"`},
		{name: "invalid value", update: "SET a = :v", values: item{":v": strs()}, refused: "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid", wrong: wrong{Moto: accepts}},
		{name: "attribute name needing a placeholder", update: "SET 1st = :v", values: item{":v": one}, refused: "Invalid UpdateExpression: Syntax error"},
		{name: "value as a path", update: "SET :v = :v", values: item{":v": one}, refused: "Invalid UpdateExpression: Syntax error"},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: with(key, item{"pk": str(c.name)}), UpdateExpression: expr(c.update), ConditionExpression: expr(c.condition),
				ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			})
			if c.refused != "" {
				p.expect(err, invalid(c.refused))
				return
			}
			p.expect(err, refusal{})
		})
	}
}

// placeholderOperations holds that every operation that takes placeholders refuses those that nothing uses.
func placeholderOperations(p *probe) {
	table := p.table(pk)
	key := item{"pk": str("k")}
	cases := []struct {
		name  string
		call  func(p *probe, names names, values item) error
		used  item // what the call's expression uses; nil if it takes no values
		wrong wrong
	}{
		{name: "put", used: item{":a": num("1")}, wrong: wrong{Moto + "/value": accepts}, call: func(p *probe, names names, values item) error {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: key, ConditionExpression: expr("#a <> :a"), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			})
			return err
		}},
		{name: "delete", used: item{":a": num("1")}, wrong: wrong{Moto + "/value": accepts}, call: func(p *probe, names names, values item) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{
				TableName: &table, Key: key, ConditionExpression: expr("#a <> :a"), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			})
			return err
		}},
		{name: "get", call: func(p *probe, names names, _ item) error {
			_, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{
				TableName: &table, Key: key, ProjectionExpression: expr("#a"), ExpressionAttributeNames: names,
			})
			return err
		}},
		{name: "query", used: item{":a": str("k")}, wrong: wrong{Moto + "/value": accepts}, call: func(p *probe, names names, values item) error {
			_, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: &table, KeyConditionExpression: expr("pk = :a"), ProjectionExpression: expr("#a"),
				ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			})
			return err
		}},
		{name: "scan", used: item{":a": num("1")}, wrong: wrong{Moto + "/value": accepts}, call: func(p *probe, names names, values item) error {
			_, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{
				TableName: &table, FilterExpression: expr("#a <> :a"), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			})
			return err
		}},
	}
	for _, c := range cases {
		p.check("used/"+c.name, nil, func(p *probe) {
			p.expect(c.call(p, names{"#a": "a"}, c.used), refusal{})
		})
		p.check("unused name/"+c.name, c.wrong.of("name"), func(p *probe) {
			err := c.call(p, names{"#a": "a", "#b": "b"}, c.used)
			p.expect(err, invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"))
		})
		if c.used == nil {
			continue
		}
		p.check("unused value/"+c.name, c.wrong.of("value"), func(p *probe) {
			err := c.call(p, names{"#a": "a"}, with(c.used, item{":b": num("2")}))
			p.expect(err, invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}"))
		})
	}
}
