package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// source is a Go file that mutants are made of.
type source struct {
	name  string
	text  []byte
	file  *ast.File
	fset  *token.FileSet
	named map[string][]place // the conditions that have a name, by name
}

// place is the part of a file that a name is about: from the first to after the
// last byte of a statement, of a case with its body, or of one line of a
// declaration.
type place struct {
	from, to int
	deciding []ast.Expr // the expressions of an if, a case, a return or an assignment
	decl     string     // the function or declaration that it stands in
}

// naming is a comment that names the condition beside it, or below it:
//
//	if found && existing.Owner != completed.Owner { // condition: fencing
var naming = regexp.MustCompile(`conditions?: ([a-z-]+(?:, [a-z-]+)*)$`)

func parse(name string, text []byte) (*source, error) {
	s := &source{name: name, text: text, fset: token.NewFileSet(), named: make(map[string][]place)}
	var err error
	if s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments); err != nil {
		return nil, err
	}
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			names := naming.FindStringSubmatch(comment.Text)
			if names == nil {
				continue
			}
			at, found := s.below(comment, group)
			if !found {
				return nil, fmt.Errorf("%s: nothing stands beside or below %q", s.fset.Position(comment.Pos()), comment.Text)
			}
			for name := range strings.SplitSeq(names[1], ", ") {
				s.named[name] = append(s.named[name], at)
			}
		}
	}
	return s, nil
}

// below returns what begins on the comment's line or, if nothing does, on the first
// line after its group.
func (s *source) below(comment *ast.Comment, group *ast.CommentGroup) (place, bool) {
	for _, line := range []int{s.line(comment.Pos()), s.line(group.End()) + 1} {
		for _, decl := range s.file.Decls {
			if at, found := s.beginning(decl, line); found {
				return at, true
			}
		}
	}
	return place{}, false
}

func (s *source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

func (s *source) span(n ast.Node) [2]int {
	return [2]int{s.fset.Position(n.Pos()).Offset, s.fset.Position(n.End()).Offset}
}

// beginning returns the largest part of the declaration that begins on the line.
func (s *source) beginning(decl ast.Decl, line int) (at place, found bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		if n == nil || found {
			return false
		}
		at = place{decl: nameOf(decl)}
		switch n := n.(type) {
		case *ast.IfStmt:
			at.deciding = []ast.Expr{n.Cond}
		case *ast.CaseClause:
			at.deciding = n.List
		case *ast.ReturnStmt:
			at.deciding = n.Results
		case *ast.AssignStmt:
			at.deciding = n.Rhs
		case *ast.ExprStmt, *ast.DeferStmt, *ast.ValueSpec, *ast.KeyValueExpr, *ast.ForStmt:
		default:
			return true
		}
		if s.line(n.Pos()) != line {
			return true
		}
		found = true
		span := s.span(n)
		at.from, at.to = span[0], span[1]
		return false
	})
	return at, found
}

func nameOf(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if len(d.Specs) == 1 {
			if spec, ok := d.Specs[0].(*ast.ValueSpec); ok {
				return spec.Names[0].Name
			}
		}
	}
	return ""
}

// replace replaces code that stands once in the places. How it is laid out does not
// matter, nor do comments.
func (s *source) replace(places []place, old, new string) (string, error) {
	var found [][2]int
	for _, at := range places {
		found = append(found, s.findTokens(old, at)...)
	}
	if len(found) == 0 { // it is no Go
		for _, at := range places {
			found = append(found, s.findText(old, at)...)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s contains the code to be replaced %d times, want once:\n%s", s.name, len(found), old)
	}
	return s.with(found[0], new), nil
}

// with returns the file with a part of it replaced.
func (s *source) with(at [2]int, by string) string {
	return string(s.text[:at[0]]) + by + string(s.text[at[1]:])
}

// decide adds to the condition at the only place.
func (s *source) decide(places []place, more string) (string, error) {
	if len(places) != 1 || len(places[0].deciding) != 1 {
		return "", fmt.Errorf("%s: the name does not stand at one condition", s.name)
	}
	condition := s.span(places[0].deciding[0])
	return s.with(condition, "("+string(s.text[condition[0]:condition[1]])+") "+more), nil
}

// leaveOut makes one side of an && true, or of an || false.
func (s *source) leaveOut(places []place, side string) (string, error) {
	var found [][2]int
	var neutral string
	for _, at := range places {
		for _, e := range at.deciding {
			ast.Inspect(e, func(n ast.Node) bool {
				if binary, ok := n.(*ast.BinaryExpr); ok && (binary.Op == token.LAND || binary.Op == token.LOR) {
					for _, operand := range []ast.Expr{binary.X, binary.Y} {
						if span := s.span(operand); same(s.text[span[0]:span[1]], []byte(side)) {
							found = append(found, span)
							neutral = map[token.Token]string{token.LAND: " || true)", token.LOR: " && false)"}[binary.Op]
						}
					}
				}
				return true
			})
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s: the condition has %q on a side %d times, want once", s.name, side, len(found))
	}
	return s.with(found[0], "("+string(s.text[found[0][0]:found[0][1]])+neutral), nil
}

// same reports whether two pieces of Go are the same but for their layout.
func same(a, b []byte) bool {
	x, _ := tokens(a)
	y, _ := tokens(b)
	return slices.EqualFunc(x, y, func(a, b lexeme) bool { return a.text == b.text })
}

// findTokens looks for code of Go.
func (s *source) findTokens(code string, at place) (found [][2]int) {
	wanted, whole := tokens([]byte(code))
	if !whole || len(wanted) == 0 {
		return nil
	}
	all, _ := tokens(s.text)
	for i := range all {
		if i+len(wanted) > len(all) {
			break
		}
		run := all[i : i+len(wanted)]
		if run[0].from < at.from || run[len(run)-1].to > at.to {
			continue
		}
		if slices.EqualFunc(run, wanted, func(a, b lexeme) bool { return a.text == b.text }) {
			found = append(found, [2]int{run[0].from, run[len(run)-1].to})
		}
	}
	return found
}

// findText looks for code of another language, such as SQL, inside the literals of
// this one.
func (s *source) findText(code string, at place) (found [][2]int) {
	words := strings.Fields(code)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	for _, match := range regexp.MustCompile(strings.Join(words, `\s+`)).FindAllIndex(s.text[at.from:at.to], -1) {
		found = append(found, [2]int{at.from + match[0], at.from + match[1]})
	}
	return found
}

// lexeme is a token and where it stands.
type lexeme struct {
	text     string
	from, to int
}

// tokens splits Go code, and reports whether all of it is Go. Semicolons that only
// the layout implies are left out.
func tokens(code []byte) (all []lexeme, whole bool) {
	whole = true
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(code))
	var s scanner.Scanner
	s.Init(file, code, func(token.Position, string) { whole = false }, 0)
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return all, whole
		case tok == token.SEMICOLON && text == "\n":
			continue
		case text == "":
			text = tok.String()
		}
		from := file.Offset(pos)
		all = append(all, lexeme{text, from, from + len(text)})
	}
}
