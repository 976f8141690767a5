package dynamolocal

import (
	"iter"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

type queryInput struct {
	readParameters
	KeyConditionExpression *string
	ScanIndexForward       *bool
	KeyConditions          map[string]condition
	QueryFilter            any
}

// query is a read of the items with one hash key.
type query struct {
	*read
	tests    []expression.KeyTest
	backward bool

	hash attribute.Value
	sort *expression.KeyTest // nil to read all sort keys
}

func (e *Engine) query(in queryInput, consumed *usage) (any, error) {
	q, err := e.prepareQuery(in)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, step := range []func() error{
		func() error { return q.locate(e) }, q.splitTests, q.checkFilter, q.checkStart,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return q.page(q.records(), consumed), nil
}

func (e *Engine) prepareQuery(in queryInput) (*query, error) {
	var v violations
	in.check(&v)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := refuseLegacy([]legacy{
		{"AttributesToGet", in.AttributesToGet}, {"QueryFilter", in.QueryFilter},
		{"ConditionalOperator", in.ConditionalOperator},
	}, map[expression.Field]*string{
		expression.ProjectionExpression:   in.ProjectionExpression,
		expression.FilterExpression:       in.FilterExpression,
		expression.KeyConditionExpression: in.KeyConditionExpression,
	}); err != nil {
		return nil, err
	}
	switch {
	case in.KeyConditionExpression != nil && in.KeyConditions != nil:
		return nil, validationf("Can not use both expression and non-expression parameters in the same request: " +
			"Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}")
	case in.KeyConditionExpression == nil && in.KeyConditions == nil:
		return nil, validationf("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	if err := in.checkSelect("Querying"); err != nil {
		return nil, envelope(err)
	}
	placeholders, err := in.placeholders(in.KeyConditionExpression, in.FilterExpression, in.ProjectionExpression)
	if err != nil {
		return nil, err
	}
	r, err := e.prepareRead(in.readParameters, placeholders)
	if err != nil {
		return nil, err
	}
	q := &query{read: r, backward: in.ScanIndexForward != nil && !*in.ScanIndexForward}
	if in.KeyConditions != nil {
		q.tests, err = keyTests(in.KeyConditions)
	} else {
		q.tests, err = e.parser.KeyConditions(*in.KeyConditionExpression, placeholders)
	}
	if err != nil {
		return nil, err
	}
	return q, placeholders.Unused()
}

// maxKeyTests is the number of attributes of the longest key.
const maxKeyTests = 2

// splitTests finds which test is of the hash key and which of the sort key, and
// checks that they suit the schema.
func (q *query) splitTests() error {
	schema := q.schema()
	if len(q.tests) > maxKeyTests {
		return validationf("Conditions can be of length 1 or 2 only")
	}
	missing := func(part keyAttribute) error {
		return validationf("Query condition missed key schema element: %s", part.name)
	}
	hash := q.testOf(schema.hash)
	if hash == nil {
		return missing(schema.hash)
	}
	if len(q.tests) == maxKeyTests {
		if !schema.hasSort() {
			return validationf("Query key condition not supported")
		}
		if q.sort = q.testOf(schema.sort); q.sort == nil {
			return missing(schema.sort)
		}
	}
	for _, test := range q.tests {
		part := schema.hash
		if test.Attribute != part.name {
			part = schema.sort
		}
		for _, value := range test.Values {
			if value.Kind() != part.kind {
				return invalidParameterf("Condition parameter type does not match schema type")
			}
			if empty := emptyKind(value); empty != "" {
				return validationf("One or more parameter values are not valid. "+
					"The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", empty, part.name)
			}
		}
	}
	if hash.Operator != "=" {
		return validationf("Query key condition not supported")
	}
	q.hash = hash.Values[0]
	return nil
}

func (q *query) testOf(part keyAttribute) *expression.KeyTest {
	at := slices.IndexFunc(q.tests, func(t expression.KeyTest) bool { return t.Attribute == part.name })
	if at < 0 {
		return nil
	}
	return &q.tests[at]
}

// checkFilter refuses a filter on the key.
func (q *query) checkFilter() error {
	if q.filter == nil {
		return nil
	}
	for _, name := range q.filter.Attributes() {
		if q.schema().has(name) {
			return validationf("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
		}
	}
	return nil
}

// checkStart refuses a starting key that no page of the query ends with.
func (q *query) checkStart() error {
	if q.start == nil {
		return nil
	}
	if !q.startKeyIsWhole() {
		return validationf("The provided starting key is invalid")
	}
	schema := q.schema()
	if q.index == nil && !schema.hasSort() {
		return validationf("The query can return at most one row and cannot be restarted")
	}
	if !attribute.Equal(q.start[schema.hash.name], q.hash) {
		return validationf("The provided starting key is outside query boundaries based on provided conditions")
	}
	if q.sort != nil && !q.sort.Holds(q.start[schema.sort.name]) {
		return validationf("The provided starting key does not match the range key predicate")
	}
	return nil
}

// records returns the records that the query reads, in its order and from its
// starting key.
func (q *query) records() iter.Seq[*record] {
	low, high := boundsOf(encode(q.hash), q.sort)
	if q.start != nil {
		if q.backward {
			high = q.startBound(-1)
		} else {
			low = q.startBound(+1)
		}
	}
	return q.order().between(low, high, q.backward)
}
