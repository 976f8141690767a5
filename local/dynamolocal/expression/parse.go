package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
	lru "github.com/hashicorp/golang-lru/v2"
)

// maxBytes is the length of the longest expression.
const maxBytes = 4096

// Parser parses expressions and keeps what it parsed. It is safe for concurrent
// use.
type Parser struct {
	parsed *lru.Cache[cacheKey, parsed]
}

type cacheKey struct {
	kind string
	text string
}

// parsed is the outcome of the first step for a text: a tree or an error.
type parsed struct {
	tree any
	err  error
}

// NewParser returns a parser that keeps the capacity most recently used
// expressions. The capacity must be positive.
func NewParser(capacity int) (*Parser, error) {
	cache, err := lru.New[cacheKey, parsed](capacity)
	if err != nil {
		return nil, fmt.Errorf("expression: a cache of %d expressions: %w", capacity, err)
	}
	return &Parser{parsed: cache}, nil
}

// parse returns the tree that shape makes of text's syntax, from the cache if it
// is there. Errors have no name of a parameter yet.
func parse[N, T any](p *Parser, kind string, g grammar[N], text string, shape func(*N, source) (T, error)) (T, error) {
	var none T
	if strings.TrimSpace(text) == "" {
		return none, problem("The expression can not be empty;")
	}
	if len(text) > maxBytes {
		return none, problemf("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	key := cacheKey{kind: kind, text: text}
	if found, ok := p.parsed.Get(key); ok {
		tree, _ := found.tree.(T)
		return tree, found.err
	}
	tree, err := parseText(g, text, shape)
	p.parsed.Add(key, parsed{tree: tree, err: err})
	return tree, err
}

func parseText[N, T any](g grammar[N], text string, shape func(*N, source) (T, error)) (T, error) {
	src := source{text: text, lexer: g.lexer}
	node, err := g.parser.ParseString("", text)
	if err != nil {
		var none T
		return none, src.syntaxError(offsetOf(err, text))
	}
	return shape(node, src)
}

// offsetOf returns where in text the parser stopped.
func offsetOf(err error, text string) int {
	var unexpected participle.Error
	if errors.As(err, &unexpected) {
		return unexpected.Position().Offset
	}
	return len(text)
}

// source is the text of an expression, for messages about its syntax.
type source struct {
	text  string
	lexer *lexer.StatefulDefinition
}

// syntaxError is DynamoDB's message about the first token at or after offset:
// the token and the text from the token before it to the token after it.
func (s source) syntaxError(offset int) error {
	tokens := s.tokens()
	at := 0
	for at < len(tokens)-1 && tokens[at].Pos.Offset < offset {
		at++
	}
	token := tokens[at]
	first, last := tokens[max(at-1, 0)], tokens[min(at+1, len(tokens)-1)]
	value := token.Value
	if token.EOF() {
		value, last = "<EOF>", first
	}
	near := s.text[first.Pos.Offset:min(last.Pos.Offset+len(last.Value), len(s.text))]
	return problemf(`Syntax error; token: "%s", near: "%s"`, value, near)
}

// tokens returns the tokens of the text without spaces; the last is the end.
func (s source) tokens() []lexer.Token {
	space := s.lexer.Symbols()[tokenSpace]
	var tokens []lexer.Token
	if lex, err := s.lexer.LexString("", s.text); err == nil {
		// The lexer makes a token of anything, so nothing fails here.
		tokens, _ = lexer.ConsumeAll(lex)
	}
	return slices.DeleteFunc(tokens, func(token lexer.Token) bool { return token.Type == space })
}
