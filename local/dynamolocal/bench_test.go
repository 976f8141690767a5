package dynamolocal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// BenchmarkLargeTable calls an engine whose table has 200,000 items, a global
// index in which 200 of them share a key, and time to live. It reports the median
// of the calls; there is no network in between.
func BenchmarkLargeTable(b *testing.B) {
	engine, err := dynamolocal.New(dynamolocal.Config{})
	if err != nil {
		b.Fatal(err)
	}
	const items, groups = 200_000, 1000
	call := func(b *testing.B, operation, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: %s", operation, w.Body)
		}
	}
	call(b, "CreateTable", `{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"g","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],
		"GlobalSecondaryIndexes":[{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]}`)
	call(b, "UpdateTimeToLive", `{"TableName":"items","TimeToLiveSpecification":{"AttributeName":"e","Enabled":true}}`)
	expires := time.Now().Add(time.Hour).Unix()
	item := func(i int) string {
		return fmt.Sprintf(`{"p":{"S":"item-%d"},"g":{"S":"group-%d"},"e":{"N":"%d"},"v":{"S":"some value"}}`, i, i%groups, expires)
	}
	for i := range items {
		call(b, "PutItem", `{"TableName":"items","Item":`+item(i)+`}`)
	}
	operations := []struct {
		name string
		run  func(b *testing.B, i int)
	}{
		{"index query", func(b *testing.B, i int) {
			call(b, "Query", fmt.Sprintf(`{"TableName":"items","IndexName":"by-g","KeyConditionExpression":"g = :g",
				"ExpressionAttributeValues":{":g":{"S":"group-%d"}}}`, i%groups))
		}},
		{"describe", func(b *testing.B, _ int) { call(b, "DescribeTable", `{"TableName":"items"}`) }},
		{"put", func(b *testing.B, i int) { call(b, "PutItem", `{"TableName":"items","Item":`+item(i%items)+`}`) }},
		{"get", func(b *testing.B, i int) {
			call(b, "GetItem", fmt.Sprintf(`{"TableName":"items","Key":{"p":{"S":"item-%d"}}}`, i%items))
		}},
		{"transact", func(b *testing.B, i int) {
			call(b, "TransactWriteItems", fmt.Sprintf(`{"TransactItems":[{"Put":{"TableName":"items","Item":%s}},{"Put":{"TableName":"items","Item":%s}}]}`,
				item(i%items), item((i+1)%items)))
		}},
		{"sweep of nothing", func(b *testing.B, _ int) {
			if _, err := engine.Sweep(b.Context()); err != nil {
				b.Fatal(err)
			}
		}},
	}
	for _, operation := range operations {
		b.Run(operation.name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				started := time.Now()
				operation.run(b, i)
				took = append(took, time.Since(started))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
		})
	}
}
