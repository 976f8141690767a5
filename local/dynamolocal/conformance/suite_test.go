package conformance

import "testing"

// The suite is only as good as its dealing with targets that are known to be wrong: a complaint must not be lost, and
// neither must the absence of one.
func TestKnownWrong(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		body func(p *probe)
		want bool
	}{
		{"passes", func(p *probe) {}, false},
		{"logs", func(p *probe) { p.Logf("no complaint") }, false},
		{"error", func(p *probe) { p.Errorf("a complaint") }, true},
		{"fatal", func(p *probe) { p.Fatalf("a complaint") }, true},
		{"error, then passes", func(p *probe) { p.Errorf("a complaint"); p.equal("item", item{}, item{}) }, true},
		{"goes on after fatal", func(p *probe) { p.Fatalf("a complaint"); panic("went on") }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &probe{T: t, target: Moto, reason: "for the test"}
			if got := p.complains(c.body); got != c.want {
				t.Errorf("complains: %t, want %t", got, c.want)
			}
		})
	}
}

func TestWrongOfOperation(t *testing.T) {
	t.Parallel()
	known := wrong{Moto: "always", Endpoint + "/get": "for get"}
	cases := []struct{ target, operation, want string }{
		{Moto, "get", "always"},
		{Moto, "put", "always"},
		{Endpoint, "get", "for get"},
		{Endpoint, "put", ""},
		{Embedded, "get", ""},
	}
	for _, c := range cases {
		if got := known.of(c.operation)[c.target]; got != c.want {
			t.Errorf("%s is known to be wrong in %s: %q, want %q", c.target, c.operation, got, c.want)
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	same := []struct{ a, b item }{
		{item{"n": num("1.0")}, item{"n": num("1")}},
		{item{"n": num("1e2")}, item{"n": num("100")}},
		{item{"n": nums("2", "1.0")}, item{"n": nums("1", "2")}},
		{item{"s": strs("b", "a")}, item{"s": strs("a", "b")}},
		{item{"m": doc(nil)}, item{"m": doc(item{})}},
	}
	for _, c := range same {
		if show(c.a) != show(c.b) {
			t.Errorf("%s differs from %s", show(c.a), show(c.b))
		}
	}
	different := []struct{ a, b item }{
		{nil, item{}},
		{item{"n": num("1")}, item{"n": str("1")}},
		{item{"n": num(digits38)}, item{"n": num("12345678901234567890123456789012345679")}},
		{item{"n": num(smallest)}, item{"n": num("0")}},
		{item{"n": num(largest)}, item{"n": num("9.9999999999999999999999999999999999998E+125")}},
		{item{"l": list(num("1"), num("2"))}, item{"l": list(num("2"), num("1"))}},
		{item{"s": str("a")}, item{"s": bin("a")}},
	}
	for _, c := range different {
		if show(c.a) == show(c.b) {
			t.Errorf("two items both show as %s", show(c.a))
		}
	}
}
