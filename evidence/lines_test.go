package evidence_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// use is a row of the table of lines in the library's README.
type use struct {
	row, program string
	// also is a text by which statements are recognised that are there for the sake of
	// idempotency, although they name none of its packages.
	also string
	// not is a text that lets a statement be left out: it is the client's, for example.
	not string
	// packages are those that count; empty for all of the library's.
	packages string
	// more is what a table in DynamoDB takes in the place of the program's memory.
	more int
}

var uses = []use{
	{row: "net/http", program: "http"},
	{row: "Gin", program: "gin"},
	{row: "Echo", program: "echo"},
	{row: "gRPC", program: "grpc", not: "AppendToOutgoingContext"},
	// The client and its configuration: three imports, and the line that loads it.
	{row: "an HTTP API in Lambda, with a table", program: "lambdahttp", more: 4},
	{row: "a queue in Lambda, with a table and metrics", program: "guide/orders", also: "LoadDefaultConfig"},
	{row: "a client", program: "guide/client"},
	{row: "effect and record in one transaction of PostgreSQL", program: "postgres", also: "store.Migrate"},
	{row: "metrics and traces", program: "otel", packages: "idemotel"},
}

// TestLines counts the lines of each program that are there for the sake of
// idempotency, and compares them with the table in the library's README.
func TestLines(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "../idempotency/README.md")
	for _, u := range uses {
		row := regexp.MustCompile(`(?m)^\| \[` + regexp.QuoteMeta(u.row) + `\]\(../evidence/consumers/testdata/` + u.program + `/main.go\) \| (\d+) \|`).FindStringSubmatch(readme)
		if row == nil {
			t.Errorf("the table has no row %q that links to its program", u.row)
			continue
		}
		source := readFile(t, filepath.Join("consumers/testdata", u.program, "main.go"))
		if got, want := u.count(t, source)+u.more, row[1]; strconv.Itoa(got) != want {
			t.Errorf("%s: %d lines, and the table says %s", u.row, got, want)
		}
	}
	for _, block := range goBlocks(readFile(t, "../docs/creating-the-table.md")) {
		if !strings.Contains(block[0], "construct.NewIdempotencyTable") {
			continue
		}
		if want := fmt.Sprintf("(../infra/construct)) | %d |", len(block)+1); !strings.Contains(readme, want) { // and an import
			t.Errorf("the table is made in %d lines and an import, and the README says something else", len(block))
		}
		return
	}
	t.Error("the documents do not show how a table is made")
}

// The rules, by an example each.
func TestLinesAreCounted(t *testing.T) {
	t.Parallel()
	const ours = `import ("fmt"
		"github.com/idempotent-requests/idempotent-requests/idempotency"
		"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	)
	`
	for name, test := range map[string]struct {
		body string
		want int // beside the two imports
	}{
		"nothing":                    {"fmt.Println()", 0},
		"an assignment":              {"x := idempotency.New(\n1,\n)", 3},
		"an argument":                {"fmt.Println(idemhttp.New(\n1,\n))", 2},
		"in a loop":                  {"for range 2 {\nx := idempotency.New()\n_ = x\n}", 1},
		"Must alone":                 {"x := idempotency.Must(fmt.Println())", 0},
		"an operation does not":      {"x := idempotency.Do(1, func() {\nfmt.Println()\nfmt.Println()\n})", 1},
		"a field that is a function": {"x := idempotency.New(idempotency.Config{\nScope: func() {\nfmt.Println()\n},\n})", 5},
		"what is said to":            {"if err := store.Migrate(); err != nil {\nfmt.Println(err)\n}", 3},
		"what is said not to":        {"x := idempotency.Client()", 0},
		"a comment and blank lines":  {"x := idempotency.New(\n// why\n\n1,\n)", 3},
	} {
		source := "package main\n" + ours + "func main() {\n" + test.body + "\n}\n"
		u := use{also: "store.Migrate", not: "Client"}
		if got := u.count(t, source) - 2; got != test.want {
			t.Errorf("%s: %d lines, want %d", name, got, test.want)
		}
	}
}

// count counts imports and statements that name a package of the library. A
// function's body counts as what it stands in for, because it would be there in any
// case; and so would one line of a call that the library is only an argument of.
func (u use) count(t *testing.T, source string) (lines int) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "main.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	const library = "github.com/idempotent-requests/idempotent-requests/idempotency"
	packages := make(map[string]bool)
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		switch {
		case strings.HasPrefix(path, library) && (u.packages == "" || u.packages == name):
			packages[name] = true
			lines++
		case u.also == "LoadDefaultConfig" && strings.HasPrefix(path, "github.com/aws/aws-sdk-go-v2/"):
			lines++
		}
	}
	text := strings.Split(source, "\n")
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			lines += u.statements(files, text, packages, function.Body.List)
		}
	}
	return lines
}

func (u use) statements(files *token.FileSet, text []string, packages map[string]bool, list []ast.Stmt) (lines int) {
	for _, statement := range list {
		if loop, ok := statement.(*ast.RangeStmt); ok {
			lines += u.statements(files, text, packages, loop.Body.List)
			continue
		}
		from, to := files.Position(statement.Pos()).Line, files.Position(statement.End()).Line
		passage := text[from-1 : to]
		whole := strings.Join(passage, "\n")
		if u.not != "" && strings.Contains(whole, u.not) {
			continue
		}
		also := u.also != "" && strings.Contains(whole, u.also)
		if u.packages != "" { // a part of a statement
			for _, line := range passage {
				if strings.Contains(line, u.packages+".") {
					lines++
				}
			}
			continue
		}
		if !names(statement, packages) && !also {
			continue
		}
		lines += to - from + 1
		for _, line := range passage {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "//") {
				lines--
			}
		}
		ast.Inspect(statement, func(n ast.Node) bool {
			if _, field := n.(*ast.KeyValueExpr); field {
				return false // a function there is configuration
			}
			function, ok := n.(*ast.FuncLit)
			if !ok {
				return true
			}
			start, end := files.Position(function.Body.Pos()).Line, files.Position(function.Body.End()).Line
			for _, line := range text[start:end] {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
					lines--
				}
			}
			return false
		})
		if _, ok := statement.(*ast.ExprStmt); ok {
			lines--
		}
	}
	return lines
}

// names reports whether a statement names one of the packages, other than by Must.
func names(statement ast.Stmt, packages map[string]bool) (found bool) {
	ast.Inspect(statement, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok && packages[name.Name] && selector.Sel.Name != "Must" {
				found = true
			}
		}
		return !found
	})
	return found
}
