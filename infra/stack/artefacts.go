package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Artefacts are the built files that the stack deploys.
type Artefacts struct {
	// Functions is the directory that holds <function>/bootstrap for every
	// function, built for Linux and the settings' architecture.
	Functions string

	// Site is the directory of the built website.
	Site string
}

// BuiltArtefacts returns the artefacts where `make build` leaves them, under the
// root of the repository, for an architecture of [settings.Settings].
func BuiltArtefacts(root, architecture string) Artefacts {
	return Artefacts{
		Functions: filepath.Join(root, "build", "lambda", architecture),
		Site:      filepath.Join(root, "webapp", "dist"),
	}
}

// resolve makes the paths absolute, because CDK runs in a process of its own
// and must not depend on where that was started, and fails where a file is
// missing that every deployment needs.
func (a Artefacts) resolve() (Artefacts, error) {
	functions, functionsErr := filepath.Abs(a.Functions)
	site, siteErr := filepath.Abs(a.Site)
	if err := errors.Join(functionsErr, siteErr); err != nil {
		return Artefacts{}, err
	}
	a = Artefacts{Functions: functions, Site: site}

	needed := []string{filepath.Join(a.Site, "index.html")}
	for _, name := range functionNames {
		needed = append(needed, filepath.Join(a.function(name), "bootstrap"))
	}
	missing := slices.DeleteFunc(needed, isFile)
	if len(missing) > 0 {
		return Artefacts{}, fmt.Errorf("there is no file %s: run `make build`", strings.Join(missing, ", "))
	}
	return a, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// function is the directory of one function's binary.
func (a Artefacts) function(name string) string {
	return filepath.Join(a.Functions, name)
}
