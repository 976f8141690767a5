package dynamolocal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// fill puts items with the sort keys 0 to 11 in the table indexed: all in the
// local index, with local sort keys that repeat, and two of three in the global
// one.
func (s *server) fill(t *testing.T) {
	t.Helper()
	for i := range 12 {
		it := item{"pk": str(fmt.Sprint("p", i%2)), "sk": str(fmt.Sprintf("%02d", i)), "lsk": str(fmt.Sprint(i / 4)), "proj": str("p"), "extra": str("e")}
		if i%3 > 0 {
			it["gpk"] = str("g")
		}
		if err := s.put(t, "indexed", it); err != nil {
			t.Fatal(err)
		}
	}
}

// Pages of one item make up the same list as a single page, in both directions,
// even where the keys of an index repeat.
func TestIndexPages(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.indexed(t)
	s.fill(t)
	query := func(index, condition, value string, forward bool) *dynamodb.QueryInput {
		return &dynamodb.QueryInput{
			TableName: aws.String("indexed"), IndexName: &index, ScanIndexForward: &forward,
			KeyConditionExpression: &condition, ExpressionAttributeValues: item{":v": str(value)},
		}
	}
	cases := map[string]struct {
		in   *dynamodb.QueryInput
		want string // the sort keys, where their order is certain
	}{
		"local forward":   {query("lsi", "pk = :v", "p0", true), "00 02 04 06 08 10"},
		"local backward":  {query("lsi", "pk = :v", "p0", false), "10 08 06 04 02 00"},
		"global forward":  {query("gsi", "gpk = :v", "g", true), ""},
		"global backward": {query("gsi", "gpk = :v", "g", false), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := s.Query(t.Context(), c.in)
			if err != nil {
				t.Fatal(err)
			}
			want := sortKeys(whole.Items)
			if c.want != "" && want != c.want {
				t.Errorf("got %s, want %s", want, c.want)
			}
			if len(whole.Items) < 6 {
				t.Errorf("there are only %s", want)
			}
			paged := *c.in
			paged.Limit = aws.Int32(1)
			var items []item
			for pages := dynamodb.NewQueryPaginator(s, &paged); pages.HasMorePages(); {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, page.Items...)
			}
			if got := sortKeys(items); got != want {
				t.Errorf("the pages have %s, want %s", got, want)
			}
		})
	}
}

// Segments and pages of a scan have each item of the index once.
func TestIndexScan(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.indexed(t)
	s.fill(t)
	for name, want := range map[string]string{
		"gsi": "01 02 04 05 07 08 10 11",
		"lsi": "00 01 02 03 04 05 06 07 08 09 10 11",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const segments = 3
			var items []item
			for segment := range int32(segments) {
				for pages := dynamodb.NewScanPaginator(s, &dynamodb.ScanInput{
					TableName: aws.String("indexed"), IndexName: &name, Limit: aws.Int32(2),
					Segment: &segment, TotalSegments: aws.Int32(segments),
				}); pages.HasMorePages(); {
					page, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					items = append(items, page.Items...)
				}
			}
			got := strings.Fields(sortKeys(items))
			slices.Sort(got)
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("the items differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIndexProjection(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.indexed(t)
	s.fill(t)
	cases := []struct {
		name, index, projection string
		sel                     types.Select
		want                    string // the names of the attributes
		code, message           string
	}{
		{name: "global", index: "gsi", want: "gpk pk proj sk"},
		{name: "all projected", index: "gsi", sel: types.SelectAllProjectedAttributes, want: "gpk pk proj sk"},
		{name: "a projected attribute", index: "gsi", projection: "proj", want: "proj"},
		{name: "local", index: "lsi", want: "extra lsk pk proj sk"},
		{
			name: "all of the global", index: "gsi", sel: types.SelectAllAttributes, code: "ValidationException",
			message: "Select type ALL_ATTRIBUTES is not supported for global secondary index gsi because its projection type is not ALL",
		},
		{
			name: "an attribute that is not projected", index: "gsi", projection: "proj, extra", code: "ValidationException",
			message: "Global secondary index gsi does not project [extra]",
		},
		{name: "no index", index: "nothing", code: "ValidationException", message: "The table does not have the specified index: nothing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := &dynamodb.ScanInput{TableName: aws.String("indexed"), IndexName: &c.index, Select: c.sel}
			if c.projection != "" {
				in.ProjectionExpression = &c.projection
			}
			out, err := s.Scan(t.Context(), in)
			if codeOf(err) != c.code || c.code != "" && !strings.Contains(err.Error(), c.message) {
				t.Fatalf("got %v, want %s %s", err, c.code, c.message)
			}
			if c.code != "" {
				return
			}
			// The second item, for the first may be in one index only.
			var names []string
			for name := range out.Items[1] {
				if name != "gpk" || c.index == "gsi" {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("the attributes are %s, want %s", got, c.want)
			}
		})
	}
}

func sortKeys(items []item) string {
	keys := make([]string, len(items))
	for i, it := range items {
		if key, ok := it["sk"].(*types.AttributeValueMemberS); ok {
			keys[i] = key.Value
		}
	}
	return strings.Join(keys, " ")
}
