// Package canonicaljson implements the JSON Canonicalization Scheme, RFC 8785,
// which writes JSON texts with the same meaning as the same bytes.
package canonicaljson

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// maxInteger is the largest integer n such that a double represents both n and
// every smaller one exactly (I-JSON, RFC 7493 section 2.2).
const maxInteger = 1<<53 - 1

// maxDepth is the limit for nested arrays and objects, the same as that of
// encoding/json.
const maxDepth = 10000

// Transform returns the canonical form of a JSON text (RFC 8785). Texts with the
// same form have the same meaning.
//
// It refuses a text whose meaning the form would change or leave open: duplicate
// member names, numbers beyond ±(2^53−1), numbers with more digits than an IEEE
// 754 double keeps (1.000000000000000001, 1e-400), invalid UTF-8 and lone
// surrogates. A double keeps every number of up to 15 significant digits. It also
// refuses whatever is not exactly one JSON value, and one that nests deeper than
// 10000 levels. Errors describe the form of the text and may be shown to the
// client that sent it.
//
// Time and memory are proportional to the length of the text, apart from the
// sorting of member names. The result shares no memory with text.
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

// member is a member of an object or, without a name, an element of an array.
type member struct {
	name  []byte // unescaped
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

// parser reads a text in one pass.
type parser struct {
	text []byte
	pos  int
	// open holds the members of the objects and arrays that have not ended yet.
	// closed holds those of the others; each object's are adjacent.
	open, closed []member
	// written holds the values whose canonical spelling differs from the text's.
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

// container reads an object or an array. The next character opens it.
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

// sort sorts an object's members by name. Two of the same name are an error.
func (v *value) sort() error {
	slices.SortFunc(v.members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	for i := 1; i < len(v.members); i++ {
		if name := v.members[i].name; bytes.Equal(name, v.members[i-1].name) {
			return fmt.Errorf("the member name %.40q is there twice", name)
		}
	}
	return nil
}

// compareUTF16 compares UTF-8 texts by their UTF-16 code units (RFC 8785 section
// 3.2.3). That is the order of their bytes with one exception: characters beyond
// the Basic Multilingual Plane, whose UTF-8 begins with F0 or more, sort before
// U+E000 to U+FFFF, whose UTF-8 begins with EE or EF, as their surrogates do.
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

// next returns the next character, or 0 at the end. JSON allows no NUL outside
// strings either, so 0 is an error wherever it matters.
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

// unexpected returns the error for a next character that does not fit.
func (p *parser) unexpected() error {
	if p.pos >= len(p.text) {
		return errEnds
	}
	return fmt.Errorf("not JSON: %q at byte %d is not expected", p.text[p.pos], p.pos)
}
