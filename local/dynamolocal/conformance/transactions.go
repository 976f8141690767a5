package conformance

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

const giveOld = types.ReturnValuesOnConditionCheckFailureAllOld

// The actions of a transaction. An empty condition is none; the values are those of placeholderValues that it uses.

func putting(table string, it item, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &table, Item: it, ConditionExpression: expr(condition), ReturnValuesOnConditionCheckFailure: giveOld,
		ExpressionAttributeValues: used(placeholderValues(), condition),
	}}
}

func updating(table string, key item, update, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &table, Key: key, UpdateExpression: &update, ConditionExpression: expr(condition),
		ReturnValuesOnConditionCheckFailure: giveOld, ExpressionAttributeValues: used(placeholderValues(), update, condition),
	}}
}

func deleting(table string, key item, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &table, Key: key, ConditionExpression: expr(condition), ReturnValuesOnConditionCheckFailure: giveOld,
		ExpressionAttributeValues: used(placeholderValues(), condition),
	}}
}

func checking(table string, key item, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &table, Key: key, ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: giveOld,
		ExpressionAttributeValues: used(placeholderValues(), condition),
	}}
}

func placeholderValues() item {
	return item{":one": num("1"), ":two": num("2"), ":text": str("x"), ":large": num(largest), ":big": str(strings.Repeat("x", maxItem))}
}

func (p *probe) transact(actions ...types.TransactWriteItem) error {
	_, err := p.db.TransactWriteItems(p.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: actions})
	return err
}

// transactions write all or nothing.
func transactions(p *probe) {
	p.check("every action over two tables", nil, func(p *probe) {
		one, two := p.table(pk), p.table(pk, sk)
		k := func(s string) item { return item{"pk": str(s), "sk": str("s")} }
		p.put(two, with(k("check"), item{"v": num("1")}), with(k("update"), item{"v": num("1")}), with(k("delete"), item{"v": num("1")}))
		p.must(p.transact(
			putting(one, item{"pk": str("put"), "v": num("1")}, "attribute_not_exists(pk)"),
			checking(two, k("check"), "v = :one"),
			updating(two, k("update"), "SET v = v + :one", "v = :one"),
			updating(two, k("new"), "SET v = :one", "attribute_not_exists(pk)"),
			deleting(two, k("delete"), "v = :one"),
		))
		p.equal("item put", p.get(one, item{"pk": str("put")}), item{"pk": str("put"), "v": num("1")})
		p.equal("item checked", p.get(two, k("check")), with(k("check"), item{"v": num("1")}))
		p.equal("item updated", p.get(two, k("update")), with(k("update"), item{"v": num("2")}))
		p.equal("item made by the update", p.get(two, k("new")), with(k("new"), item{"v": num("1")}))
		p.equal("item deleted", p.get(two, k("delete")), nil)
	})
	p.check("100 actions", nil, func(p *probe) {
		table := p.table(pk)
		actions := make([]types.TransactWriteItem, 100)
		for i := range actions {
			actions[i] = putting(table, item{"pk": str(fmt.Sprint(i))}, "attribute_not_exists(pk)")
		}
		p.must(p.transact(actions...))
		p.equal("last item", p.get(table, item{"pk": str("99")}), item{"pk": str("99")})
	})
	p.check("4 MB", nil, func(p *probe) {
		table := p.table(pk)
		p.must(p.transact(bigPuts(table, 10, 400_000)...))
		if it := p.get(table, item{"pk": str("9")}); it == nil {
			p.Errorf("the last item is not there")
		}
	})
	p.check("more than 4 MB", wrong{Moto: accepts}, func(p *probe) {
		table := p.table(pk)
		if p.transact(bigPuts(table, 11, 400_000)...) == nil {
			p.Errorf("the transaction was accepted")
		}
		p.equal("first item", p.get(table, item{"pk": str("0")}), nil)
	})
	p.check("unknown table", nil, func(p *probe) {
		table := p.table(pk)
		err := p.transact(putting(table, item{"pk": str("a")}, ""), putting(uniqueName(), item{"pk": str("a")}, ""))
		p.expect(err, refusal{resourceNotFound, ""})
		p.equal("item", p.get(table, item{"pk": str("a")}), nil)
	})
}

// bigPuts are puts of n items of some size each.
func bigPuts(table string, n, size int) []types.TransactWriteItem {
	actions := make([]types.TransactWriteItem, n)
	for i := range actions {
		actions[i] = putting(table, item{"pk": str(fmt.Sprint(i)), "v": str(strings.Repeat("x", size))}, "")
	}
	return actions
}

// cancellations give a reason for every action, in order, and the item that an action's condition failed on.
func cancellations(p *probe) {
	old := item{"v": num("1"), "s": str("x"), "l": list()}
	failed := func(it item) reason { return reason{reasonCondition, conditionMessage, it} }
	failing := func(message string) reason { return reason{reasonValidation, message, nil} }
	cases := []struct {
		name    string
		actions func(table string, key func(string) item) []types.TransactWriteItem
		want    []reason // the item "old" stands for the old item of its position
		wrong   wrong
	}{
		{name: "put", want: []reason{failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(t, k("0"), "attribute_not_exists(pk)")}
		}},
		{name: "update", want: []reason{failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{updating(t, k("0"), "SET v = :two", "v = :two")}
		}},
		{name: "delete", want: []reason{failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{deleting(t, k("0"), "v = :two")}
		}},
		{name: "check", want: []reason{failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{checking(t, k("0"), "v = :two")}
		}},
		{name: "no old item", want: []reason{failed(nil)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{updating(t, k("none"), "SET v = :two", "attribute_exists(pk)")}
		}},
		{name: "last of three", want: []reason{{}, {}, failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(t, k("0"), ""), deleting(t, k("1"), "v = :one"), checking(t, k("2"), "v = :two")}
		}},
		{name: "first of three", want: []reason{failed(old), {}, {}}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{checking(t, k("0"), "v = :two"), putting(t, k("none"), ""), deleting(t, k("2"), "")}
		}},
		{name: "several", want: []reason{failed(old), {}, failed(nil), failed(old)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{
				putting(t, k("0"), "attribute_not_exists(pk)"), updating(t, k("1"), "SET v = :two", "v = :one"),
				checking(t, k("none"), "attribute_exists(pk)"), deleting(t, k("3"), "v = :two"),
			}
		}},
		{name: "no item asked for", want: []reason{failed(nil), {}}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			check := checking(t, k("0"), "v = :two")
			check.ConditionCheck.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureNone
			return []types.TransactWriteItem{check, putting(t, k("1"), "")}
		}},
		{name: "operand", wrong: wrong{Moto: "it refuses the request instead of cancelling the transaction"}, want: []reason{{}, failing(operandMessage)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(t, k("0"), ""), updating(t, k("1"), "SET s = s + :one", "")}
		}},
		{name: "missing attribute", wrong: wrong{Moto: "it refuses the request instead of cancelling the transaction"}, want: []reason{failing(noAttribute), {}}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{updating(t, k("0"), "SET v = gone", ""), putting(t, k("1"), "")}
		}},
		{name: "path", wrong: wrong{Moto: "it refuses the request instead of cancelling the transaction"}, want: []reason{failing(badPath)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{updating(t, k("0"), "SET gone.a = :one", "")}
		}},
		{name: "overflow", wrong: wrong{Moto: "it does not check the range of a result"}, want: []reason{failing("Number overflow")}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{updating(t, k("0"), "SET v = :large + :large", "")}
		}},
		{name: "size", wrong: wrong{Moto: "it refuses the request instead of cancelling the transaction"}, want: []reason{{}, failing("Item size to update has exceeded the maximum allowed size")}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{putting(t, k("0"), ""), updating(t, k("1"), "SET a = :big", "")}
		}},
		{name: "a condition and an operand", wrong: wrong{Moto: "it refuses the request instead of cancelling the transaction"}, want: []reason{failed(old), failing(operandMessage)}, actions: func(t string, k func(string) item) []types.TransactWriteItem {
			return []types.TransactWriteItem{checking(t, k("0"), "v = :two"), updating(t, k("1"), "ADD s :one", "")}
		}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			table := p.table(pk)
			key := func(s string) item { return item{"pk": str(s)} }
			for i := range 4 {
				p.put(table, with(key(fmt.Sprint(i)), old))
			}
			want := make([]reason, len(c.want))
			for i, r := range c.want {
				if r.item != nil {
					r.item = with(old, key(fmt.Sprint(i)))
				}
				want[i] = r
			}
			p.cancelled(p.transact(c.actions(table, key)...), want...)
			for i := range 4 {
				p.equal("item after the cancellation", p.get(table, key(fmt.Sprint(i))), with(old, key(fmt.Sprint(i))))
			}
			p.equal("item that was not there", p.get(table, key("none")), nil)
		})
	}
}

// refusedTransactions are not even tried.
func refusedTransactions(p *probe) {
	table := p.table(pk)
	a, b := item{"pk": str("a")}, item{"pk": str("b")}
	const twice = "Transaction request cannot include multiple operations on one item"
	many := make([]types.TransactWriteItem, 101)
	for i := range many {
		many[i] = putting(table, item{"pk": str(fmt.Sprint(i))}, "")
	}
	both := putting(table, a, "")
	both.Delete = deleting(table, b, "").Delete
	unused := checking(table, b, "attribute_exists(pk)")
	unused.ConditionCheck.ExpressionAttributeNames = names{"#b": "b"}
	nameless := deleting(table, b, "attribute_exists(#b)")
	cases := []struct {
		name    string
		actions []types.TransactWriteItem
		message string
		wrong   wrong
	}{
		{name: "none", actions: []types.TransactWriteItem{}, message: "Member must have length greater than or equal to 1", wrong: wrong{Moto: accepts}},
		{name: "101", actions: many, message: "Member must have length less than or equal to 100"},
		{name: "an empty action", actions: []types.TransactWriteItem{putting(table, a, ""), {}}, wrong: wrong{Moto: crashes}},
		{name: "two actions in one", actions: []types.TransactWriteItem{both}},
		{name: "an item put twice", actions: []types.TransactWriteItem{putting(table, a, ""), putting(table, a, "")}, message: twice},
		{name: "an item checked and put", actions: []types.TransactWriteItem{checking(table, a, "attribute_not_exists(pk)"), putting(table, a, "")}, message: twice},
		{name: "an item updated and deleted", actions: []types.TransactWriteItem{updating(table, a, "SET v = :one", ""), putting(table, b, ""), deleting(table, a, "")}, message: twice},
		{name: "condition", actions: []types.TransactWriteItem{putting(table, a, ""), checking(table, b, "v =")}, message: "Invalid ConditionExpression: Syntax error", wrong: wrong{Moto: crashes}},
		{name: "unused name", actions: []types.TransactWriteItem{putting(table, a, ""), unused}, message: "unused in expressions: keys: {#b}"},
		{name: "missing name", actions: []types.TransactWriteItem{putting(table, a, ""), nameless}, message: "is not defined; attribute name: #b", wrong: wrong{Moto: crashes}},
		{name: "update", actions: []types.TransactWriteItem{putting(table, a, ""), updating(table, b, "SET v = :one, v = :two", "")}, message: overlapMessage},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			p.expect(p.transact(c.actions...), invalid(c.message))
			p.equal("item", p.get(table, a), nil)
		})
	}
	p.check("a numeric key written two ways", wrong{Moto: accepts}, func(p *probe) {
		table := p.table(pkNum)
		p.expect(p.transact(putting(table, item{"pk": num("1")}, ""), putting(table, item{"pk": num("1.0")}, "")), invalid(twice))
	})
	// Whether what does not fit the table's keys refuses the request or cancels the transaction is not documented.
	keys := []struct {
		name   string
		action types.TransactWriteItem
		wrong  wrong
	}{
		{name: "key type", action: putting(table, item{"pk": num("1")}, "")},
		{name: "key missing", action: putting(table, item{"v": num("1")}, "")},
		{name: "key empty", action: putting(table, item{"pk": str("")}, "")},
		{name: "key size", action: putting(table, item{"pk": str(strings.Repeat("x", maxPartitionKey+1))}, "")},
		{name: "key attribute updated", action: updating(table, b, "SET pk = :text", "")},
		{name: "key type of a check", action: checking(table, item{"pk": num("1")}, "attribute_not_exists(pk)"), wrong: wrong{Moto: accepts}},
	}
	for _, c := range keys {
		p.check(c.name, c.wrong, func(p *probe) {
			err := p.transact(putting(table, item{"pk": str(c.name)}, ""), c.action)
			if code := errorCode(err); code != validation && code != canceled {
				p.Errorf("got %v, want %s or %s", err, validation, canceled)
			}
			p.equal("item of the other action", p.get(table, item{"pk": str(c.name)}), nil)
		})
	}
}

// unsuited are several actions that do not suit their table: only the first is named.
func unsuited(p *probe) {
	table := p.table(pk)
	p.check("puts", wrong{Moto: "it refuses the request"}, func(p *probe) {
		p.cancelled(p.transact(
			putting(table, item{"pk": str("a")}, ""), putting(table, item{"pk": num("1")}, ""), putting(table, item{"pk": num("2")}, ""),
		), reason{}, reason{code: reasonValidation, message: "Type mismatch for key pk"}, reason{})
		p.equal("item", p.get(table, item{"pk": str("a")}), nil)
	})
	p.check("keys", wrong{Moto: "it refuses the request"}, func(p *probe) {
		p.cancelled(p.transact(
			deleting(table, item{"pk": num("1")}, ""), deleting(table, item{"pk": num("2")}, ""),
		), reason{code: reasonValidation, message: keySchemaMismatch}, reason{})
	})
}

// tokens make a transaction idempotent.
func tokens(p *probe) {
	type transaction = dynamodb.TransactWriteItemsInput
	send := func(p *probe, token string, actions ...types.TransactWriteItem) error {
		_, err := p.db.TransactWriteItems(p.Context(), &transaction{ClientRequestToken: &token, TransactItems: actions})
		return err
	}
	a := item{"pk": str("a")}
	p.check("replay changes nothing", wrong{Moto: "it ignores the token"}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		for range 3 {
			p.must(send(p, token, updating(table, a, "ADD v :one", "")))
		}
		p.equal("item", p.get(table, a), with(a, item{"v": num("1")}))
	})
	p.check("replay does not meet its own condition", wrong{Moto: "it ignores the token"}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		for range 2 {
			p.must(send(p, token, putting(table, a, "attribute_not_exists(pk)")))
		}
	})
	p.check("replay after the item has gone", wrong{Moto: "it ignores the token"}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		p.must(send(p, token, putting(table, a, "")))
		_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: a})
		p.must(err)
		p.must(send(p, token, putting(table, a, "")))
		p.equal("item", p.get(table, a), nil)
	})
	p.check("another token is another transaction", nil, func(p *probe) {
		table := p.table(pk)
		for range 2 {
			p.must(send(p, uuid.NewString(), updating(table, a, "ADD v :one", "")))
		}
		p.equal("item", p.get(table, a), with(a, item{"v": num("2")}))
	})
	p.check("other actions", wrong{Moto: accepts}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		p.must(send(p, token, putting(table, a, "")))
		p.expect(send(p, token, putting(table, with(a, item{"v": num("1")}), "")), refusal{tokenMismatch, ""})
		p.equal("item", p.get(table, a), a)
	})
	p.check("other condition", wrong{Moto: accepts}, func(p *probe) {
		table, token := p.table(pk), uuid.NewString()
		p.must(send(p, token, putting(table, a, "attribute_not_exists(pk)")))
		p.expect(send(p, token, putting(table, a, "attribute_not_exists(v)")), refusal{tokenMismatch, ""})
	})
	p.check("too long", wrong{Moto: accepts}, func(p *probe) {
		table := p.table(pk)
		p.must(send(p, uuid.NewString(), putting(table, a, ""))) // 36 characters
		p.expect(send(p, strings.Repeat("x", 37), putting(table, a, "")), invalid("Member must have length less than or equal to 36"))
	})
}

// transactionalReads are TransactGetItems.
func transactionalReads(p *probe) {
	table := p.table(pk)
	k := func(s string) item { return item{"pk": str(s)} }
	p.put(table, with(k("a"), item{"v": num("1"), "w": num("2")}), k("b"))
	read := func(key item) types.TransactGetItem {
		return types.TransactGetItem{Get: &types.Get{TableName: &table, Key: key}}
	}
	part := read(k("a"))
	part.Get.ProjectionExpression, part.Get.ExpressionAttributeNames = aws.String("#v"), names{"#v": "v"}
	elsewhere := read(k("a"))
	elsewhere.Get.TableName = aws.String(uniqueName())
	nothing := read(k("a"))
	nothing.Get.ProjectionExpression = aws.String("absent")
	malformed := read(k("b"))
	malformed.Get.ProjectionExpression = aws.String("a,")
	keys := func(n int) []types.TransactGetItem {
		gets := make([]types.TransactGetItem, n)
		for i := range gets {
			gets[i] = read(k(fmt.Sprint(i)))
		}
		return gets
	}
	cases := []struct {
		name  string
		gets  []types.TransactGetItem
		want  []item
		code  refusal
		wrong wrong
	}{
		{name: "in order", gets: []types.TransactGetItem{read(k("b")), read(k("none")), read(k("a"))}, want: []item{k("b"), nil, with(k("a"), item{"v": num("1"), "w": num("2")})}},
		{name: "projection", gets: []types.TransactGetItem{part}, want: []item{{"v": num("1")}}, wrong: wrong{Moto: "it ignores the projection"}},
		{name: "projection of nothing", gets: []types.TransactGetItem{nothing}, want: []item{nil}, wrong: wrong{Moto: "it ignores the projection"}},
		{name: "100", gets: keys(100), want: make([]item, 100), wrong: wrong{Moto: "its limit is 25"}},
		{name: "101", gets: keys(101), code: invalid("Member must have length less than or equal to 100"), wrong: wrong{Moto: rewords}},
		{name: "none", gets: []types.TransactGetItem{}, code: invalid("Member must have length greater than or equal to 1"), wrong: wrong{Moto: accepts}},
		{name: "an item twice", gets: []types.TransactGetItem{read(k("a")), read(k("a"))}, code: invalid("Transaction request cannot include multiple operations on one item"), wrong: wrong{Moto: accepts}},
		{name: "unknown table", gets: []types.TransactGetItem{read(k("a")), elsewhere}, code: refusal{resourceNotFound, ""}},
		{name: "malformed projection", gets: []types.TransactGetItem{read(k("a")), malformed}, code: invalid("Invalid ProjectionExpression: Syntax error"), wrong: wrong{Moto: accepts}},
	}
	for _, c := range cases {
		p.check(c.name, c.wrong, func(p *probe) {
			out, err := p.db.TransactGetItems(p.Context(), &dynamodb.TransactGetItemsInput{TransactItems: c.gets})
			if !p.expect(err, c.code) || err != nil {
				return
			}
			got := make([]item, len(out.Responses))
			for i, r := range out.Responses {
				got[i] = r.Item
			}
			p.equalAll("items", got, c.want)
		})
	}
}
