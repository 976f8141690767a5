// Package modules knows the Go modules of this repository: which of them are
// published, how they get a version, and what of them others download.
package modules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// Prefix begins the path of every module of ours.
const Prefix = "github.com/idempotent-requests/idempotent-requests/"

// unpublished are the rooms whose modules nobody requires: the demo, the evidence
// and the tools.
var unpublished = []string{"evidence", "functions", "tools"}

// Module is a Go module of this repository.
type Module struct {
	Dir       string // relative to the repository's root, with slashes
	Published bool
}

// Path returns the module's path.
func (m Module) Path() string { return Prefix + m.Dir }

// Tag returns the name of the Git tag that publishes a version of the module.
func (m Module) Tag(version string) string { return m.Dir + "/" + version }

// isCommand reports whether the module is there for a command that people install.
func (m Module) isCommand() bool { return path.Base(path.Dir(m.Dir)) == "cmd" }

// List returns the modules below root, in the order of their directories.
func List(root string) (list []Module, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "build", "cdk.out", "node_modules", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case entry.Name() != "go.mod":
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		room, _, _ := strings.Cut(dir, "/")
		list = append(list, Module{Dir: dir, Published: !slices.Contains(unpublished, room)})
		return nil
	})
	slices.SortFunc(list, func(a, b Module) int { return strings.Compare(a.Dir, b.Dir) })
	return list, err
}

// SetVersion makes all modules below root require each other in one version, such
// as v0.1.0. Their replace directives stay, because they count only inside of this
// repository; but those of a command go, because "go install" with a version refuses
// a module that has any. The workspace does without them.
func SetVersion(root string, list []Module, version string) error {
	for _, m := range list {
		path := filepath.Join(root, filepath.FromSlash(m.Dir), "go.mod")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(path, text, nil)
		if err != nil {
			return err
		}
		for _, r := range file.Require {
			if strings.HasPrefix(r.Mod.Path, Prefix) {
				if err := file.AddRequire(r.Mod.Path, version); err != nil {
					return err
				}
			}
		}
		if m.isCommand() {
			for _, r := range slices.Clone(file.Replace) {
				if err := file.DropReplace(r.Old.Path, r.Old.Version); err != nil {
					return err
				}
			}
			file.Cleanup()
		}
		changed, err := file.Format()
		if err != nil {
			return err
		}
		if bytes.Equal(changed, text) {
			continue
		}
		if err := os.WriteFile(path, changed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Copy copies the files that Git tracks or would track below root into dir, as
// they are in the working tree.
func Copy(root, dir string) error {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", root, err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		from, to := filepath.Join(root, name), filepath.Join(dir, name)
		info, err := os.Lstat(from)
		if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
			continue // deleted, not yet committed; or a link, which no archive has
		} else if err != nil {
			return err
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// Archive writes the published modules below root into a directory that serves as
// a file-system GOPROXY, as one version.
func Archive(root string, list []Module, version, proxy string) error {
	for _, m := range list {
		if !m.Published {
			continue
		}
		if err := archive(filepath.Join(root, filepath.FromSlash(m.Dir)), module.Version{Path: m.Path(), Version: version}, proxy); err != nil {
			return fmt.Errorf("archive %s: %w", m.Dir, err)
		}
	}
	return nil
}

func archive(dir string, v module.Version, proxy string) error {
	escaped, err := module.EscapePath(v.Path)
	if err != nil {
		return err
	}
	versions := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{v.Version, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	var archived bytes.Buffer
	if err := zip.CreateFromDir(&archived, v, dir); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"list":              []byte(v.Version + "\n"),
		v.Version + ".info": info,
		v.Version + ".mod":  goMod,
		v.Version + ".zip":  archived.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
