// Package canonicaljson brings JSON texts that mean the same into the same
// bytes: the JSON Canonicalization Scheme, RFC 8785.
package canonicaljson

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// maxInteger bounds the integers that no neighbour shares a double with (I-JSON,
// RFC 7493 section 2.2).
const maxInteger = 1<<53 - 1

// maxDepth bounds how deep arrays and objects may nest: that of encoding/json.
const maxDepth = 10000

// Transform returns the canonical form of a JSON text. It refuses what
// canonicalisation could not keep apart or would have to guess at: duplicate
// member names, numbers beyond ±(2^53−1), invalid UTF-8 and lone surrogates; and
// everything that is not one JSON value, or nests deeper than 10000. Errors
// describe the text's form and may be shown to whoever sent it.
//
// It takes time and memory in proportion to the text, but for the sorting of
// member names. The canonical form shares no memory with the text.
func Transform(text []byte) ([]byte, error) {
	p := parser{text: text, open: make([]member, 0, 8)}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.skipSpace(); p.pos < len(p.text) {
		return nil, p.unexpected()
	}
	return v.append(make([]byte, 0, len(text))), nil
}

// value is a JSON value in canonical form: the text of a scalar, or the opening
// bracket of an object or array and its members, those of an object sorted.
type value struct {
	text    []byte
	members []member
}

// member is one of an object or, without a name, of an array.
type member struct {
	name  []byte // as it reads, without escapes
	value value
}

func (v *value) append(to []byte) []byte {
	to = append(to, v.text...)
	open := v.text[0]
	if open != '{' && open != '[' {
		return to
	}
	for i := range v.members {
		if i > 0 {
			to = append(to, ',')
		}
		if open == '{' {
			to = append(appendString(to, v.members[i].name), ':')
		}
		to = v.members[i].value.append(to)
	}
	return append(to, open+2) // in ASCII, brackets close two after they open
}

// parser reads a text from the left to the right.
type parser struct {
	text []byte
	pos  int
	// open holds the members of the objects and arrays that are still open, closed
	// those of the others, each beside the other.
	open, closed []member
	// written holds what is spelled differently from the text.
	written []byte
}

func (p *parser) value(depth int) (value, error) {
	p.skipSpace()
	switch c := p.next(); c {
	case '{', '[':
		if depth == maxDepth {
			return value{}, fmt.Errorf("the JSON is nested deeper than %d", maxDepth)
		}
		return p.container(c, depth+1)
	case '"':
		return p.stringValue()
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	}
	return p.number()
}

// container reads an object or an array, of which the first character is next.
func (p *parser) container(open byte, depth int) (value, error) {
	text := p.text[p.pos : p.pos+1]
	p.pos++
	outer := len(p.open)
	for p.skipSpace(); p.next() != open+2; p.skipSpace() {
		if len(p.open) > outer {
			if err := p.expect(','); err != nil {
				return value{}, err
			}
		}
		var m member
		var err error
		if open == '{' {
			if m.name, err = p.name(); err != nil {
				return value{}, err
			}
		}
		if m.value, err = p.value(depth); err != nil {
			return value{}, err
		}
		p.open = append(p.open, m)
	}
	p.pos++
	from := len(p.closed)
	p.closed = append(p.closed, p.open[outer:]...)
	p.open = p.open[:outer]
	v := value{text, p.closed[from:]}
	if open == '{' {
		return v, v.sort()
	}
	return v, nil
}

func (p *parser) name() ([]byte, error) {
	p.skipSpace()
	name, _, err := p.string()
	if err != nil {
		return nil, err
	}
	p.skipSpace()
	return name, p.expect(':')
}

// sort puts an object's members in order and refuses two of one name.
func (v *value) sort() error {
	slices.SortFunc(v.members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	for i := 1; i < len(v.members); i++ {
		if name := v.members[i].name; bytes.Equal(name, v.members[i-1].name) {
			return fmt.Errorf("the member name %.40q is there twice", name)
		}
	}
	return nil
}

// compareUTF16 compares UTF-8 texts by their UTF-16 code units, as RFC 8785
// section 3.2.3 has it. That is the order of the bytes, except that the
// characters beyond the Basic Multilingual Plane, which begin with F0 or more,
// come before U+E000 to U+FFFF, which begin with EE or EF: their surrogates do.
func compareUTF16(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			x, y = y, x
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}

func (p *parser) literal(want string) (value, error) {
	for i := range len(want) {
		if p.next() != want[i] {
			return value{}, p.unexpected()
		}
		p.pos++
	}
	return value{text: p.text[p.pos-len(want) : p.pos]}, nil
}

// next is the next character, or 0 at the end: a NUL is not to be found between
// tokens either.
func (p *parser) next() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) skipSpace() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) expect(c byte) error {
	if p.next() != c {
		return p.unexpected()
	}
	p.pos++
	return nil
}

var errEnds = errors.New("not JSON: it ends too early")

// unexpected is the error about the next character.
func (p *parser) unexpected() error {
	if p.pos >= len(p.text) {
		return errEnds
	}
	return fmt.Errorf("not JSON: %q at byte %d is not expected", p.text[p.pos], p.pos)
}
