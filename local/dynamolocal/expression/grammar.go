package expression

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// Names of token types. Literals of the grammar match tokens of every type.
const (
	tokenSpace   = "Space"
	tokenKeyword = "Keyword"
	tokenName    = "Name"
)

// lexerOf returns the lexer of a grammar with the given keywords, alternatives of
// a regular expression. The last rule makes a token of anything, so that errors
// are always the parser's and can show the token.
func lexerOf(keywords string) *lexer.StatefulDefinition {
	rules := []lexer.SimpleRule{
		{Name: tokenSpace, Pattern: `[ \t\r\n]+`},
		{Name: tokenKeyword, Pattern: `(?i:` + keywords + `)\b`},
		{Name: tokenName, Pattern: `[a-zA-Z][a-zA-Z0-9_]*`},
		{Name: "NamePlaceholder", Pattern: `#[a-zA-Z0-9_]+`},
		{Name: "ValuePlaceholder", Pattern: `:[a-zA-Z0-9_]+`},
		{Name: "Index", Pattern: `[0-9]+`},
		{Name: "Operator", Pattern: `<>|<=|>=|[=<>]`},
		{Name: "Other", Pattern: `(?s:.)`},
	}
	return lexer.MustSimple(rules)
}

// grammar parses one kind of expression.
type grammar[T any] struct {
	lexer  *lexer.StatefulDefinition
	parser *participle.Parser[T]
}

func grammarOf[T any](keywords string) grammar[T] {
	definition := lexerOf(keywords)
	return grammar[T]{
		lexer: definition,
		parser: participle.MustBuild[T](
			participle.Lexer(definition),
			participle.Elide(tokenSpace),
			participle.CaseInsensitive(tokenKeyword),
			// A name begins a function if a parenthesis follows, else a path.
			participle.UseLookahead(2),
		),
	}
}

var (
	conditionGrammar  = grammarOf[orNode](`AND|OR|NOT|BETWEEN|IN`)
	updateGrammar     = grammarOf[updateNode](`SET|REMOVE|ADD|DELETE`)
	projectionGrammar = grammarOf[projectionNode](`[^\s\S]`) // no keywords
)

// The grammar of conditions. A parenthesis may begin a condition or an operand,
// and which of the two shows only later: the grammar takes both for a term and
// leaves it to the next step to tell them apart.
type (
	orNode struct {
		Terms []*andNode `parser:"@@ ( 'OR' @@ )*"`
	}

	andNode struct {
		Terms []*notNode `parser:"@@ ( 'AND' @@ )*"`
	}

	notNode struct {
		Not       *notNode       `parser:"  'NOT' @@"`
		Predicate *predicateNode `parser:"| @@"`
	}

	predicateNode struct {
		Left    *termNode    `parser:"@@"`
		Compare *compareNode `parser:"( @@"`
		Between *betweenNode `parser:"| 'BETWEEN' @@"`
		In      []*termNode  `parser:"| 'IN' '(' @@ ( ',' @@ )* ')' )?"`
		EndPos  lexer.Position
	}

	compareNode struct {
		Operator string    `parser:"@Operator"`
		Right    *termNode `parser:"@@"`
	}

	betweenNode struct {
		Lower *termNode `parser:"@@"`
		Upper *termNode `parser:"'AND' @@"`
	}

	termNode struct {
		Group    *orNode       `parser:"  '(' @@ ')'"`
		Function *functionNode `parser:"| @@"`
		Value    string        `parser:"| @ValuePlaceholder"`
		Path     *pathNode     `parser:"| @@"`
		EndPos   lexer.Position
	}

	functionNode struct {
		Name string      `parser:"@Name '('"`
		Args []*termNode `parser:"@@ ( ',' @@ )* ')'"`
	}
)

// The grammar of document paths.
type (
	pathNode struct {
		Head string      `parser:"@( Name | NamePlaceholder )"`
		Tail []*stepNode `parser:"@@*"`
	}

	stepNode struct {
		Index string `parser:"  '[' @Index ']'"`
		Name  string `parser:"| '.' @( Name | NamePlaceholder )"`
	}
)

// The grammar of updates.
type (
	updateNode struct {
		Sections []*sectionNode `parser:"@@+"`
	}

	sectionNode struct {
		Set    []*setNode     `parser:"  'SET' @@ ( ',' @@ )*"`
		Remove []*pathNode    `parser:"| 'REMOVE' @@ ( ',' @@ )*"`
		Add    []*elementNode `parser:"| 'ADD' @@ ( ',' @@ )*"`
		Delete []*elementNode `parser:"| 'DELETE' @@ ( ',' @@ )*"`
	}

	setNode struct {
		Path  *pathNode `parser:"@@ '='"`
		Value *sumNode  `parser:"@@"`
	}

	sumNode struct {
		Left     *operandNode `parser:"@@"`
		Operator string       `parser:"( @( '+' | '-' )"`
		Right    *operandNode `parser:"@@ )?"`
	}

	operandNode struct {
		Group    *sumNode  `parser:"  '(' @@ ')'"`
		Function *callNode `parser:"| @@"`
		Value    string    `parser:"| @ValuePlaceholder"`
		Path     *pathNode `parser:"| @@"`
		EndPos   lexer.Position
	}

	callNode struct {
		Name string         `parser:"@Name '('"`
		Args []*operandNode `parser:"@@ ( ',' @@ )* ')'"`
	}

	elementNode struct {
		Path  *pathNode `parser:"@@"`
		Value string    `parser:"@ValuePlaceholder"`
	}
)

// The grammar of projections.
type projectionNode struct {
	Paths []*pathNode `parser:"@@ ( ',' @@ )*"`
}
