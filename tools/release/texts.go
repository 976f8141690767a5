package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// checkVersion accepts canonical versions whose major number our module paths
// can have: v0 or v1.
func checkVersion(version string) error {
	if semver.Canonical(version) != version || version == "" || semver.Build(version) != "" {
		return fmt.Errorf("%q is no version: it has the form v0.1.0 or v0.1.0-rc.1", version)
	}
	if major := semver.Major(version); major != "v0" && major != "v1" {
		return fmt.Errorf("%s: from v2 on the modules' paths end with their major version", version)
	}
	return nil
}

const (
	unreleased = "## [Unreleased]"
	compare    = "https://github.com/idempotent-requests/idempotent-requests"
)

var released = regexp.MustCompile(`(?m)^## \[([0-9][^\]]*)\] - \d{4}-\d{2}-\d{2}$`)

// dated gives what the changelog lists as unreleased to a version. The form is
// that of keepachangelog.com 1.1.0.
func dated(changelog, version string, now time.Time) (string, error) {
	before, rest, found := strings.Cut(changelog, unreleased+"\n")
	if !found {
		return "", fmt.Errorf("there is no section %q", unreleased)
	}
	last := released.FindStringSubmatchIndex(rest)
	changes, older := rest, ""
	previous := ""
	if last != nil {
		changes, older = rest[:last[0]], rest[last[0]:]
		previous = "v" + rest[last[2]:last[3]]
		if semver.Compare(version, previous) <= 0 {
			return "", fmt.Errorf("%s does not follow %s", version, previous)
		}
	}
	links := strings.Index(changes, "\n[Unreleased]: ")
	var tail string
	if links >= 0 {
		changes, tail = changes[:links+1], changes[links+1:]
	}
	if strings.TrimSpace(changes) == "" {
		return "", errors.New("nothing is listed as unreleased")
	}
	number := strings.TrimPrefix(version, "v")
	text := before + unreleased + "\n\n## [" + number + "] - " + now.UTC().Format(time.DateOnly) + "\n" + changes + older + tail
	link := compare + "/releases/tag/" + version
	if previous != "" {
		link = compare + "/compare/" + previous + "..." + version
	}
	return regexp.MustCompile(`(?m)^\[Unreleased\]: .*$`).ReplaceAllString(text,
		"[Unreleased]: "+compare+"/compare/"+version+"...HEAD\n["+number+"]: "+link), nil
}

var packageVersion = regexp.MustCompile(`("name": "idempotent-requests",\s*"version": ")[^"]*(")`)

// replaceVersion sets the npm package's version wherever it follows its name.
func replaceVersion(text, version string) (string, error) {
	if !packageVersion.MatchString(text) {
		return "", errors.New("the package's name and version do not stand together")
	}
	return packageVersion.ReplaceAllString(text, "${1}"+version+"${2}"), nil
}
