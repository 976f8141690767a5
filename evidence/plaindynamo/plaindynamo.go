// Package plaindynamo speaks DynamoDB's protocol without the SDK, several times as
// fast. The runs that evidence is made of prepare and look at an embedded DynamoDB by
// it, and processes of which nothing is to go wrong use it.
package plaindynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// Client is a connection to DynamoDB. It implements [dynamostore.AtomicClient].
type Client func(*http.Request) (*http.Response, error)

var _ dynamostore.AtomicClient = Client(nil)

// Of returns a client of an embedded DynamoDB.
func Of(engine http.Handler) Client {
	return func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, r)
		return recorder.Result(), nil
	}
}

// CreateTable makes a table whose key is the string "id".
func (c Client) CreateTable(ctx context.Context, name string) error {
	return c.Call(ctx, "CreateTable", map[string]any{
		"TableName": name, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
		"KeySchema":            []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
	}, &struct{}{})
}

// Get returns the item with that id, nil if there is none.
func (c Client) Get(ctx context.Context, table, id string) (map[string]types.AttributeValue, error) {
	out, err := c.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Scan returns the items of a table that fit into one page.
func (c Client) Scan(ctx context.Context, table string) (items []map[string]types.AttributeValue, err error) {
	var out struct{ Items []fields }
	err = c.Call(ctx, "Scan", map[string]any{"TableName": table, "ConsistentRead": true}, &out)
	for _, i := range out.Items {
		items = append(items, i.values())
	}
	return items, err
}

// Call makes a request and decodes its reply, or the error in it.
func (c Client) Call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://dynamodb.invalid/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	response, err := c(r)
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
		Item                fields
		CancellationReasons []struct {
			Code string
			Item fields
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

// fields is an item as the protocol has it.
type fields map[string]attribute

type attribute struct {
	S, N *string     `json:",omitempty"`
	B    []byte      `json:",omitempty"`
	L    []attribute `json:",omitempty"`
	M    fields      `json:",omitempty"`
}

func plain(item map[string]types.AttributeValue) fields {
	p := make(fields, len(item))
	for name, value := range item {
		p[name] = encode(value)
	}
	return p
}

func encode(value types.AttributeValue) attribute {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return attribute{S: &v.Value}
	case *types.AttributeValueMemberN:
		return attribute{N: &v.Value}
	case *types.AttributeValueMemberB:
		return attribute{B: v.Value}
	case *types.AttributeValueMemberM:
		return attribute{M: plain(v.Value)}
	case *types.AttributeValueMemberL:
		var list []attribute
		for _, element := range v.Value {
			list = append(list, encode(element))
		}
		return attribute{L: list}
	}
	panic(fmt.Sprintf("an attribute of the type %T", value))
}

func (p fields) values() map[string]types.AttributeValue {
	if p == nil {
		return nil
	}
	item := make(map[string]types.AttributeValue, len(p))
	for name, v := range p {
		item[name] = v.value()
	}
	return item
}

func (v attribute) value() types.AttributeValue {
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

// write is what the writing operations have in common.
type write struct {
	TableName                           *string
	Item                                fields            `json:",omitempty"`
	Key                                 fields            `json:",omitempty"`
	ConditionExpression                 *string           `json:",omitempty"`
	ExpressionAttributeNames            map[string]string `json:",omitempty"`
	ExpressionAttributeValues           fields            `json:",omitempty"`
	ReturnValuesOnConditionCheckFailure string            `json:",omitempty"`
}

func (c Client) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, c.Call(ctx, "PutItem", write{
		in.TableName, plain(in.Item), nil, in.ConditionExpression, in.ExpressionAttributeNames,
		plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
	}, &struct{}{})
}

func (c Client) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, c.Call(ctx, "DeleteItem", write{
		in.TableName, nil, plain(in.Key), in.ConditionExpression, in.ExpressionAttributeNames,
		plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
	}, &struct{}{})
}

func (c Client) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	var out struct{ Attributes fields }
	err := c.Call(ctx, "UpdateItem", struct {
		write
		UpdateExpression *string
		ReturnValues     types.ReturnValue `json:",omitempty"`
	}{
		write{
			in.TableName, nil, plain(in.Key), in.ConditionExpression, in.ExpressionAttributeNames,
			plain(in.ExpressionAttributeValues), string(in.ReturnValuesOnConditionCheckFailure),
		}, in.UpdateExpression, in.ReturnValues,
	}, &out)
	return &dynamodb.UpdateItemOutput{Attributes: out.Attributes.values()}, err
}

func (c Client) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	var out struct{ Item fields }
	err := c.Call(ctx, "GetItem", map[string]any{
		"TableName": in.TableName, "Key": plain(in.Key), "ConsistentRead": in.ConsistentRead,
	}, &out)
	return &dynamodb.GetItemOutput{Item: out.Item.values()}, err
}

func (c Client) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	var writes []map[string]write
	for _, item := range in.TransactItems {
		// Healthy processes plan nothing else.
		writes = append(writes, map[string]write{"Put": {
			item.Put.TableName, plain(item.Put.Item), nil, item.Put.ConditionExpression, item.Put.ExpressionAttributeNames,
			plain(item.Put.ExpressionAttributeValues), string(item.Put.ReturnValuesOnConditionCheckFailure),
		}})
	}
	return &dynamodb.TransactWriteItemsOutput{}, c.Call(ctx, "TransactWriteItems", map[string]any{
		"TransactItems": writes,
	}, &struct{}{})
}
