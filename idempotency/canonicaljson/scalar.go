package canonicaljson

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// number writes a number as ECMAScript does (RFC 8785 section 3.2.2.3). It
// refuses those so large that two integers would become one as IEEE 754 doubles.
// Of fractions the double is all that counts, as there.
func (p *parser) number() (value, error) {
	start := p.pos
	if p.next() == '-' {
		p.pos++
	}
	if p.next() == '0' {
		p.pos++
	} else if err := p.digits(); err != nil {
		return value{}, err
	}
	if p.next() == '.' {
		p.pos++
		if err := p.digits(); err != nil {
			return value{}, err
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.next(); c == '+' || c == '-' {
			p.pos++
		}
		if err := p.digits(); err != nil {
			return value{}, err
		}
	}
	number := p.text[start:p.pos]
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil || math.Abs(f) > maxInteger {
		return value{}, fmt.Errorf("the number %.40s is beyond ±(2^53-1): send it as a string", number)
	}
	from := len(p.written)
	p.written = appendNumber(p.written, f)
	return value{text: p.written[from:]}, nil
}

// digits reads one or more.
func (p *parser) digits() error {
	start := p.pos
	for c := p.next(); '0' <= c && c <= '9'; c = p.next() {
		p.pos++
	}
	if p.pos == start {
		return p.unexpected()
	}
	return nil
}

// appendNumber writes a double of at most ±maxInteger.
func appendNumber(to []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case f == math.Trunc(f):
		return strconv.AppendInt(to, int64(f), 10) // minus zero is zero
	case abs >= 1e-6:
		return strconv.AppendFloat(to, f, 'f', -1, 64)
	}
	to = strconv.AppendFloat(to, f, 'e', -1, 64)
	if n := len(to); to[n-3] == '-' && to[n-2] == '0' { // ECMAScript has e-7 where Go has e-07
		to = append(to[:n-2], to[n-1])
	}
	return to
}

// stringValue is the string that is next, in its canonical spelling.
func (p *parser) stringValue() (value, error) {
	start := p.pos
	said, verbatim, err := p.string()
	if err != nil {
		return value{}, err
	}
	if verbatim {
		return value{text: p.text[start:p.pos]}, nil
	}
	from := len(p.written)
	p.written = appendString(p.written, said)
	return value{text: p.written[from:]}, nil
}

// string reads a string and returns what it says. If that is verbatim what is
// between its quotes, then so is its canonical spelling, which escapes only what
// has to be.
func (p *parser) string() (said []byte, verbatim bool, err error) {
	if err := p.expect('"'); err != nil {
		return nil, false, err
	}
	said, verbatim = p.plain(), true
	if p.next() == '\\' {
		from := len(p.written)
		p.written = append(p.written, said...)
		if err := p.unescape(); err != nil {
			return nil, false, err
		}
		said, verbatim = p.written[from:], false
	}
	if err := p.expect('"'); err != nil {
		return nil, false, err
	}
	if !utf8.Valid(said) {
		return nil, false, errors.New("a string is not valid UTF-8")
	}
	return said, verbatim, nil
}

// plain reads the characters that stand for themselves in a string.
func (p *parser) plain() []byte {
	rest := p.text[p.pos:]
	n := 0
	for n < len(rest) && plain(rest[n]) {
		n++
	}
	p.pos += n
	return rest[:n]
}

// plain tells whether c stands for itself in a string: RFC 8259 section 7.
func plain(c byte) bool { return c >= ' ' && c != '"' && c != '\\' }

// unescape writes what the rest of a string says.
func (p *parser) unescape() error {
	for {
		p.written = append(p.written, p.plain()...)
		if p.next() != '\\' {
			return nil
		}
		r, err := p.escape()
		if err != nil {
			return err
		}
		p.written = utf8.AppendRune(p.written, r)
	}
}

var errSurrogate = errors.New("a string has a lone surrogate")

// escape reads one character that is escaped.
func (p *parser) escape() (rune, error) {
	p.pos++
	c := p.next()
	if c != 'u' {
		for _, e := range escapes {
			if c == e.letter {
				p.pos++
				return rune(e.char), nil
			}
		}
		return 0, p.unexpected()
	}
	r, err := p.codeUnit()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if p.next() != '\\' {
		return 0, errSurrogate
	}
	if p.pos++; p.next() != 'u' {
		return 0, errSurrogate
	}
	low, err := p.codeUnit()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError { // which no pair stands for
		return 0, errSurrogate
	}
	return r, nil
}

// codeUnit reads the "u" of an escape and its four digits.
func (p *parser) codeUnit() (rune, error) {
	var r rune
	for range 4 {
		p.pos++
		c := p.next()
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, p.unexpected()
		}
		r = r<<4 | rune(c)
	}
	p.pos++
	return r, nil
}

// escapes are the short ones; only the slash need not be escaped.
var escapes = [...]struct{ letter, char byte }{
	{'"', '"'}, {'\\', '\\'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'/', '/'},
}

// appendString writes a string (RFC 8785 section 3.2.2.2).
func appendString(to, said []byte) []byte {
	to = append(to, '"')
	for _, c := range said {
		if plain(c) {
			to = append(to, c)
		} else {
			to = appendEscape(to, c)
		}
	}
	return append(to, '"')
}

func appendEscape(to []byte, c byte) []byte {
	for _, e := range escapes {
		if c == e.char {
			return append(to, '\\', e.letter)
		}
	}
	return fmt.Appendf(to, `\u%04x`, c)
}
