package expression

import (
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Update changes items.
type Update struct {
	actions []action
}

// The clauses of an update expression.
const (
	clauseSet    = "SET"
	clauseRemove = "REMOVE"
	clauseAdd    = "ADD"
	clauseDelete = "DELETE"
)

// action is one change: what a clause does at a path, with an operand unless it
// is a removal.
type action struct {
	clause  string
	raw     []rawStep
	path    Path // after binding
	operand *operand
}

// Functions of updates. Sums and differences are functions of two operands, by
// the names of their operators.
const (
	fnIfNotExists = "if_not_exists"
	fnListAppend  = "list_append"
	fnPlus        = "+"
	fnMinus       = "-"
)

const (
	// updateOperands is the number of operands of each function of updates.
	updateOperands = 2
	// maxOperators is the largest number of operators and functions in an
	// expression.
	maxOperators = 300
)

// Attributes returns the names of the top-level attributes that the update
// changes or changes something in, in the order of the text.
func (u *Update) Attributes() []string {
	names := make([]string, len(u.actions))
	for i, action := range u.actions {
		names[i] = action.path[0].Name
	}
	return names
}

// OnlyRemoves reports whether the update does nothing but remove attributes or
// elements of sets.
func (u *Update) OnlyRemoves() bool {
	return !slices.ContainsFunc(u.actions, func(a action) bool { return a.clause == clauseSet || a.clause == clauseAdd })
}

// Nested returns the names of the top-level attributes within which the update
// changes or reads something, in the order of the text: none for nil.
func (u *Update) Nested() []string {
	if u == nil {
		return nil
	}
	var names []string
	for _, action := range u.actions {
		names = appendNested(names, action.path)
		// The visit never fails.
		_ = action.walk(func(o *operand) error {
			names = appendNested(names, o.bound)
			return nil
		})
	}
	return names
}

// Project returns the parts of item at the paths that the update changes.
func (u *Update) Project(item attribute.Item) attribute.Item {
	paths := make([]Path, len(u.actions))
	for i, action := range u.actions {
		paths[i] = action.path
	}
	return project(item, paths)
}

// Update parses and binds an update expression.
func (p *Parser) Update(text string, placeholders *Placeholders) (*Update, error) {
	actions, err := parse(p, "update", updateGrammar, text, shapeUpdate)
	if err != nil {
		return nil, invalid(UpdateExpression, err)
	}
	update, err := bindUpdate(actions, placeholders)
	return update, invalid(UpdateExpression, err)
}

// shapeUpdate makes the list of an update's actions and refuses what is wrong
// whatever the placeholders are.
func shapeUpdate(node *updateNode, src source) ([]action, error) {
	var actions []action
	sections := make(map[string]bool)
	repeated := ""
	for _, section := range node.Sections {
		clause, shaped, err := shapeSection(section, src)
		if err != nil {
			return nil, err
		}
		if sections[clause] && repeated == "" {
			repeated = clause
		}
		sections[clause] = true
		actions = append(actions, shaped...)
	}
	if err := checkActions(actions); err != nil {
		return nil, err
	}
	if repeated != "" {
		return nil, problemf(`The "%s" section can only be used once in an update expression;`, repeated)
	}
	return actions, nil
}

func shapeSection(node *sectionNode, src source) (clause string, actions []action, err error) {
	switch {
	case node.Set != nil:
		for _, set := range node.Set {
			value, err := shapeSum(set.Value, src)
			if err != nil {
				return "", nil, err
			}
			actions = append(actions, action{clause: clauseSet, raw: shapePath(set.Path), operand: value})
		}
		return clauseSet, actions, nil
	case node.Remove != nil:
		for _, path := range node.Remove {
			actions = append(actions, action{clause: clauseRemove, raw: shapePath(path)})
		}
		return clauseRemove, actions, nil
	case node.Add != nil:
		return clauseAdd, shapeElements(clauseAdd, node.Add), nil
	default:
		return clauseDelete, shapeElements(clauseDelete, node.Delete), nil
	}
}

func shapeElements(clause string, nodes []*elementNode) []action {
	actions := make([]action, len(nodes))
	for i, node := range nodes {
		actions[i] = action{clause: clause, raw: shapePath(node.Path), operand: &operand{value: node.Value}}
	}
	return actions
}

// shapeSum makes the operand of a SET: a sum, a difference or a single operand.
func shapeSum(node *sumNode, src source) (*operand, error) {
	if node.Operator == "" {
		if node.Left.Group != nil {
			return shapeSum(node.Left.Group, src)
		}
		return shapeUpdateOperand(node.Left, src)
	}
	args, err := shapeUpdateOperands([]*operandNode{node.Left, node.Right}, src)
	return &operand{call: &call{function: node.Operator, args: args}}, err
}

func shapeUpdateOperands(nodes []*operandNode, src source) ([]*operand, error) {
	operands := make([]*operand, len(nodes))
	for i, node := range nodes {
		var err error
		if operands[i], err = shapeUpdateOperand(node, src); err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func shapeUpdateOperand(node *operandNode, src source) (*operand, error) {
	switch {
	case node.Group != nil:
		if node.Group.Operator != "" {
			// Sums cannot be operands.
			return nil, src.syntaxError(node.Group.Left.EndPos.Offset)
		}
		return shapeUpdateOperand(node.Group.Left, src)
	case node.Function != nil:
		args, err := shapeUpdateOperands(node.Function.Args, src)
		return &operand{call: &call{function: node.Function.Name, args: args}}, err
	case node.Path != nil:
		return &operand{path: shapePath(node.Path)}, nil
	default:
		return &operand{value: node.Value}, nil
	}
}

// checkActions refuses reserved words and wrong functions.
func checkActions(actions []action) error {
	for _, action := range actions {
		if err := checkPath(action.raw); err != nil {
			return err
		}
		if err := action.walk(func(o *operand) error { return checkPath(o.path) }); err != nil {
			return err
		}
	}
	operators := 0
	count := func(*call) error {
		operators++
		return nil
	}
	for _, check := range []func(*call) error{checkUpdateFunction, checkNestedAppend, count} {
		for _, action := range actions {
			if err := action.walkCalls(check); err != nil {
				return err
			}
		}
	}
	if operators > maxOperators {
		return tooManyOperators(operators)
	}
	return nil
}

func checkUpdateFunction(c *call) error {
	switch c.function {
	case fnIfNotExists, fnListAppend, fnPlus, fnMinus:
		return nil
	}
	if _, condition := conditionFunctions[c.function]; condition {
		return misplacedFunction("an update", c.function)
	}
	return unknownFunction(c.function)
}

// checkNestedAppend refuses list_append within list_append.
func checkNestedAppend(c *call) error {
	for _, arg := range c.args {
		if c.function == fnListAppend && arg.call != nil && arg.call.function == fnListAppend {
			return misusedFunction(fnListAppend)
		}
	}
	return nil
}

// walk calls visit for the action's operands, inner ones first.
func (a *action) walk(visit func(*operand) error) error {
	if a.operand == nil {
		return nil
	}
	return a.operand.walk(visit)
}

func (a *action) walkCalls(visit func(*call) error) error {
	return a.walk(func(o *operand) error {
		if o.call == nil {
			return nil
		}
		return visit(o.call)
	})
}

// bindUpdate replaces the placeholders and checks paths and operands.
func bindUpdate(actions []action, placeholders *Placeholders) (*Update, error) {
	bound := make([]action, len(actions))
	paths := make([]Path, len(actions))
	for i, a := range actions {
		path, err := bindPath(a.raw, placeholders)
		if err != nil {
			return nil, err
		}
		bound[i] = action{clause: a.clause, path: path}
		paths[i] = path
		if a.operand == nil {
			continue
		}
		if bound[i].operand, err = a.operand.bind(placeholders); err != nil {
			return nil, err
		}
	}
	if err := checkDisjoint(paths); err != nil {
		return nil, err
	}
	for _, action := range bound {
		if err := checkElements(action); err != nil {
			return nil, err
		}
	}
	for _, action := range bound {
		if err := action.walkCalls(checkUpdateOperands); err != nil {
			return nil, err
		}
	}
	return &Update{actions: bound}, nil
}

// kindWords are the names of types in messages about ADD and DELETE.
var kindWords = map[attribute.Kind]string{
	attribute.KindString: "STRING", attribute.KindNumber: "NUMBER", attribute.KindBinary: "BINARY",
	attribute.KindNull: "NULL", attribute.KindBool: "BOOLEAN", attribute.KindList: "LIST", attribute.KindMap: "MAP",
}

// checkElements refuses operands of ADD that are neither numbers nor sets, and of
// DELETE that are no sets.
func checkElements(a action) error {
	if a.clause != clauseAdd && a.clause != clauseDelete {
		return nil
	}
	kind := a.operand.literal()
	word, scalar := kindWords[kind]
	if !scalar || a.clause == clauseAdd && kind == attribute.KindNumber {
		return nil
	}
	return problemf("Incorrect operand type for operator or function; operator: %s, operand type: %s", a.clause, word)
}

func checkUpdateOperands(c *call) error {
	if len(c.args) != updateOperands {
		return operandCount(c.function, len(c.args))
	}
	switch c.function {
	case fnIfNotExists:
		if !c.args[0].isPath() {
			return pathRequired(c.function)
		}
		return nil
	case fnListAppend:
		return checkLiteralKinds(c, attribute.KindList)
	default:
		return checkLiteralKinds(c, attribute.KindNumber)
	}
}

func checkLiteralKinds(c *call, kind attribute.Kind) error {
	for _, arg := range c.args {
		if literal := arg.literal(); literal != "" && literal != kind {
			return operandType(c.function, string(literal))
		}
	}
	return nil
}
