package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const serialization = "SerializationException"

// send sends a body of the case's own as the operation, signed as the SDK signs, and returns the answer's.
func (p *probe) send(operation, body string, headers ...[2]string) (map[string]any, error) {
	p.Helper()
	var answer []byte
	_, err := p.db.ListTables(p.Context(), &dynamodb.ListTablesInput{}, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, renamed("DynamoDB_20120810."+operation), replaced(body, headers), captured(&answer))
	})
	var decoded map[string]any
	if err == nil {
		if err := json.Unmarshal(answer, &decoded); err != nil {
			p.Fatalf("the answer %q is no JSON object: %v", answer, err)
		}
	}
	return decoded, err
}

// replaced gives a request another body and more headers, before it is signed.
func replaced(body string, headers [][2]string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("replaced", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			request, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return next.HandleBuild(ctx, in)
			}
			request, err := request.SetStream(strings.NewReader(body))
			if err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			for _, header := range headers {
				request.Header.Set(header[0], header[1])
			}
			in.Request = request
			return next.HandleBuild(ctx, in)
		}), middleware.Before)
	}
}

// captured keeps the body of the answer.
func captured(answer *[]byte) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("captured", func(
			ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
		) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if response, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
				if *answer, err = io.ReadAll(response.Body); err == nil {
					response.Body = io.NopCloser(bytes.NewReader(*answer))
				}
			}
			return out, metadata, err
		}), middleware.After)
	}
}

// requestBodies are bodies that no SDK sends.
func requestBodies(p *probe) {
	table := p.table(pk)
	put := func(name string) string { return fmt.Sprintf(`{"TableName":%q,"Item":{"pk":{"S":%q}}}`, table, name) }
	refused := []struct {
		name, operation, body string
		want                  refusal
		wrong                 wrong
	}{
		{name: "null", operation: "ListTables", body: `null`, want: refusal{code: serialization}, wrong: wrong{Moto: crashes}},
		{name: "list", operation: "ListTables", body: `[]`, want: refusal{code: serialization}, wrong: wrong{Moto: crashes}},
		{name: "nothing", operation: "PutItem", body: ``, want: refusal{code: serialization}, wrong: wrong{Moto: crashes}},
		{name: "half", operation: "PutItem", body: `{"TableName":`, want: refusal{code: serialization}, wrong: wrong{Moto: crashes}},
		{name: "lower case", operation: "PutItem", body: strings.Replace(put("case"), "TableName", "tableName", 1), want: invalid("Value null at 'tableName'"), wrong: wrong{Moto: crashes}},
		{name: "upper case", operation: "PutItem", body: strings.Replace(put("case"), "Item", "ITEM", 1), want: invalid("Value null at 'item'"), wrong: wrong{Moto: crashes}},
		{name: "lower case of a nested member", operation: "TransactWriteItems", body: `{"TransactItems":[{"put":` + put("case") + `}]}`, want: refusal{code: validation}, wrong: wrong{Moto: accepts}},
		{name: "not UTF-8", operation: "PutItem", body: put("bytes \xff"), want: refusal{code: serialization}, wrong: wrong{Moto: crashes}},
	}
	for _, c := range refused {
		p.check("refused/"+c.name, c.wrong, func(p *probe) {
			_, err := p.send(c.operation, c.body)
			p.expect(err, c.want)
		})
	}
	p.check("gzip", nil, func(p *probe) {
		var compressed bytes.Buffer
		writer := gzip.NewWriter(&compressed)
		_, err := writer.Write([]byte(put("gzip")))
		p.must(err)
		p.must(writer.Close())
		_, err = p.send("PutItem", compressed.String(), [2]string{"Content-Encoding", "gzip"})
		p.must(err)
		p.equal("item", p.get(table, item{"pk": str("gzip")}), item{"pk": str("gzip")})
	})
	p.check("gzip that is none", wrong{Moto: crashes}, func(p *probe) {
		_, err := p.send("ListTables", "{}", [2]string{"Content-Encoding", "gzip"})
		p.expect(err, refusal{code: serialization})
	})
	p.check("empty attribute name", wrong{Moto: "it stores the attribute"}, func(p *probe) {
		_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item{"pk": str("name"), "": num("1")}})
		p.expect(err, refusal{code: validation})
		p.equal("item", p.get(table, item{"pk": str("name")}), nil)
	})
}

// tableARNs stand for the names of tables in every operation.
func tableARNs(p *probe) {
	table := p.table(pk)
	described, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	p.must(err)
	arn := described.Table.TableArn
	key, whole := item{"pk": str("a")}, item{"pk": str("a"), "v": num("1")}
	p.put(table, whole)
	calls := map[string]func(p *probe) error{
		"describe": func(p *probe) error {
			out, err := p.db.DescribeTable(p.Context(), &dynamodb.DescribeTableInput{TableName: arn})
			if err == nil && aws.ToString(out.Table.TableName) != table {
				p.Errorf("it describes %q", aws.ToString(out.Table.TableName))
			}
			return err
		},
		"put": func(p *probe) error {
			_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: arn, Item: item{"pk": str("b")}})
			return err
		},
		"get": func(p *probe) error {
			out, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: arn, Key: key})
			if err == nil {
				p.equal("item", out.Item, whole)
			}
			return err
		},
		"update": func(p *probe) error {
			_, err := p.db.UpdateItem(p.Context(), &dynamodb.UpdateItemInput{TableName: arn, Key: item{"pk": str("c")}})
			return err
		},
		"delete": func(p *probe) error {
			_, err := p.db.DeleteItem(p.Context(), &dynamodb.DeleteItemInput{TableName: arn, Key: item{"pk": str("d")}})
			return err
		},
		"query": func(p *probe) error {
			out, err := p.db.Query(p.Context(), &dynamodb.QueryInput{
				TableName: arn, KeyConditionExpression: expr("pk = :p"), ExpressionAttributeValues: item{":p": str("a")},
			})
			if err == nil {
				p.equalAll("items", out.Items, []item{whole})
			}
			return err
		},
		"scan": func(p *probe) error {
			_, err := p.db.Scan(p.Context(), &dynamodb.ScanInput{TableName: arn})
			return err
		},
		"transaction": func(p *probe) error {
			return p.transact(putting(*arn, item{"pk": str("e")}, ""))
		},
		"transactional read": func(p *probe) error {
			_, err := p.db.TransactGetItems(p.Context(), &dynamodb.TransactGetItemsInput{
				TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: arn, Key: key}}},
			})
			return err
		},
		"batch get": func(p *probe) error {
			_, err := p.db.BatchGetItem(p.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*arn: {Keys: []item{key}}}})
			return err
		},
		"batch write": func(p *probe) error {
			_, err := p.db.BatchWriteItem(p.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				*arn: {{PutRequest: &types.PutRequest{Item: item{"pk": str("f")}}}},
			}})
			return err
		},
	}
	for name, call := range calls {
		p.check(name, known([]string{"update"}, name, crashes), func(p *probe) { p.must(call(p)) })
	}
}
