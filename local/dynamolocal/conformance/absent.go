package conformance

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// absentItems are updates of items that do not exist. An update that only removes something creates nothing.
func absentItems(p *probe) {
	table := p.table(pk)
	cases := []struct {
		update string
		want   item // besides the key; nil for no item
		wrong  wrong
	}{
		{update: "", want: item{}, wrong: wrong{Moto: crashes}},
		{update: "SET v = :one", want: item{"v": num("1")}},
		{update: "ADD v :one", want: item{"v": num("1")}},
		{update: "SET v = :one REMOVE w", want: item{"v": num("1")}},
		{update: "REMOVE v", wrong: wrong{Moto: "it creates an item of the key"}},
		{update: "REMOVE v, w", wrong: wrong{Moto: "it creates an item of the key"}},
		{update: "REMOVE v.w", wrong: wrong{Moto: "it refuses the path"}},
		{update: "REMOVE v[0].w, x", wrong: wrong{Moto: "it refuses the path"}},
		{update: "DELETE v :texts", wrong: wrong{Moto: "it creates an item of the key"}},
		{update: "DELETE v :texts REMOVE w", wrong: wrong{Moto: "it creates an item of the key"}},
	}
	values := item{":one": num("1"), ":texts": strs("x")}
	for _, c := range cases {
		name := c.update
		if name == "" {
			name = "no expression"
		}
		want := func(key item) item {
			if c.want == nil {
				return nil
			}
			return with(key, c.want)
		}
		p.check(name, c.wrong, func(p *probe) {
			key := item{"pk": str(name)}
			out, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr(c.update), ReturnValues: types.ReturnValueAllNew,
				ExpressionAttributeValues: used(values, c.update),
			})
			p.must(err)
			p.equal("attributes returned", out.Attributes, want(key))
			p.equal("item", p.get(table, key), want(key))
		})
		if c.update == "" {
			continue
		}
		p.check("in a transaction/"+name, c.wrong, func(p *probe) {
			key := item{"pk": str("in a transaction: " + name)}
			p.must(p.transact(types.TransactWriteItem{Update: &types.Update{
				TableName: &table, Key: key, UpdateExpression: &c.update, ExpressionAttributeValues: used(values, c.update),
			}}))
			p.equal("item", p.get(table, key), want(key))
		})
	}
	p.check("a condition still has to hold", nil, func(p *probe) {
		_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: item{"pk": str("condition")}, UpdateExpression: expr("REMOVE v"), ConditionExpression: expr("attribute_exists(pk)"),
		})
		p.expect(err, refusal{conditionFailed, conditionMessage})
	})
	p.check("an item that exists", nil, func(p *probe) {
		key := item{"pk": str("exists")}
		p.put(table, with(key, item{"v": num("1")}))
		_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: expr("REMOVE v")})
		p.must(err)
		p.equal("item", p.get(table, key), key)
	})
}
