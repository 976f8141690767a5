package canonicaljson

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// number writes a number as ECMAScript does (RFC 8785 section 3.2.2.3). It
// refuses a number that a double does not hold as it is written, because another
// number would then have the same canonical form.
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
	if rounded(number, f) {
		return value{}, fmt.Errorf("the number %.40s has more digits than a double keeps: send it as a string", number)
	}
	from := len(p.written)
	p.written = appendNumber(p.written, f)
	return value{text: p.written[from:]}, nil
}

// exactDigits is the number of significant decimal digits that a double always
// keeps (DBL_DIG of C).
const exactDigits = 15

// rounded reports whether number, which parses to f, is another number than the
// shortest decimal that parses to f. Each double has one such decimal, so no two
// numbers that pass share a double.
func rounded(number []byte, f float64) bool {
	if len(number) <= exactDigits && bytes.IndexByte(number, 'e') < 0 && bytes.IndexByte(number, 'E') < 0 {
		return false
	}
	var buffer [24]byte // the longest is -1.7976931348623157e-308
	shortest := parseDecimal(strconv.AppendFloat(buffer[:0], f, 'e', -1, 64))
	return parseDecimal(number) != shortest
}

// decimal is an unsigned number: its significant digits, without leading or
// trailing zeros, and the power of ten of the point before them. Zero has no
// digits, and the power 0.
type decimal struct {
	digits string
	power  int
}

// parseDecimal parses what strconv.ParseFloat has accepted. An exponent that does
// not fit an int counts as the extreme one.
func parseDecimal(number []byte) decimal {
	number = bytes.TrimPrefix(number, []byte("-"))
	power := 0
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		power, _ = strconv.Atoi(string(number[e+1:])) // out of range, it is the nearest int
		number = number[:e]
	}
	whole, fraction, _ := bytes.Cut(number, []byte("."))
	digits := string(whole) + string(fraction)
	significant := strings.TrimLeft(digits, "0")
	if significant == "" {
		return decimal{}
	}
	power += len(whole) - (len(digits) - len(significant))
	return decimal{strings.TrimRight(significant, "0"), power}
}

// digits reads one or more digits.
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

// stringValue reads a string and returns its canonical spelling.
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

// string reads a string and returns it unescaped. verbatim reports whether the
// text between the quotes is that already. It is then the canonical spelling, too,
// which escapes only what must be escaped.
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

// plain reads the characters of a string up to the first that is not plain.
func (p *parser) plain() []byte {
	rest := p.text[p.pos:]
	n := 0
	for n < len(rest) && plain(rest[n]) {
		n++
	}
	p.pos += n
	return rest[:n]
}

// plain reports whether c needs no escape in a string (RFC 8259 section 7).
func plain(c byte) bool { return c >= ' ' && c != '"' && c != '\\' }

// unescape writes the rest of a string without its escapes.
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

// escape reads one escaped character.
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
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError { // no pair encodes it
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

// escapes are the two-character escapes. Only the slash may also go unescaped.
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
