package main

// idemhttpMutants are those of the HTTP middleware and of canonical JSON.
var idemhttpMutants = []mutant{
	{
		name:     "canonical JSON: decimals that a double rounds accepted",
		file:     "canonicaljson/scalar.go",
		old:      "if rounded(number, f) {",
		new:      "if rounded(number, f) && f > maxInteger {",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "two amounts have one fingerprint",
	},
	{
		name:     "canonical JSON: numbers taken for short although they have an exponent",
		file:     "canonicaljson/scalar.go",
		old:      "len(number) <= exactDigits && bytes.IndexByte(number, 'e') < 0 &&",
		new:      "len(number) <= exactDigits &&",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "1e-400 and 0 have one fingerprint",
	},
	{
		name:     "canonical JSON: numbers of any length taken for exact",
		file:     "canonicaljson/scalar.go",
		old:      "const exactDigits = 15",
		new:      "const exactDigits = 18",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "two amounts have one fingerprint",
	},
}
