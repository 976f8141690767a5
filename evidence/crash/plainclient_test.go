package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// plainClient speaks DynamoDB's protocol without the SDK, several times as fast.
// Processes of which nothing is to go wrong use it.
type plainClient struct{ connection connection }

// call makes a request and decodes its reply, or the error in it.
func (c plainClient) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://dynamodb.invalid/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	response, err := c.connection.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return json.NewDecoder(response.Body).Decode(out)
	}
	var refusal struct {
		Type                string `json:"__type"`
		Message             string
		Item                plainItem
		CancellationReasons []struct {
			Code string
			Item plainItem
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&refusal); err != nil {
		return err
	}
	_, name, _ := bytes.Cut([]byte(refusal.Type), []byte("#"))
	switch string(name) {
	case "ConditionalCheckFailedException":
		return &types.ConditionalCheckFailedException{Item: refusal.Item.values()}
	case "TransactionCanceledException":
		cancelled := &types.TransactionCanceledException{}
		for _, reason := range refusal.CancellationReasons {
			cancelled.CancellationReasons = append(cancelled.CancellationReasons, types.CancellationReason{
				Code: aws.String(reason.Code), Item: reason.Item.values(),
			})
		}
		return cancelled
	}
	return fmt.Errorf("%s: %s", refusal.Type, refusal.Message)
}

// plainItem is an item as the protocol has it.
type plainItem map[string]plainValue

type plainValue struct {
	S, N *string      `json:",omitempty"`
	B    []byte       `json:",omitempty"`
	L    []plainValue `json:",omitempty"`
	M    plainItem    `json:",omitempty"`
}

func plain(item map[string]types.AttributeValue) plainItem {
	p := make(plainItem, len(item))
	for name, value := range item {
		p[name] = plainly(value)
	}
	return p
}

func plainly(value types.AttributeValue) plainValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return plainValue{S: &v.Value}
	case *types.AttributeValueMemberN:
		return plainValue{N: &v.Value}
	case *types.AttributeValueMemberB:
		return plainValue{B: v.Value}
	case *types.AttributeValueMemberM:
		return plainValue{M: plain(v.Value)}
	case *types.AttributeValueMemberL:
		var list []plainValue
		for _, element := range v.Value {
			list = append(list, plainly(element))
		}
		return plainValue{L: list}
	}
	panic(fmt.Sprintf("an attribute of the type %T", value))
}

func (p plainItem) values() map[string]types.AttributeValue {
	if p == nil {
		return nil
	}
	item := make(map[string]types.AttributeValue, len(p))
	for name, v := range p {
		item[name] = v.value()
	}
	return item
}

func (v plainValue) value() types.AttributeValue {
	switch {
	case v.S != nil:
		return &types.AttributeValueMemberS{Value: *v.S}
	case v.N != nil:
		return &types.AttributeValueMemberN{Value: *v.N}
	case v.M != nil:
		return &types.AttributeValueMemberM{Value: v.M.values()}
	case v.L != nil:
		list := &types.AttributeValueMemberL{}
		for _, element := range v.L {
			list.Value = append(list.Value, element.value())
		}
		return list
	}
	return &types.AttributeValueMemberB{Value: v.B}
}

// plainWrite is what the writing operations have in common.
type plainWrite struct {
	TableName                           *string
	Item                                plainItem         `json:",omitempty"`
	Key                                 plainItem         `json:",omitempty"`
	ConditionExpression                 *string           `json:",omitempty"`
	ExpressionAttributeNames            map[string]string `json:",omitempty"`
	ExpressionAttributeValues           plainItem         `json:",omitempty"`
	ReturnValuesOnConditionCheckFailure string            `json:",omitempty"`
}

func (c plainClient) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, c.call(ctx, "PutItem", plainWrite{
		in.TableName, plain(in.Item), nil, in.ConditionExpression, in.ExpressionAttributeNames,
		plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
	}, &struct{}{})
}

func (c plainClient) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, c.call(ctx, "DeleteItem", plainWrite{
		in.TableName, nil, plain(in.Key), in.ConditionExpression, in.ExpressionAttributeNames,
		plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
	}, &struct{}{})
}

func (c plainClient) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	var out struct{ Attributes plainItem }
	err := c.call(ctx, "UpdateItem", struct {
		plainWrite
		UpdateExpression *string
		ReturnValues     types.ReturnValue `json:",omitempty"`
	}{
		plainWrite{
			in.TableName, nil, plain(in.Key), in.ConditionExpression, in.ExpressionAttributeNames,
			plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
		}, in.UpdateExpression, in.ReturnValues,
	}, &out)
	return &dynamodb.UpdateItemOutput{Attributes: out.Attributes.values()}, err
}

func (c plainClient) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	var out struct{ Item plainItem }
	err := c.call(ctx, "GetItem", map[string]any{
		"TableName": in.TableName, "Key": plain(in.Key), "ConsistentRead": in.ConsistentRead,
	}, &out)
	return &dynamodb.GetItemOutput{Item: out.Item.values()}, err
}

func (c plainClient) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	var writes []map[string]plainWrite
	for _, item := range in.TransactItems {
		// Healthy processes plan nothing else.
		writes = append(writes, map[string]plainWrite{"Put": {
			item.Put.TableName, plain(item.Put.Item), nil, item.Put.ConditionExpression, item.Put.ExpressionAttributeNames,
			plain(item.Put.ExpressionAttributeValues), string(item.Put.ReturnValuesOnConditionCheckFailure),
		}})
	}
	return &dynamodb.TransactWriteItemsOutput{}, c.call(ctx, "TransactWriteItems", map[string]any{
		"TransactItems": writes,
	}, &struct{}{})
}
