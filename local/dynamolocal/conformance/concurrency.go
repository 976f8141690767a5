package conformance

import (
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const contenders = 64

// race calls contend 64 times at once and returns the errors, by contender.
func race(contend func(i int) error) []error {
	errs := make([]error, contenders)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range contenders {
		wg.Go(func() {
			<-start
			errs[i] = contend(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// winner expects one contender to have won and the others to have lost as allowed, and returns the one.
func (p *probe) winner(errs []error, lost func(err error) bool) int {
	p.Helper()
	winner, winners := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner = i
			winners++
		case !lost(err):
			p.Errorf("contender %d: %v", i, err)
		}
	}
	if winners != 1 {
		p.Fatalf("%d of %d contenders won, want exactly one", winners, contenders)
	}
	return winner
}

func concurrency(p *probe) {
	key := item{"pk": str("k")}
	who := func(i int) types.AttributeValue { return num(fmt.Sprint(i)) }
	lostCondition := func(err error) bool { return errorCode(err) == conditionFailed }

	p.check("conditional put", nil, func(p *probe) {
		table := p.table(pk)
		errs := race(func(i int) error {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
				TableName: &table, Item: with(key, item{"who": who(i)}), ConditionExpression: expr("attribute_not_exists(pk)"),
				ReturnValuesOnConditionCheckFailure: giveOld,
			})
			return err
		})
		want := with(key, item{"who": who(p.winner(errs, lostCondition))})
		p.equal("item", p.get(table, key), want)
		for _, err := range errs {
			if err != nil {
				p.equal("item given to a loser", p.oldItem(err), want)
			}
		}
	})
	p.check("optimistic update", nil, func(p *probe) {
		table := p.table(pk)
		p.put(table, with(key, item{"version": num("1")}))
		errs := race(func(i int) error {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr("SET version = version + :one, who = :who"), ConditionExpression: expr("version = :one"),
				ExpressionAttributeValues: item{":one": num("1"), ":who": who(i)},
			})
			return err
		})
		p.equal("item", p.get(table, key), with(key, item{"version": num("2"), "who": who(p.winner(errs, lostCondition))}))
	})
	p.check("conditional delete", nil, func(p *probe) {
		table := p.table(pk)
		p.put(table, key)
		p.winner(race(func(int) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{
				TableName: &table, Key: key, ConditionExpression: expr("attribute_exists(pk)"),
			})
			return err
		}), lostCondition)
		p.equal("item", p.get(table, key), nil)
	})
	p.check("counter", nil, func(p *probe) {
		table := p.table(pk)
		var mu sync.Mutex
		seen := map[string]bool{}
		for i, err := range race(func(int) error {
			out, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key, UpdateExpression: expr("ADD n :one"), ExpressionAttributeValues: item{":one": num("1")},
				ReturnValues: types.ReturnValueUpdatedNew,
			})
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				seen[showValue(out.Attributes["n"])] = true
			}
			return err
		}) {
			if err != nil {
				p.Errorf("contender %d: %v", i, err)
			}
		}
		p.equal("item", p.get(table, key), with(key, item{"n": num(fmt.Sprint(contenders))}))
		if len(seen) != contenders {
			p.Errorf("%d different values were returned, want %d", len(seen), contenders)
		}
	})
	p.check("transactions", nil, func(p *probe) {
		table := p.table(pk)
		other := item{"pk": str("other")}
		errs := race(func(i int) error {
			return p.transact(
				putting(table, with(key, item{"who": who(i)}), "attribute_not_exists(pk)"),
				putting(table, with(other, item{"who": who(i)}), "attribute_not_exists(pk)"),
			)
		})
		// A contender may find an item held by another's transaction instead of the item of the winner.
		won := who(p.winner(errs, func(err error) bool { return errorCode(err) == canceled }))
		p.equal("item", p.get(table, key), with(key, item{"who": won}))
		p.equal("other item", p.get(table, other), with(other, item{"who": won}))
	})
	p.check("a transaction is seen whole", nil, func(p *probe) {
		table := p.table(pk)
		other := item{"pk": str("other")}
		read := func(key item) types.TransactGetItem {
			return types.TransactGetItem{Get: &types.Get{TableName: &table, Key: key}}
		}
		add := func() error {
			return p.transact(updating(table, key, "ADD v :one", ""), updating(table, other, "ADD v :one", ""))
		}
		p.must(add())
		for i, err := range race(func(i int) error {
			for range 5 {
				if i%2 == 0 {
					if err := add(); err != nil && errorCode(err) != canceled {
						return err
					}
					continue
				}
				out, err := p.db.TransactGetItems(p.Context(), &dynamodb.TransactGetItemsInput{
					TransactItems: []types.TransactGetItem{read(key), read(other)},
				})
				if errorCode(err) == canceled { // for a conflict with a transaction that writes
					continue
				}
				if err != nil {
					return err
				}
				if a, b := out.Responses[0].Item["v"], out.Responses[1].Item["v"]; showValue(a) != showValue(b) {
					return fmt.Errorf("read %s and %s, which no transaction left", showValue(a), showValue(b))
				}
			}
			return nil
		}) {
			if err != nil {
				p.Errorf("contender %d: %v", i, err)
			}
		}
		p.equal("items", item{"v": p.get(table, key)["v"]}, item{"v": p.get(table, other)["v"]})
	})
}
