package attribute_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

func TestParseNumberNormalises(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "0E999": "0", "+5": "5", ".5": "0.5", "5.": "5",
		"1.0": "1", "0042.1200": "42.12", "100": "100", "1E2": "100", "1.5e2": "150", "15E-1": "1.5",
		"1E-3": "0.001", "-1.50": "-1.5", "1e+5": "100000",
		"12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
		"1E125":                                  "1" + strings.Repeat("0", 125),
		"1E-130":                                 "0." + strings.Repeat("0", 129) + "1",
		"9.9999999999999999999999999999999999999E+125": strings.Repeat("9", 38) + strings.Repeat("0", 88),
	}
	for text, want := range cases {
		if got, err := attribute.ParseNumber(text); err != nil || got.String() != want {
			t.Errorf("ParseNumber(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseNumberRefuses(t *testing.T) {
	t.Parallel()
	const notNumeric = "The parameter cannot be converted to a numeric value"
	cases := map[string]string{
		"":    notNumeric,
		"one": notNumeric + ": one", "1e": notNumeric + ": 1e", "1e+-2": notNumeric + ": 1e+-2", ".": notNumeric + ": .",
		"1 ": notNumeric + ": 1 ", "0x10": notNumeric + ": 0x10", "NaN": notNumeric + ": NaN", "--1": notNumeric + ": --1",
		"123456789012345678901234567890123456789":  "Attempting to store more than 38 significant digits in a Number",
		"1.23456789012345678901234567890123456789": "Attempting to store more than 38 significant digits in a Number",
		"1E126":                      "Number overflow. Attempting to store a number with magnitude larger than supported range",
		"-1E126":                     "Number overflow. Attempting to store a number with magnitude larger than supported range",
		"1E99999999999999999999999":  "Number overflow. Attempting to store a number with magnitude larger than supported range",
		"1E-131":                     "Number underflow. Attempting to store a number with magnitude smaller than supported range",
		"1E-99999999999999999999999": "Number underflow. Attempting to store a number with magnitude smaller than supported range",
	}
	for text, want := range cases {
		if got, err := attribute.ParseNumber(text); err == nil || err.Error() != want {
			t.Errorf("ParseNumber(%q) = %s, %v; want the error %q", text, got, err, want)
		}
	}
}

// The sizes that DynamoDB counts, to the byte.
func TestNumberSize(t *testing.T) {
	t.Parallel()
	cases := map[string]int{
		"0": 1, "-0": 1, "1": 2, "12": 2, "123": 3, "1234": 3, "12345678901234567890123456789012345678": 20,
		"0042": 2, "100": 2, "1010": 3, "0.0000001": 2, "1E125": 2, "1E-100": 2, "1.5": 3, "15": 2, "1.234": 4,
		"3.14159": 5, "123456": 4, "100.5": 4, "0.15": 2, "-42": 3,
	}
	for text, want := range cases {
		if got := number(t, text).Size(); got != want {
			t.Errorf("the size of %s is %d, want %d", text, got, want)
		}
	}
}

// texts draws texts of numbers in range: any sign, point and exponent, with
// zeros that don't count.
var texts = rapid.Custom(func(t *rapid.T) string {
	sign := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign")
	whole := rapid.StringMatching(`0{0,3}[0-9]{1,19}`).Draw(t, "whole")
	fraction := rapid.StringMatching(`(\.[0-9]{0,19})?`).Draw(t, "fraction")
	exponent := rapid.SampledFrom([]string{"", "e0", "E3", "e-7", "E+90", "e-100"}).Draw(t, "exponent")
	return sign + whole + fraction + exponent
})

func TestNumberAgreesWithRationals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first, second := texts.Draw(t, "first"), texts.Draw(t, "second")
		a, b := number(t, first), number(t, second)
		x, y := rational(first), rational(second)

		if rational(a.String()).Cmp(x) != 0 {
			t.Fatalf("%s became %s", first, a)
		}
		if again := number(t, a.String()); again != a {
			t.Fatalf("%s is not canonical: it reads as %s", a, again)
		}
		if got, want := a.Compare(b), x.Cmp(y); got != want {
			t.Fatalf("%s compared to %s is %d, want %d", first, second, got, want)
		}
		if (a == b) != (x.Cmp(y) == 0) {
			t.Fatalf("%s == %s is %t", first, second, a == b)
		}
		checkResult(t, "sum", a.Add, b, new(big.Rat).Add(x, y))
		checkResult(t, "difference", a.Sub, b, new(big.Rat).Sub(x, y))
	})
}

// checkResult checks that an operation is exact, or refuses what a number cannot
// hold.
func checkResult(
	t *rapid.T, name string, operation func(attribute.Number) (attribute.Number, error), operand attribute.Number, want *big.Rat,
) {
	got, err := operation(operand)
	if err == nil {
		if rational(got.String()).Cmp(want) != 0 {
			t.Fatalf("the %s is %s, want %s", name, got, want)
		}
		return
	}
	exact, _ := want.FloatPrec()
	if digits := strings.Trim(strings.ReplaceAll(want.FloatString(exact), ".", ""), "-0"); len(digits) <= 38 {
		t.Fatalf("the %s %s was refused: %v", name, want, err)
	}
}

func TestNumberArithmeticRefuses(t *testing.T) {
	t.Parallel()
	const overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	if sum, err := number(t, "9.9e125").Add(number(t, "9.9e125")); err == nil || err.Error() != overflow {
		t.Errorf("the sum is %s, %v; want the error %q", sum, err, overflow)
	}
	if difference, err := number(t, "1e50").Sub(number(t, "1")); err == nil || err.Error() != overflow {
		t.Errorf("the difference is %s, %v; want the error %q", difference, err, overflow)
	}
	if sum, err := number(t, "9e125").Add(number(t, "9e124")); err != nil || sum != number(t, "9.9e125") {
		t.Errorf("the sum is %s, %v; want 9.9e125", sum, err)
	}
}

func TestNumberInt64(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "-1.9": -1, "1700000000": 1700000000, "0.5": 0, "9223372036854775807": 1<<63 - 1} {
		if got, ok := number(t, text).Int64(); !ok || got != want {
			t.Errorf("Int64 of %s is %d, %t; want %d", text, got, ok, want)
		}
	}
	if got, ok := number(t, "9223372036854775808").Int64(); ok {
		t.Errorf("Int64 of 2^63 is %d, want none", got)
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func number(t failer, text string) attribute.Number {
	t.Helper()
	n, err := attribute.ParseNumber(text)
	if err != nil {
		t.Fatalf("ParseNumber(%q): %v", text, err)
	}
	return n
}

func rational(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(strings.TrimSuffix(strings.Replace(strings.Replace(text, ".e", "e", 1), ".E", "E", 1), "."))
	if !ok {
		panic("no rational: " + text)
	}
	return r
}
