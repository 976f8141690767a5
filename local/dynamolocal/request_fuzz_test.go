package dynamolocal

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// Whatever a request says, it is answered, and not with an internal error.
func FuzzRequest(f *testing.F) {
	names := slices.Sorted(maps.Keys(operations))
	seeds := map[string][]string{
		"BatchGetItem":   {`{"RequestItems":{"items":{"Keys":[{"p":{"S":"a"},"s":{"N":"1"}},null]}}}`, `{"RequestItems":{"items":null}}`},
		"BatchWriteItem": {`{"RequestItems":{"items":[{"PutRequest":{"Item":{"p":{"S":"a"},"s":{"N":"1"}}}},{"DeleteRequest":{}},{}]}}`},
		"CreateTable": {`{"TableName":"new","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],
			"BillingMode":"PAY_PER_REQUEST","GlobalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[],"Projection":null}],"TableClass":"X"}`},
		"GetItem": {`{"TableName":"items","Key":{"p":{"S":"a"},"s":{"N":"1"}},"ProjectionExpression":"a.b[0], c"}`},
		"PutItem": {`{"TableName":"arn:aws:dynamodb:eu-west-1:1:table/items","Item":{"p":{"S":"a"},"s":{"N":"1"},"g":{"B":"AA=="}},
			"ConditionExpression":"NOT (size(a) > :v OR contains(b, :v))","ExpressionAttributeValues":{":v":{"N":"1"}}}`},
		"Query": {`{"TableName":"items","IndexName":"by-g","KeyConditions":{"g":{"ComparisonOperator":"EQ","AttributeValueList":[{"B":"AA=="}]}},"Limit":1}`,
			`{"TableName":"items","KeyConditionExpression":"p = :p AND s BETWEEN :a AND :b","ScanIndexForward":false,"ExclusiveStartKey":{"p":{"S":"a"},"s":{"N":"1"}},
			"ExpressionAttributeValues":{":p":{"S":"a"},":a":{"N":"0"},":b":{"N":"9"}}}`},
		"Scan":             {`{"TableName":"items","Segment":0,"TotalSegments":3,"FilterExpression":"attribute_exists(g)"}`},
		"TransactGetItems": {`{"TransactItems":[{"Get":{"TableName":"items","Key":{"p":{"S":"a"},"s":{"N":"1"}}}},{}]}`},
		"TransactWriteItems": {`{"TransactItems":[{"Update":{"TableName":"items","Key":{"p":{"S":"a"},"s":{"N":"1"}},"UpdateExpression":"SET a.b = :v REMOVE c[1] ADD d :v",
			"ExpressionAttributeValues":{":v":{"N":"1"}}}},{"Put":null}],"ClientRequestToken":"t"}`},
		"UpdateItem":       {`{"TableName":"items","Key":{"p":{"S":"a"},"s":{"N":"1"}},"UpdateExpression":"DELETE a :v","ExpressionAttributeValues":{":v":{"SS":["x"]}},"ReturnValues":"ALL_NEW"}`},
		"UpdateTable":      {`{"TableName":"items","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"by-g"}}]}`, `{"TableName":"items","GlobalSecondaryIndexUpdates":[{"Create":{}}],"AttributeDefinitions":[]}`},
		"UpdateTimeToLive": {`{"TableName":"items","TimeToLiveSpecification":{"AttributeName":"e","Enabled":true}}`},
	}
	for i, name := range names {
		f.Add(uint8(i), `null`)
		f.Add(uint8(i), `{"TableName":"items"}`)
		for _, body := range seeds[name] {
			f.Add(uint8(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, body string) {
		e, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		post(e, "CreateTable", `{"TableName":"items","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},
			{"AttributeName":"s","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"}],
			"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
			"GlobalSecondaryIndexes":[{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
			"Projection":{"ProjectionType":"KEYS_ONLY"}}],"BillingMode":"PAY_PER_REQUEST"}`)
		post(e, "PutItem", `{"TableName":"items","Item":{"p":{"S":"a"},"s":{"N":"1"},"g":{"B":"AA=="},"a":{"M":{}},"c":{"L":[]}}}`)
		status, answer := post(e, names[int(operation)%len(names)], body)
		if status != http.StatusOK && status != http.StatusBadRequest {
			t.Errorf("%s is answered %d: %s", body, status, answer)
		}
		post(e, "Scan", `{"TableName":"items","IndexName":"by-g"}`)
		post(e, "DescribeTable", `{"TableName":"items"}`)
	})
}
