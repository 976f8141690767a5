package main

// jmespathMutants are those of keys and payloads that are selected by expressions.
var jmespathMutants = []mutant{
	{
		name:     "jmespath: half a key is a key",
		file:     "jmespath/jmespath.go",
		old:      "case absent > 0:",
		new:      "case absent > 9:",
		packages: []string{"evidence/library/jmespath"},
		why:      "strangers share a record",
	},
	{
		name:     "jmespath: nothing is a payload",
		file:     "jmespath/jmespath.go",
		old:      "if present, _ := parts(value); present == 0 {",
		new:      "if present, _ := parts(value); present < 0 {",
		packages: []string{"evidence/library/jmespath"},
		why:      "all payloads pass for the same",
	},
	{
		name:     "jmespath: a number's key is a string's",
		file:     "jmespath/jmespath.go",
		old:      `const composed = "\x00"`,
		new:      `const composed = ""`,
		packages: []string{"evidence/library/jmespath"},
		why:      "two keys are one",
	},
	{
		name:     "jmespath: replacement characters are text",
		file:     "jmespath/jmespath.go",
		old:      "return !strings.ContainsRune(s, utf8.RuneError)",
		new:      "return utf8.ValidString(s)",
		packages: []string{"evidence/library/jmespath"},
		why:      "two keys become one",
	},
	{
		name:     "jmespath: an object's members in any order",
		file:     "jmespath/jmespath.go",
		old:      "case parsing.ASTValueProjection:",
		new:      "case -1:",
		packages: []string{"evidence/library/jmespath"},
		why:      "the same event has another key each time",
	},
	{
		name:     "jmespath: unbounded decompression",
		file:     "jmespath/powertools.go",
		old:      "if n > d.left {",
		new:      "if n < 0 {",
		packages: []string{"evidence/library/jmespath"},
		why:      "a message takes all the memory there is",
	},
}
