package idemhttp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dunglas/httpsfv"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", 255)
	for _, test := range []struct {
		name   string
		values []string
		want   string // empty: an error
	}{
		{"bare", []string{"abc"}, "abc"},
		{"UUID", []string{"8e03978e-40d5-43dd-bc93-6894a57f9324"}, "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		{"quoted", []string{`"abc"`}, "abc"},
		{"quoted with escapes", []string{`"a\"b\\c"`}, `a"b\c`},
		{"quoted with a comma", []string{`"a, b"`}, "a, b"},
		{"quoted with parameters", []string{`"abc";v=1`}, "abc"},
		{"surrounded by white space", []string{" \tabc "}, "abc"},
		{"bare with a space", []string{"a b"}, "a b"},
		{"all of printable ASCII but the comma", []string{"!\"#$%&'()*+-./09:;<=>?@AZ[\\]^_`az{|}~"}, "!\"#$%&'()*+-./09:;<=>?@AZ[\\]^_`az{|}~"},
		{"longest", []string{longest}, longest},
		{"longest quoted", []string{`"` + longest + `"`}, longest},
		{"too long", []string{longest + "k"}, ""},
		{"too long quoted", []string{`"` + longest + `k"`}, ""},
		{"missing", nil, ""},
		{"empty", []string{""}, ""},
		{"blank", []string{"  "}, ""},
		{"empty quoted", []string{`""`}, ""},
		{"unterminated", []string{`"abc`}, ""},
		{"trailing text", []string{`"abc" def`}, ""},
		{"sent twice", []string{"abc", "abc"}, ""},
		{"sent twice and joined", []string{"abc,abc"}, ""},
		{"sent twice quoted and joined", []string{`"abc","abc"`}, ""},
		{"a control character", []string{"a\x00b"}, ""},
		{"a tab inside", []string{"a\tb"}, ""},
		{"DEL", []string{"a\x7f"}, ""},
		{"not ASCII", []string{"clé"}, ""},
		{"not ASCII quoted", []string{`"clé"`}, ""},
		{"not UTF-8", []string{"a\xff"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := idemhttp.ParseKey(http.Header{"Idempotency-Key": test.values})
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("ParseKey(%q) = %q, %v; want %q", test.values, got, err, test.want)
			}
			if errors.Is(err, idemhttp.ErrNoKey) != (test.values == nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Whatever is sent, a key is printable ASCII of 1 to 255 bytes, and its quoted
// form is the same key.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"abc", `"abc"`, `"a\"b"`, `"a`, "a,b", "a b", "", `"";a`, "\xff", strings.Repeat("k", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := idemhttp.ParseKey(http.Header{"Idempotency-Key": {value}})
		if err != nil {
			if key != "" {
				t.Errorf("%q: key %q with error %v", value, key, err)
			}
			return
		}
		if len(key) < 1 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: key %q", value, key)
		}
		quoted, err := httpsfv.Marshal(httpsfv.NewItem(key))
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		if again, err := idemhttp.ParseKey(http.Header{"Idempotency-Key": {quoted}}); err != nil || again != key {
			t.Errorf("%q is key %q, but quoted %s is %q, %v", value, key, quoted, again, err)
		}
	})
}
