package expression

import (
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Condition is a condition or a filter, ready to be applied to items.
type Condition struct {
	root *logic
}

// Holds reports whether the condition holds for item. An item that does not
// exist is one without attributes.
func (c *Condition) Holds(item attribute.Item) bool { return c.root.holds(item) }

// Attributes returns the names of the top-level attributes that the condition
// refers to, in the order of the text.
func (c *Condition) Attributes() []string {
	var names []string
	for _, path := range c.paths() {
		names = append(names, path[0].Name)
	}
	return names
}

// Nested returns the names of the top-level attributes within which the condition
// refers to something, in the order of the text: none for nil.
func (c *Condition) Nested() []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, path := range c.paths() {
		names = appendNested(names, path)
	}
	return names
}

// paths returns the paths in the condition in the order of the text.
func (c *Condition) paths() []Path {
	var paths []Path
	// The visit never fails.
	_ = c.root.walk(func(test *test) error {
		for _, o := range test.operands {
			_ = o.walk(func(o *operand) error {
				if o.isPath() {
					paths = append(paths, o.bound)
				}
				return nil
			})
		}
		return nil
	})
	return paths
}

// Condition parses and binds the condition or filter that the request gives in
// field.
func (p *Parser) Condition(field Field, text string, placeholders *Placeholders) (*Condition, error) {
	tree, err := parse(p, "condition", conditionGrammar, text, shapeCondition)
	if err != nil {
		return nil, invalid(field, err)
	}
	root, err := tree.bind(placeholders)
	if err != nil {
		return nil, invalid(field, err)
	}
	return &Condition{root: root}, nil
}

// logic is a node of a condition's tree: a test, or a combination of conditions.
type logic struct {
	connective connective
	terms      []*logic
	test       *test
}

type connective int

const (
	isTest connective = iota
	isAnd
	isOr
	isNot
)

// test is a comparison or a function that is true or false of an item.
type test struct {
	// operator is a comparator, BETWEEN, IN or the name of a function.
	operator string
	operands []*operand
	// call reports whether operator is a function.
	call bool
}

const (
	opBetween = "BETWEEN"
	opIn      = "IN"
)

// shapeCondition makes the tree of a condition and refuses what is wrong
// whatever the placeholders are.
func shapeCondition(node *orNode, src source) (*logic, error) {
	tree, err := shapeLogic(node, src)
	if err != nil {
		return nil, err
	}
	if redundantParentheses(node) {
		return nil, problem("The expression has redundant parentheses;")
	}
	return tree, tree.check()
}

func shapeLogic(node *orNode, src source) (*logic, error) {
	return shapeTerms(isOr, node.Terms, func(and *andNode) (*logic, error) {
		return shapeTerms(isAnd, and.Terms, func(not *notNode) (*logic, error) { return shapeNot(not, src) })
	})
}

// shapeTerms combines several terms; a single one stands for itself.
func shapeTerms[N any](c connective, nodes []N, shape func(N) (*logic, error)) (*logic, error) {
	terms := make([]*logic, len(nodes))
	for i, node := range nodes {
		var err error
		if terms[i], err = shape(node); err != nil {
			return nil, err
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return &logic{connective: c, terms: terms}, nil
}

func shapeNot(node *notNode, src source) (*logic, error) {
	if node.Not == nil {
		return shapePredicate(node.Predicate, src)
	}
	negated, err := shapeNot(node.Not, src)
	if err != nil {
		return nil, err
	}
	return &logic{connective: isNot, terms: []*logic{negated}}, nil
}

func shapePredicate(node *predicateNode, src source) (*logic, error) {
	operator, terms := "", []*termNode{node.Left}
	switch {
	case node.Compare != nil:
		operator, terms = node.Compare.Operator, append(terms, node.Compare.Right)
	case node.Between != nil:
		operator, terms = opBetween, append(terms, node.Between.Lower, node.Between.Upper)
	case node.In != nil:
		operator, terms = opIn, append(terms, node.In...)
	case node.Left.Group != nil:
		return shapeLogic(node.Left.Group, src)
	case node.Left.Function != nil:
		function, err := shapeCall(node.Left.Function, src)
		if err != nil {
			return nil, err
		}
		return &logic{test: &test{operator: function.function, operands: function.args, call: true}}, nil
	default:
		// A path or a value alone is no condition: an operator is missing.
		return nil, src.syntaxError(node.EndPos.Offset)
	}
	operands, err := shapeOperands(terms, src)
	if err != nil {
		return nil, err
	}
	return &logic{test: &test{operator: operator, operands: operands}}, nil
}

func shapeOperands(nodes []*termNode, src source) ([]*operand, error) {
	operands := make([]*operand, len(nodes))
	for i, node := range nodes {
		var err error
		if operands[i], err = shapeOperand(node, src); err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func shapeOperand(node *termNode, src source) (*operand, error) {
	switch {
	case node.Group != nil:
		inner := soleTerm(node.Group)
		if inner == nil {
			// A condition where an operand belongs.
			return nil, src.syntaxError(node.EndPos.Offset)
		}
		return shapeOperand(inner, src)
	case node.Function != nil:
		function, err := shapeCall(node.Function, src)
		return &operand{call: function}, err
	case node.Path != nil:
		return &operand{path: shapePath(node.Path)}, nil
	default:
		return &operand{value: node.Value}, nil
	}
}

func shapeCall(node *functionNode, src source) (*call, error) {
	args, err := shapeOperands(node.Args, src)
	return &call{function: node.Name, args: args}, err
}

// soleTerm returns the term that node consists of, nil if there is more to it.
func soleTerm(node *orNode) *termNode {
	predicate := solePredicate(node)
	if predicate == nil || predicate.Compare != nil || predicate.Between != nil || predicate.In != nil {
		return nil
	}
	return predicate.Left
}

func solePredicate(node *orNode) *predicateNode {
	if len(node.Terms) != 1 || len(node.Terms[0].Terms) != 1 {
		return nil
	}
	return node.Terms[0].Terms[0].Predicate
}

// redundantParentheses reports whether the condition has a pair of parentheses
// directly within another.
func redundantParentheses(node *orNode) bool {
	for _, and := range node.Terms {
		for _, not := range and.Terms {
			for not.Not != nil {
				not = not.Not
			}
			if redundantWithin(not.Predicate) {
				return true
			}
		}
	}
	return false
}

func redundantWithin(node *predicateNode) bool {
	terms := append([]*termNode{node.Left}, node.In...)
	if node.Compare != nil {
		terms = append(terms, node.Compare.Right)
	}
	if node.Between != nil {
		terms = append(terms, node.Between.Lower, node.Between.Upper)
	}
	for len(terms) > 0 {
		term := terms[0]
		terms = terms[1:]
		if term.Function != nil {
			terms = append(terms, term.Function.Args...)
		}
		if term.Group == nil {
			continue
		}
		if inner := soleTerm(term.Group); inner != nil && inner.Group != nil {
			return true
		}
		if redundantParentheses(term.Group) {
			return true
		}
	}
	return false
}

// walk calls visit for each test in the order of the text.
func (l *logic) walk(visit func(*test) error) error {
	if l.test != nil {
		return visit(l.test)
	}
	for _, term := range l.terms {
		if err := term.walk(visit); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what is wrong whatever the placeholders are, one kind of mistake
// at a time over the whole expression.
func (l *logic) check() error {
	for _, check := range []func(*test) error{checkFunctionNames, checkFunctionUse, checkNames} {
		if err := l.walk(check); err != nil {
			return err
		}
	}
	if count := l.operators(); count > maxOperators {
		return tooManyOperators(count)
	}
	return nil
}

// operators returns the number of operators and functions in the tree.
func (l *logic) operators() int {
	if l.test != nil {
		count := 0
		if !l.test.call {
			count++
		}
		// The visit never fails.
		_ = l.test.walkCalls(func(string, []*operand) error {
			count++
			return nil
		})
		return count
	}
	count := max(1, len(l.terms)-1)
	for _, term := range l.terms {
		count += term.operators()
	}
	return count
}

// bind returns a copy of the tree with the placeholders replaced, having checked
// the operands.
func (l *logic) bind(placeholders *Placeholders) (*logic, error) {
	bound := &logic{connective: l.connective}
	if l.test != nil {
		operands, err := bindAll(l.test.operands, placeholders)
		if err != nil {
			return nil, err
		}
		bound.test = &test{operator: l.test.operator, operands: operands, call: l.test.call}
		return bound, checkTest(bound.test)
	}
	for _, term := range l.terms {
		boundTerm, err := term.bind(placeholders)
		if err != nil {
			return nil, err
		}
		bound.terms = append(bound.terms, boundTerm)
	}
	return bound, nil
}
