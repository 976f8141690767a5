package dynamolocal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// Everything is the same after a restart: tables with their settings, items,
// their order, and request tokens.
func TestRestart(t *testing.T) {
	t.Parallel()
	config := dynamolocal.Config{File: filepath.Join(t.TempDir(), "data")}
	before := serve(t, config)
	before.table(t, "items", false)
	before.table(t, "sorted", true)
	before.table(t, "dropped", false)
	before.enableTTL(t, "items", "expiration")
	for i := range 20 {
		if err := before.put(t, "sorted", item{"pk": str(fmt.Sprint(i % 4)), "sk": str(fmt.Sprint(i)), "n": num("1.50"),
			"doc": &types.AttributeValueMemberM{Value: item{"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{
				&types.AttributeValueMemberB{Value: []byte{0, 255}}, &types.AttributeValueMemberNS{Value: []string{"2", "1"}},
			}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := before.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String("sorted"), Key: item{"pk": str("0"), "sk": str("0")},
	}); err != nil {
		t.Fatal(err)
	}
	before.increment(t, "token")
	if _, err := before.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("dropped")}); err != nil {
		t.Fatal(err)
	}
	want := stateOf(t, before)
	if err := before.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}

	after := serve(t, config)
	if diff := cmp.Diff(want, stateOf(t, after), cmpopts.IgnoreUnexported(
		types.TableDescription{}, types.TimeToLiveDescription{}, types.AttributeDefinition{}, types.KeySchemaElement{},
		types.BillingModeSummary{}, types.ProvisionedThroughputDescription{},
		types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberM{}, types.AttributeValueMemberL{},
		types.AttributeValueMemberB{}, types.AttributeValueMemberNS{},
	)); diff != "" {
		t.Errorf("the restart changed (-before +after):\n%s", diff)
	}
	after.increment(t, "token")
	if got := after.count(t); got != "1" {
		t.Errorf("the token was forgotten: the count is %s", got)
	}
	after.table(t, "dropped", true)
}

// state is all that can be seen of an engine.
type state struct {
	Tables []*types.TableDescription
	TTL    []*types.TimeToLiveDescription
	Items  [][]item
}

func stateOf(t *testing.T, s *server) state {
	t.Helper()
	var seen state
	list, err := s.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list.TableNames {
		table, err := s.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		ttl, err := s.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		items, err := s.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		seen.Tables = append(seen.Tables, table.Table)
		seen.TTL = append(seen.TTL, ttl.TimeToLiveDescription)
		seen.Items = append(seen.Items, items.Items)
	}
	return seen
}

// Expired items and tokens are swept from the file too.
func TestSweepFile(t *testing.T) {
	t.Parallel()
	config := dynamolocal.Config{File: filepath.Join(t.TempDir(), "data")}
	before := serve(t, config)
	before.table(t, "items", false)
	before.enableTTL(t, "items", "expiration")
	if err := before.put(t, "items", item{"pk": str("a"), "expiration": num("1700000000")}); err != nil {
		t.Fatal(err)
	}
	if deleted := sweep(t, before); deleted != 1 {
		t.Fatalf("the sweep deleted %d items, want 1", deleted)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if serve(t, config).has(t, "items", item{"pk": str("a")}) {
		t.Error("the item came back")
	}
}

func TestFileInUse(t *testing.T) {
	t.Parallel()
	config := dynamolocal.Config{File: filepath.Join(t.TempDir(), "data")}
	serve(t, config)
	_, err := dynamolocal.New(config)
	if err == nil || !strings.Contains(err.Error(), "is in use by another process") {
		t.Errorf("got %v, want that the file is in use", err)
	}
}

func TestFileIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dynamolocal.New(dynamolocal.Config{File: path}); err == nil {
		t.Error("an engine of a file that is no database")
	}
	if _, err := dynamolocal.New(dynamolocal.Config{File: filepath.Join(path, "nowhere")}); !errors.Is(err, os.ErrNotExist) &&
		!strings.Contains(fmt.Sprint(err), "not a directory") {
		t.Errorf("got %v, want that there is no such directory", err)
	}
}

// What cannot be written is not applied.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{File: filepath.Join(t.TempDir(), "data")})
	s.table(t, "items", false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.put(t, "items", item{"pk": str("a")}); codeOf(err) != "InternalServerError" {
		t.Errorf("got %v, want InternalServerError", err)
	}
	if s.has(t, "items", item{"pk": str("a")}) {
		t.Error("the item is there")
	}
}
