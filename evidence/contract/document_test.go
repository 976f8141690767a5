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

// problemTypes are the types of all problems that the API answers with.
var problemTypes = []string{
	idemhttp.TypeKeyMissing, idemhttp.TypeKeyMalformed, idemhttp.TypePayloadMalformed, idemhttp.TypePayloadTooLarge,
	idemhttp.TypePayloadMismatch, idemhttp.TypeInProgress, idemhttp.TypeOutcomeUnknown, idemhttp.TypeResponseNotKept,
	idemhttp.TypeNotReconciled, idemhttp.TypeStoreUnavailable, idemhttp.TypeInternal,
	apiProblem + "session-missing", apiProblem + "session-malformed", apiProblem + "fault-malformed", apiProblem + "not-found",
	methodNotAllowed, apiProblem + "media-type-unsupported", apiProblem + "out-of-stock", apiProblem + "validation-failed",
}

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
	page, err := os.ReadFile("../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, match := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(string(page), -1) {
		headings = append(headings, match[1])
	}
	var slugs []string
	for _, problemType := range problemTypes {
		url, slug, _ := strings.Cut(problemType, "#")
		if !strings.HasSuffix(url, "/docs/http-api.md") {
			t.Errorf("%s leads elsewhere", problemType)
		}
		slugs = append(slugs, slug)
	}
	slices.Sort(headings)
	slices.Sort(slugs)
	if !slices.Equal(headings, slugs) {
		t.Errorf("the page describes\n%v, the API answers with\n%v", headings, slugs)
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
	seen := map[string]bool{methodNotAllowed: true}
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
