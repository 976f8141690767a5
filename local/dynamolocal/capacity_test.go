package dynamolocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// indexed makes a table with a global index that has the attribute proj, and a
// local one that has everything.
func (s *server) indexed(t *testing.T) {
	t.Helper()
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	var attributes []types.AttributeDefinition
	for _, name := range []string{"pk", "sk", "gpk", "lsk"} {
		attributes = append(attributes, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := s.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("indexed"),
		AttributeDefinitions: attributes,
		KeySchema:            []types.KeySchemaElement{key("pk", types.KeyTypeHash), key("sk", types.KeyTypeRange)},
		BillingMode:          types.BillingModePayPerRequest,
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("gsi"), KeySchema: []types.KeySchemaElement{key("gpk", types.KeyTypeHash)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"proj"}},
		}},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{{
			IndexName: aws.String("lsi"), KeySchema: []types.KeySchemaElement{key("pk", types.KeyTypeHash), key("lsk", types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	}); err != nil {
		t.Fatalf("CreateTable: %v", err)
	}
}

// What a write costs each index: nothing if its entry stays as it is, and twice
// if the entry moves.
func TestIndexWriteCapacity(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.indexed(t)
	full := item{"gpk": str("g"), "lsk": str("l"), "proj": str("p"), "extra": str("o")}
	big := str(strings.Repeat("x", 1500))
	cases := []struct {
		name     string
		old      item // nil for no item
		update   string
		value    types.AttributeValue
		total    float64
		gsi, lsi float64
	}{
		{"insert", nil, "SET gpk = :v, lsk = :v", str("x"), 3, 1, 1},
		{"insert into the global index", nil, "SET gpk = :v", str("x"), 2, 1, 0},
		{"insert into none", nil, "SET extra = :v", str("x"), 1, 0, 0},
		{"not projected", full, "SET extra = :v", str("x"), 2, 0, 1},
		{"projected", full, "SET proj = :v", str("x"), 3, 1, 1},
		{"unchanged", full, "SET proj = :v", str("p"), 1, 0, 0},
		{"moved in the global index", full, "SET gpk = :v", str("x"), 4, 2, 1},
		{"moved in the local index", full, "SET lsk = :v", str("x"), 3, 0, 2},
		{"removed from the global index", full, "REMOVE gpk", nil, 3, 1, 1},
		{"grown", full, "SET proj = :v", big, 6, 2, 2},
		{"grown beside the global index", full, "SET extra = :v", big, 4, 0, 2},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := item{"pk": str(fmt.Sprint(i)), "sk": str("a")}
			if c.old != nil {
				old := item{"pk": key["pk"], "sk": key["sk"]}
				for name, value := range c.old {
					old[name] = value
				}
				if err := s.put(t, "indexed", old); err != nil {
					t.Fatal(err)
				}
			}
			in := &dynamodb.UpdateItemInput{
				TableName: aws.String("indexed"), Key: key, UpdateExpression: &c.update,
				ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
			}
			if c.value != nil {
				in.ExpressionAttributeValues = item{":v": c.value}
			}
			out, err := s.UpdateItem(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			want := reported{Total: c.total, Table: c.total - c.gsi - c.lsi, Global: c.gsi, Local: c.lsi}
			if diff := cmp.Diff(want, report(out.ConsumedCapacity)); diff != "" {
				t.Errorf("the capacity differs (-want +got):\n%s", diff)
			}
		})
	}
}

// reported is consumed capacity as it is reported for the table indexed.
type reported struct{ Total, Table, Global, Local float64 }

func report(consumed *types.ConsumedCapacity) reported {
	r := reported{
		Total:  aws.ToFloat64(consumed.CapacityUnits),
		Global: aws.ToFloat64(consumed.GlobalSecondaryIndexes["gsi"].CapacityUnits),
		Local:  aws.ToFloat64(consumed.LocalSecondaryIndexes["lsi"].CapacityUnits),
	}
	if consumed.Table != nil {
		r.Table = aws.ToFloat64(consumed.Table.CapacityUnits)
	}
	return r
}

// A failed condition costs what writing the item that is there would, which only
// an observer sees.
func TestFailedConditionCapacity(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		size int // of the existing item, 0 for none
		want float64
	}{{"no item", 0, 1}, {"a small item", 10, 1}, {"1 KB", 1024, 1}, {"more than 1 KB", 1025, 2}, {"5 KB", 5 * 1024, 5}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			events := make(chan dynamolocal.Event, 8)
			s := serve(t, dynamolocal.Config{Observe: func(event dynamolocal.Event) { events <- event }})
			s.table(t, "items", false)
			<-events
			key := item{"pk": str("a")}
			if c.size > 0 {
				const names = len("pk" + "a" + "pad")
				if err := s.put(t, "items", item{"pk": str("a"), "pad": str(strings.Repeat("x", c.size-names))}); err != nil {
					t.Fatal(err)
				}
				<-events
			}
			if _, err := s.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: aws.String("items"), Key: key, ConditionExpression: aws.String("attribute_exists(nothing)"),
			}); codeOf(err) != "ConditionalCheckFailedException" {
				t.Fatalf("got %v", err)
			}
			want := []dynamolocal.Consumed{{Table: "items", Write: c.want}}
			if diff := cmp.Diff(want, (<-events).Consumed); diff != "" {
				t.Errorf("the capacity differs (-want +got):\n%s", diff)
			}
		})
	}
}
