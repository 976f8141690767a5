package contract_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// middlewareProblems are the types of all problems with which the idempotency
// middleware refuses requests, and apiProblems the types of the API's own.
var (
	middlewareProblems = []string{
		idemhttp.TypeKeyMissing, idemhttp.TypeKeyMalformed, idemhttp.TypePayloadMalformed, idemhttp.TypePayloadTooLarge,
		idemhttp.TypePayloadMismatch, idemhttp.TypeInProgress, idemhttp.TypeOutcomeUnknown, idemhttp.TypeResponseNotKept,
		idemhttp.TypeNotReconciled, idemhttp.TypeStoreUnavailable, idemhttp.TypeInternal, idemhttp.TypeNotAcceptable, idemhttp.TypeInterrupted,
		idemhttp.TypeFirstSentMissing, idemhttp.TypeFirstSentMalformed, idemhttp.TypeWindowPassed,
	}
	apiProblems = []string{
		apiProblem + "session-missing", apiProblem + "session-malformed", apiProblem + "fault-malformed", apiProblem + "not-found",
		methodNotAllowed, apiProblem + "media-type-unsupported", apiProblem + "out-of-stock", apiProblem + "validation-failed",
		apiProblem + "unauthenticated", apiProblem + "too-many-faults",
	}
	problemTypes = slices.Concat(middlewareProblems, apiProblems)
)

const (
	apiProblem       = "https://github.com/idempotent-requests/idempotent-requests/blob/main/docs/http-api.md#"
	methodNotAllowed = apiProblem + "method-not-allowed"
)

func TestDocumentAndItsExamplesAreValid(t *testing.T) {
	t.Parallel()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(loader.Context, openapi3.EnableExamplesValidation(), openapi3.EnableSchemaPatternValidation()); err != nil {
		t.Error(err)
	}
}

// TestProblemTypesLeadToTheirDescription: a type's URL ends with the anchor that
// GitHub gives to a heading of the page that it names.
func TestProblemTypesLeadToTheirDescription(t *testing.T) {
	t.Parallel()
	for page, types := range map[string][]string{"http-api.md": apiProblems, "problems.md": middlewareProblems} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		var headings []string
		for _, match := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(string(text), -1) {
			headings = append(headings, match[1])
		}
		var slugs []string
		for _, problemType := range types {
			url, slug, _ := strings.Cut(problemType, "#")
			if !strings.HasSuffix(url, "/docs/"+page) {
				t.Errorf("%s leads elsewhere", problemType)
			}
			slugs = append(slugs, slug)
		}
		slices.Sort(headings)
		slices.Sort(slugs)
		if !slices.Equal(headings, slugs) {
			t.Errorf("%s describes\n%v, the types are\n%v", page, headings, slugs)
		}
	}
}

// TestDocumentNamesOnlyKnownProblems: an example's type is one of the API's, and
// each of them has one, but for what no documented operation answers.
func TestDocumentNamesOnlyKnownProblems(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`type: (https://\S+#\S+)`).FindAllStringSubmatch(string(text), -1)
	seen := map[string]bool{
		methodNotAllowed:           true,
		idemhttp.TypeNotAcceptable: true, // nothing is compressed
		idemhttp.TypeInterrupted:   true, // every handler responds when its time is over

		idemhttp.TypeFirstSentMissing:   true, // the API does not heed Repeatability-First-Sent
		idemhttp.TypeFirstSentMalformed: true,
		idemhttp.TypeWindowPassed:       true,
	}
	for _, match := range named {
		seen[match[1]] = true
		if !slices.Contains(problemTypes, match[1]) {
			t.Errorf("unknown: %s", match[1])
		}
	}
	for _, problemType := range problemTypes {
		if !seen[problemType] {
			t.Errorf("no example of %s", problemType)
		}
	}
}

// TestDocumentListsWhatTheCodeTakes holds that the document names the currencies,
// articles and addresses that the functions accept, and no others.
func TestDocumentListsWhatTheCodeTakes(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromFile(document)
	if err != nil {
		t.Fatal(err)
	}
	property := func(schema, name string) *openapi3.Schema {
		return doc.Components.Schemas[schema].Value.Properties[name].Value
	}
	for _, list := range []struct {
		schema, property, file, pattern string
		atLeast                         int
	}{
		{"NewPayment", "currency", "payments/currency.go", `\b[A-Z]{3}\b`, 150},
		{"NewOrder", "sku", "orders/order.go", `\{"([a-z]+)", \d+\}`, 3},
	} {
		text, err := os.ReadFile("../../functions/" + list.file)
		if err != nil {
			t.Fatal(err)
		}
		source := string(text)
		if _, table, found := strings.Cut(source, "`"); found && list.property == "currency" {
			source, _, _ = strings.Cut(table, "`")
		}
		var want []string
		for _, match := range regexp.MustCompile(list.pattern).FindAllStringSubmatch(source, -1) {
			want = append(want, match[len(match)-1])
		}
		var got []string
		for _, value := range property(list.schema, list.property).Enum {
			got = append(got, value.(string))
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(want) < list.atLeast || !slices.Equal(got, want) {
			t.Errorf("%s of %s: the document has %v, the code %v", list.property, list.schema, got, want)
		}
	}
	source, err := os.ReadFile("../../functions/customers/customers.go")
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(string(source), "\" +\n\t\"", "")
	if pattern := property("NewCustomer", "email").Pattern; !strings.Contains(joined, pattern) {
		t.Errorf("the code does not know the document's pattern of an email address, %s", pattern)
	}
}
