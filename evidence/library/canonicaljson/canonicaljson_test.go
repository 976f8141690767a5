package canonicaljson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
)

// The vectors are shared with clients in other languages: what is accepted has
// one canonical form everywhere.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../idempotency/canonicaljson/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Accepted []struct{ Name, Input, Canonical string }
		Refused  []struct{ Name, Input string }
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Accepted) == 0 || len(vectors.Refused) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors.Accepted {
		if got, err := canonicaljson.Transform([]byte(v.Input)); err != nil || string(got) != v.Canonical {
			t.Errorf("%s:\n got %s, %v\nwant %s", v.Name, got, err, v.Canonical)
		}
	}
	for _, v := range vectors.Refused {
		if got, err := canonicaljson.Transform([]byte(v.Input)); err == nil {
			t.Errorf("%s: accepted as %s", v.Name, got)
		}
	}
}

func TestInvalidUTF8IsRefused(t *testing.T) {
	t.Parallel()
	if got, err := canonicaljson.Transform([]byte("\"a\xff\"")); err == nil {
		t.Errorf("accepted as %q", got)
	}
}

// The canonical form means the same, is its own canonical form, and does not
// depend on how the text was indented.
func FuzzTransform(f *testing.F) {
	for _, seed := range []string{`{"b":[1.50,"\u00e9"],"a":null}`, `[1e3,-0,5e-324]`, `{"a":1,"a":2}`, `"\ud83d\ude00"`, "9007199254740993", "{", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		canonical, err := canonicaljson.Transform(text)
		if err != nil {
			return
		}
		if again, err := canonicaljson.Transform(canonical); err != nil || !bytes.Equal(again, canonical) {
			t.Errorf("%q became %q and then %q, %v", text, canonical, again, err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, " ", "\t"); err != nil {
			t.Fatalf("%q was accepted and is not JSON: %v", text, err)
		}
		if other, err := canonicaljson.Transform(indented.Bytes()); err != nil || !bytes.Equal(other, canonical) {
			t.Errorf("%q became %q, but indented %q, %v", text, canonical, other, err)
		}
		var before, after any
		if err := json.Unmarshal(text, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(canonical, &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q means %v, its canonical form %v, %v", text, before, after, err)
		}
	})
}

// The reference implementation for Go, preceded by the checks of numbers that it
// does not make, accepts the same texts and gives them the same form.
func FuzzAgainstReference(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1.50,"\u00e9"],"a":null}`, `[1e3,-0,5e-324,1e-400,1E-7,0.1e-5]`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, "9007199254740993", "{", "", "\"\xff\"", "\"\xed\xa0\x80\"",
		`{"\ufb33":1,"\ud83d\ude00":2,"\ue000":3,"\ud7ff":4,"":5}`, "\"\x7f\u2028\"", `"\/\b\f\n\r\t\"\\\u000B"`, "[1,]", "[,1]", "[1 2]", `{"a" 1}`, "tru", "truex",
		"-", "01", "1.", ".1", "1e", "1e+", "+1", "nul", "[", "\x00", "1\x00", `"\u00g0"`, `{"a":1,"b":2,"c":[{},[],{"":[]}]} `, "\ufeff1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := canonicaljson.Transform(text)
		want, wantErr := reference(text)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Errorf("%q:\n got %q, %v\nwant %q, %v", text, got, err, want, wantErr)
		}
	})
}

// Texts made to be difficult: names that sort otherwise in UTF-8, strings half
// escaped, numbers in every notation, members out of order and sometimes twice.
func TestGeneratedTextsAgainstReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(drawJSON(t, 4))
		got, err := canonicaljson.Transform(text)
		want, wantErr := reference(text)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("%s:\n got %s, %v\nwant %s, %v", text, got, err, want, wantErr)
		}
	})
}

func drawJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	if kind := rapid.IntRange(0, 3).Draw(t, "kind"); depth == 0 || kind == 0 {
		return space + rapid.SampledFrom([]string{"null", "true", "0", "-0.0", "1E2", "12.50e-1", "1e-7", "9007199254740991", "9007199254740992", "1e22"}).Draw(t, "scalar") + space
	} else if kind == 1 {
		return space + drawString(t) + space
	} else if kind == 2 {
		elements := make([]string, rapid.IntRange(0, 4).Draw(t, "length"))
		for i := range elements {
			elements[i] = drawJSON(t, depth-1)
		}
		return "[" + space + strings.Join(elements, ",") + "]"
	}
	members := make([]string, rapid.IntRange(0, 6).Draw(t, "members"))
	for i := range members {
		members[i] = space + drawString(t) + space + ":" + drawJSON(t, depth-1)
	}
	return "{" + space + strings.Join(members, ",") + "}"
}

func drawString(t *rapid.T) string {
	var b strings.Builder
	for range rapid.IntRange(0, 5).Draw(t, "characters") {
		r := rapid.SampledFrom([]rune("a\ue000\U00010000\"\\\n\uffff\U0010ffff\ufb33\U0001f600\ud7ff0/\x1f\x7fé\u2028")).Draw(t, "character")
		if high, low := utf16.EncodeRune(r); r > 0xffff && rapid.Bool().Draw(t, "escaped") {
			fmt.Fprintf(&b, `\u%04x\u%04X`, high, low)
		} else if r <= 0xffff && (r < ' ' || r == '"' || r == '\\' || rapid.Bool().Draw(t, "escaped")) {
			fmt.Fprintf(&b, `\u%04X`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

func reference(text []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return jcs.Transform(text)
		}
		if err != nil {
			return nil, err
		}
		if n, ok := token.(json.Number); ok {
			f, err := n.Float64()
			if err != nil || math.Abs(f) > 1<<53-1 {
				return nil, fmt.Errorf("%s is out of range", n)
			}
			if !keeps(f, n.String()) {
				return nil, fmt.Errorf("%s is rounded to %v", n, f)
			}
		}
	}
}

// keeps reports whether the shortest decimal for f is the number that text is,
// by exact arithmetic.
func keeps(f float64, text string) bool {
	if f == 0 {
		mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
		return !strings.ContainsAny(mantissa, "123456789")
	}
	exact, _ := new(big.Rat).SetString(text)
	shortest, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	return exact.Cmp(shortest) == 0
}

// Decimals around those that a double keeps: one digit more or less, and the
// same ones in other notations.
func TestDecimalsAgainstExactArithmetic(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 100_000 {
		fraction := strconv.FormatUint(random.Uint64(), 10)
		text := fmt.Sprintf("%d.%se%d", random.IntN(1000), fraction[:1+random.IntN(len(fraction))], random.IntN(40)-30)
		want, wantErr := reference([]byte(text))
		got, err := canonicaljson.Transform([]byte(text))
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("%s: got %s, %v, want %s, %v", text, got, err, want, wantErr)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted < 20_000 || accepted > 90_000 {
		t.Errorf("%d of 100000 were accepted: the test leans to one side", accepted)
	}
}

// What a canonical form loses, no two texts may differ by: two that are accepted
// and have one form are the same number.
func FuzzNumbersStayApart(f *testing.F) {
	for _, seed := range [][2]string{{"1.000000000000000001", "1.000000000000000009"}, {"1e-400", "0"}, {"123456789012345.678", "123456789012345.67"}, {"1.50", "15e-1"}, {"5e-324", "4e-324"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 60 || len(b) > 60 {
			return
		}
		formA, errA := canonicaljson.Transform([]byte(a))
		formB, errB := canonicaljson.Transform([]byte(b))
		if errA != nil || errB != nil || !bytes.Equal(formA, formB) || !strings.ContainsAny(a[:1], "-0123456789") {
			return
		}
		exactA, okA := exactly(a)
		exactB, okB := exactly(b)
		if okA && okB && exactA.Cmp(exactB) != 0 {
			t.Errorf("%s and %s have the form %s", a, b, formA)
		}
	})
}

func exactly(text string) (*big.Rat, bool) {
	text = strings.TrimSpace(text)
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found {
		if n, err := strconv.Atoi(exponent); err != nil || n < -400 || n > 400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

// Whatever doubles a text may hold are written as ECMAScript does.
func TestNumbersAgainstReference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		f := math.Float64frombits(random.Uint64())
		if math.IsNaN(f) || math.Abs(f) > 1<<53-1 {
			f = (random.Float64() - 0.5) * math.Pow(10, float64(random.IntN(40)-25))
		}
		text := strconv.AppendFloat(nil, f, 'g', -1, 64)
		got, err := canonicaljson.Transform(text)
		want, wantErr := jcs.NumberToJSON(f)
		if err != nil || wantErr != nil || string(got) != want {
			t.Fatalf("%s: got %s, %v, want %s, %v", text, got, err, want, wantErr)
		}
	}
}

func TestNesting(t *testing.T) {
	t.Parallel()
	nested := func(depth int) []byte {
		return append(bytes.Repeat([]byte("["), depth), bytes.Repeat([]byte("]"), depth)...)
	}
	if _, err := canonicaljson.Transform(nested(10_000)); err != nil {
		t.Errorf("10000 deep: %v", err)
	}
	for _, text := range [][]byte{nested(10_001), bytes.Repeat([]byte("["), 1<<20), bytes.Repeat([]byte(`{"a":`), 1<<18)} {
		if _, err := canonicaljson.Transform(text); err == nil {
			t.Errorf("%d bytes that nest too deep were accepted", len(text))
		}
	}
}

// The text is the caller's again once Transform has returned.
func TestFormIsIndependentOfTheText(t *testing.T) {
	t.Parallel()
	text := []byte(`{"b":"x","a":["y",true]}`)
	canonical, err := canonicaljson.Transform(text)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(canonical) != `{"a":["y",true],"b":"x"}` {
		t.Errorf("the form changed with the text, to %s", canonical)
	}
}

func BenchmarkTransform(b *testing.B) {
	for name, text := range map[string]string{
		"payment": `{"amount":1250,"currency":"EUR","description":"` + strings.Repeat("x", 970) + `"}`,
		"order": `{"customer":{"name":"Zoë","address":["1 High St","Town"]},"lines":[` +
			strings.TrimSuffix(strings.Repeat(`{"sku":"A-100-XL","quantity":2,"price":12.50,"note":"line\nbreak"},`, 12), ",") + `],"currency":"EUR"}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			text := []byte(text)
			for b.Loop() {
				if _, err := canonicaljson.Transform(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
