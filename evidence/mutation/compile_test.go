package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryMutantCompiles: one that does not is found here, in seconds, and not when
// all of them are tested.
func TestEveryMutantCompiles(t *testing.T) {
	t.Parallel()
	l := compiled(t)
	for _, m := range allMutants() {
		if err := l.check(m); err != nil {
			t.Errorf("%s does not compile: %v", m.name, err)
		}
	}
}

// library is the library's packages, of which one file at a time is another.
type library struct {
	fset    *token.FileSet
	files   map[string][]string  // of each package, by directory
	parsed  map[string]*ast.File // by path
	sources map[string]*source   // of mutants, by their name
	config  types.Config
}

// compiled has the packages compiled of which there are mutants.
func compiled(t *testing.T) *library {
	t.Helper()
	arguments := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export"}
	for _, m := range allMutants() {
		if dir := "./idempotency/" + filepath.ToSlash(filepath.Dir(m.file)); !slices.Contains(arguments, dir) {
			arguments = append(arguments, dir)
		}
	}
	command := exec.Command("go", arguments...)
	command.Dir = filepath.Join("..", "..")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	l := &library{fset: token.NewFileSet(), files: make(map[string][]string), parsed: make(map[string]*ast.File), sources: make(map[string]*source)}
	exports := make(map[string]string)
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		for _, file := range p.GoFiles {
			l.files[p.Dir] = append(l.files[p.Dir], filepath.Join(p.Dir, file))
		}
	}
	l.config.Importer = importer.ForCompiler(l.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return l
}

// check compiles the package of the mutant's file, with the file as the mutant has it.
func (l *library) check(m mutant) error {
	path, err := filepath.Abs(filepath.Join("..", "..", "idempotency", m.file))
	if err != nil {
		return err
	}
	if l.sources[m.file] == nil {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if l.sources[m.file], err = parse(m.file, text); err != nil {
			return err
		}
	}
	mutated, err := m.mutate(l.sources[m.file])
	if err != nil {
		return err
	}
	changed, err := parser.ParseFile(l.fset, path, mutated, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var broken []error
	l.config.Error = func(err error) {
		var at types.Error
		if errors.As(err, &at) && l.fset.Position(at.Pos).Filename == path {
			broken = append(broken, err)
		}
	}
	files := []*ast.File{changed}
	for _, name := range l.files[filepath.Dir(path)] {
		if name == path {
			continue
		}
		if l.parsed[name] == nil {
			if l.parsed[name], err = declarations(l.fset, name); err != nil {
				return err
			}
		}
		files = append(files, l.parsed[name])
	}
	if len(files) == 1 && len(l.files[filepath.Dir(path)]) == 0 {
		return fmt.Errorf("%s is in no package", m.file)
	}
	_, _ = l.config.Check(changed.Name.Name, l.fset, files, nil)
	return errors.Join(broken...)
}

// declarations parses a file without the bodies of its functions, which take the
// longest to check and are as they were.
func declarations(fset *token.FileSet, name string) (*ast.File, error) {
	file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok {
			function.Body = nil
		}
	}
	return file, nil
}
