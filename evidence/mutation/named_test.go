package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"testing"
)

// conditional is how a write with a condition looks in the languages of the stores:
// a condition expression of DynamoDB, a script in Lua that writes, a statement of SQL.
var conditional = regexp.MustCompile(`(?s)attribute_(not_)?exists\(|[a-z_#]+ (=|<=|<>|<) :|redis\.call\('(HSET|HDEL|DEL)|(UPDATE|DELETE|ON CONFLICT).*WHERE`)

// assignment is what looks like a condition of DynamoDB and changes a record.
var assignment = regexp.MustCompile(`^["` + "`" + `]SET `)

// unconditional are those that look so and are no condition of a promise.
var unconditional = map[string]string{
	"pgstore/record.go: check":  "writes nothing; asks whether it might",
	"pgstore/record.go: sweep":  "deletes what has been past its window for long",
	"dynamostore/list.go: List": "filters what a scan returns",
}

// TestEveryConditionalWriteHasAName: a store makes no conditional write whose
// condition has no name, so that a new one cannot be forgotten.
func TestEveryConditionalWriteHasAName(t *testing.T) {
	t.Parallel()
	writes := 0
	for _, s := range allSources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING || !conditional.MatchString(literal.Value) || assignment.MatchString(literal.Value) {
				return true
			}
			span := s.span(literal)
			if s.declares(span) == "UpdateExpression" {
				return true
			}
			if writes++; !s.isNamed(span) && unconditional[s.name+": "+s.declares(span)] == "" {
				t.Errorf("%s:%d: %s is a conditional write without a name", s.name, s.line(literal.Pos()), s.declares(span))
			}
			return true
		})
	}
	if writes < 20 {
		t.Errorf("found %d conditional writes: are they still written so?", writes)
	}
}

func (s *source) isNamed(span [2]int) bool {
	for _, places := range s.named {
		for _, at := range places {
			if at.from <= span[0] && span[1] <= at.to {
				return true
			}
		}
	}
	return false
}

// declares returns what the code belongs to: the nearest name before it.
func (s *source) declares(span [2]int) (name string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if n == nil || s.span(n)[0] > span[0] || s.span(n)[1] < span[1] {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncDecl:
			name = n.Name.Name
		case *ast.ValueSpec:
			name = n.Names[0].Name
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				name = key.Name
			}
		}
		return true
	})
	return name
}
