package attribute

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// Limits of DynamoDB numbers.
const (
	maxDigits   = 38   // significant digits
	maxExponent = 125  // largest power of ten of the leading digit
	minExponent = -130 // smallest power of ten of the leading digit
)

// Messages of DynamoDB for numbers that it refuses.
const (
	errNotNumeric = "The parameter cannot be converted to a numeric value"
	errOverflow   = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	errUnderflow  = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	errPrecision  = "Attempting to store more than 38 significant digits in a Number"
)

// Number is an exact decimal number of at most 38 significant digits and a
// magnitude between 1E-130 and 9.99…E+125. The representation is canonical:
// two numbers are equal exactly if they are equal by ==. The zero value is 0.
type Number struct {
	negative bool
	digits   string // significant digits without leading or trailing zeros; empty for 0
	point    int    // the value is 0.digits × 10^point
}

// ParseNumber reads the decimal text of a number, with or without an exponent.
// The error, an [*Error], carries DynamoDB's message for malformed numbers and
// for those out of range or of too many digits.
func ParseNumber(text string) (Number, error) {
	if text == "" {
		return Number{}, invalid(errNotNumeric)
	}
	malformed := func() (Number, error) { return Number{}, invalid(errNotNumeric + ": " + text) }

	mantissa, exponentText, hasExponent := cutAny(text, "eE")
	negative := strings.HasPrefix(mantissa, "-")
	if negative || strings.HasPrefix(mantissa, "+") {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return malformed()
	}
	exponent := 0
	if hasExponent {
		unsigned := strings.TrimLeft(exponentText, "+-")
		if len(exponentText)-len(unsigned) > 1 || unsigned == "" || !allDigits(unsigned) {
			return malformed()
		}
		// Atoi clamps what does not fit, and any such exponent is out of range.
		exponent, _ = strconv.Atoi(exponentText)
		exponent = min(max(exponent, -1<<30), 1<<30)
	}
	return newNumber(negative, whole+fraction, len(whole)+exponent)
}

// newNumber normalises and checks the number 0.digits × 10^point.
func newNumber(negative bool, digits string, point int) (Number, error) {
	trimmed := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	switch {
	case trimmed == "":
		return Number{}, nil
	case point-1 > maxExponent:
		return Number{}, invalid(errOverflow)
	case point-1 < minExponent:
		return Number{}, invalid(errUnderflow)
	case len(trimmed) > maxDigits:
		return Number{}, invalid(errPrecision)
	}
	return Number{negative: negative, digits: trimmed, point: point}, nil
}

// NumberOf returns n as a Number.
func NumberOf(n int64) Number {
	text := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(text, "-")
	// An int64 has 19 digits at most: always in range.
	number, _ := newNumber(n < 0, digits, len(digits))
	return number
}

// Add returns n + other. The error is DynamoDB's for results that a number
// cannot hold: for one of more than 38 digits it is, as in the service, the
// message of an overflow.
func (n Number) Add(other Number) (Number, error) {
	unit := min(n.unit(), other.unit())
	sum := new(big.Int).Add(n.scaled(unit), other.scaled(unit))
	digits := new(big.Int).Abs(sum).String()
	result, err := newNumber(sum.Sign() < 0, digits, len(digits)+unit)
	if err != nil && err.Error() == errPrecision {
		return Number{}, invalid(errOverflow)
	}
	return result, err
}

// Sub returns n - other, with the errors of [Number.Add].
func (n Number) Sub(other Number) (Number, error) {
	if other.digits != "" {
		other.negative = !other.negative
	}
	return n.Add(other)
}

// Compare returns -1, 0 or +1 as n is less than, equal to or greater than other.
func (n Number) Compare(other Number) int {
	if s := n.sign(); s != other.sign() || s == 0 {
		return cmp.Compare(s, other.sign())
	}
	magnitude := cmp.Or(cmp.Compare(n.point, other.point), strings.Compare(n.digits, other.digits))
	if n.negative {
		return -magnitude
	}
	return magnitude
}

// Int64 returns the integral part of n, and false if it does not fit.
func (n Number) Int64() (int64, bool) {
	whole, _, _ := strings.Cut(n.String(), ".")
	value, err := strconv.ParseInt(whole, 10, 64)
	return value, err == nil
}

// Size returns the bytes that DynamoDB counts for n: one, plus one for every
// two significant digits on either side of the decimal point, plus one if it is
// negative.
func (n Number) Size() int {
	if n.digits == "" {
		return 1
	}
	whole := min(max(n.point, 0), len(n.digits))
	fraction := len(n.digits) - whole
	size := 1 + (whole+1)/2 + (fraction+1)/2
	if n.negative {
		size++
	}
	return size
}

// String returns n as DynamoDB returns it: plain decimal, without exponent,
// leading or trailing zeros.
func (n Number) String() string {
	if n.digits == "" {
		return "0"
	}
	var text strings.Builder
	if n.negative {
		text.WriteByte('-')
	}
	switch {
	case n.point <= 0:
		text.WriteString("0." + strings.Repeat("0", -n.point) + n.digits)
	case n.point >= len(n.digits):
		text.WriteString(n.digits + strings.Repeat("0", n.point-len(n.digits)))
	default:
		text.WriteString(n.digits[:n.point] + "." + n.digits[n.point:])
	}
	return text.String()
}

// unit is the power of ten of the last significant digit.
func (n Number) unit() int { return n.point - len(n.digits) }

// scaled returns n / 10^unit, which is integral for units up to n.unit().
func (n Number) scaled(unit int) *big.Int {
	if n.digits == "" {
		return new(big.Int)
	}
	value, _ := new(big.Int).SetString(n.digits+strings.Repeat("0", n.unit()-unit), 10)
	if n.negative {
		value.Neg(value)
	}
	return value
}

func (n Number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

func allDigits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

func cutAny(text, separators string) (before, after string, found bool) {
	if i := strings.IndexAny(text, separators); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}
