package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const expiry = "expiration"

func (p *probe) setTTL(table, attribute string, enabled bool) error {
	_, err := p.db.UpdateTimeToLive(p.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: &enabled},
	})
	return err
}

// expectTTL expects one of the states, and the attribute while the state has one.
func (p *probe) expectTTL(table, attribute string, states ...types.TimeToLiveStatus) {
	p.Helper()
	out, err := p.db.DescribeTimeToLive(p.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	p.must(err)
	got := out.TimeToLiveDescription
	if got == nil {
		p.Fatalf("no description")
	}
	if aws.ToString(got.AttributeName) != attribute {
		p.Errorf("the attribute is %q, want %q", aws.ToString(got.AttributeName), attribute)
	}
	for _, s := range states {
		if got.TimeToLiveStatus == s {
			return
		}
	}
	p.Errorf("the status is %s, want one of %s", got.TimeToLiveStatus, states)
}

func timeToLive(p *probe) {
	const enabled, enabling, disabled, disabling = types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling,
		types.TimeToLiveStatusDisabled, types.TimeToLiveStatusDisabling
	p.check("disabled at first", nil, func(p *probe) {
		p.expectTTL(p.table(pk), "", disabled)
	})
	p.check("enabled", nil, func(p *probe) {
		table := p.table(pk)
		out, err := p.db.UpdateTimeToLive(p.Context(), &dynamodb.UpdateTimeToLiveInput{
			TableName:               &table,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(expiry), Enabled: aws.Bool(true)},
		})
		p.must(err)
		if s := out.TimeToLiveSpecification; s == nil || aws.ToString(s.AttributeName) != expiry || !aws.ToBool(s.Enabled) {
			p.Errorf("the specification is %+v, want %s enabled", s, expiry)
		}
		p.expectTTL(table, expiry, enabled, enabling)
	})
	p.check("disabled again", nil, func(p *probe) {
		table := p.table(pk)
		p.must(p.setTTL(table, expiry, true))
		err := p.setTTL(table, expiry, false)
		// DynamoDB itself wants an hour between two changes.
		var api smithy.APIError
		if errors.As(err, &api) && strings.Contains(api.ErrorMessage(), "modified multiple times within a fixed interval") {
			return
		}
		p.must(err)
		out, err := p.db.DescribeTimeToLive(p.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &table})
		p.must(err)
		if s := out.TimeToLiveDescription.TimeToLiveStatus; s != disabled && s != disabling {
			p.Errorf("the status is %s, want %s", s, disabled)
		}
	})
	p.check("enabled twice", wrong{Moto: accepts}, func(p *probe) {
		table := p.table(pk)
		p.must(p.setTTL(table, expiry, true))
		p.expect(p.setTTL(table, expiry, true), refusal{code: validation})
		p.expect(p.setTTL(table, "other", true), refusal{code: validation})
		p.expectTTL(table, expiry, enabled, enabling)
	})
	p.check("disabled twice", wrong{Moto: accepts}, func(p *probe) {
		p.expect(p.setTTL(p.table(pk), expiry, false), invalid("TimeToLive is already disabled"))
	})
	p.check("unknown table", wrong{Moto: "it calls the error ResourceNotFound"}, func(p *probe) {
		name := uniqueName()
		p.expect(p.setTTL(name, expiry, true), refusal{code: resourceNotFound})
		_, err := p.db.DescribeTimeToLive(p.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		p.expect(err, refusal{code: resourceNotFound})
	})
	// An item that has expired is an item like any other until it has been swept, which may take days.
	p.check("expired items are there until they are swept", nil, func(p *probe) {
		table := p.table(pk)
		p.must(p.setTTL(table, expiry, true))
		it := item{"pk": str("k"), expiry: num(fmt.Sprint(time.Now().Add(-time.Hour).Unix()))}
		p.put(table, it)
		p.equal("item", p.get(table, item{"pk": str("k")}), it)
		out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("k")}, ConsistentRead: aws.Bool(true),
		})
		p.must(err)
		p.equalAll("items", out.Items, []item{it})
		_, err = p.db.PutItem(p.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: it, ConditionExpression: expr("attribute_not_exists(pk)"),
		})
		p.expect(err, refusal{conditionFailed, conditionMessage})
	})
	p.check("any value can stand in the attribute", nil, func(p *probe) {
		table := p.table(pk)
		p.must(p.setTTL(table, expiry, true))
		for name, value := range map[string]types.AttributeValue{"text": str("tomorrow"), "null": null(), "fraction": num("1.5"), "ancient": num("1")} {
			it := item{"pk": str(name), expiry: value}
			p.put(table, it)
			p.equal("item", p.get(table, item{"pk": str(name)}), it)
		}
	})
}
