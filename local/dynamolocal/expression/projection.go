package expression

import (
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Projection selects attributes of items, or parts of them.
type Projection struct {
	paths []Path
}

// Apply returns the part of item that the projection selects. It may share
// values with item and is empty if item has none of the attributes.
func (p *Projection) Apply(item attribute.Item) attribute.Item { return project(item, p.paths) }

// Attributes returns the names of the top-level attributes that the projection
// selects or selects from, in the order of the text.
func (p *Projection) Attributes() []string {
	names := make([]string, len(p.paths))
	for i, path := range p.paths {
		names[i] = path[0].Name
	}
	return names
}

// Nested returns the names of the top-level attributes from which the projection
// selects a part, in the order of the text: none for nil.
func (p *Projection) Nested() []string {
	if p == nil {
		return nil
	}
	var names []string
	for _, path := range p.paths {
		names = appendNested(names, path)
	}
	return names
}

// Projection parses and binds a projection expression.
func (p *Parser) Projection(text string, placeholders *Placeholders) (*Projection, error) {
	projection, err := p.projection(text, placeholders)
	return projection, invalid(ProjectionExpression, err)
}

func (p *Parser) projection(text string, placeholders *Placeholders) (*Projection, error) {
	raw, err := parse(p, "projection", projectionGrammar, text, shapeProjection)
	if err != nil {
		return nil, err
	}
	paths := make([]Path, len(raw))
	for i, path := range raw {
		if paths[i], err = bindPath(path, placeholders); err != nil {
			return nil, err
		}
	}
	return &Projection{paths: paths}, checkDisjoint(paths)
}

func shapeProjection(node *projectionNode, _ source) ([][]rawStep, error) {
	paths := make([][]rawStep, len(node.Paths))
	for i, path := range node.Paths {
		paths[i] = shapePath(path)
		if err := checkPath(paths[i]); err != nil {
			return nil, err
		}
	}
	return paths, nil
}
