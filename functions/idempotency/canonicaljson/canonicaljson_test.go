package canonicaljson_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/canonicaljson"
)

// The vectors are shared with clients in other languages: what is accepted has
// one canonical form everywhere.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
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
