package settings

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// none is the value of a setting that turns off what it bounds.
const none = "none"

// reader reads context values and collects what is wrong with them. The
// command line gives every value as a string, cdk.json gives JSON values: both
// are accepted.
type reader struct {
	context  map[string]any
	problems []error
}

func (r *reader) isSet(key string) bool { return r.context[key] != nil }

func (r *reader) refuse(key string, value any, want string) {
	shown, err := json.Marshal(value)
	if err != nil {
		shown = fmt.Append(nil, value)
	}
	r.problems = append(r.problems, fmt.Errorf("context %s: %s is not %s", key, shown, want))
}

func (r *reader) text(key, fallback, want string, valid func(string) bool) string {
	value := r.context[key]
	if value == nil {
		return fallback
	}
	s, ok := value.(string)
	if !ok || !valid(s) {
		r.refuse(key, value, want)
		return fallback
	}
	return s
}

func (r *reader) number(key string, fallback, lowest, highest int) int {
	n, _ := r.bounded(key, fallback, lowest, highest, fmt.Sprintf("a whole number from %d to %d", lowest, highest))
	return n
}

// numberOrNone reads a number. None is zero.
func (r *reader) numberOrNone(key string, fallback, lowest, highest int) (n int, isNone bool) {
	if r.context[key] == none {
		return 0, true
	}
	return r.bounded(key, fallback, lowest, highest, fmt.Sprintf("a whole number from %d to %d, or none", lowest, highest))
}

func (r *reader) bounded(key string, fallback, lowest, highest int, want string) (int, bool) {
	value := r.context[key]
	var n int
	switch v := value.(type) {
	case nil:
		return fallback, false
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			break
		}
		n = int(v)
	case string:
		n, _ = strconv.Atoi(v) // what is no number becomes 0, and is out of range
	}
	if n < lowest || n > highest {
		r.refuse(key, value, want)
		return fallback, false
	}
	return n, false
}

func (r *reader) boolean(key string, fallback bool) bool {
	switch value := r.context[key]; value {
	case nil:
		return fallback
	case true, "true":
		return true
	case false, "false":
		return false
	default:
		r.refuse(key, value, "true or false")
		return fallback
	}
}

// list reads texts that are separated by commas, or a JSON list of texts.
func (r *reader) list(key string, fallback []string, want string, valid func(string) bool) []string {
	value := r.context[key]
	if value == nil {
		return fallback
	}
	items := elements(value)
	if len(items) == 0 || slices.ContainsFunc(items, func(s string) bool { return !valid(s) }) {
		r.refuse(key, value, want)
		return fallback
	}
	return items
}

func (r *reader) origins(key string, fallback []string) []string {
	const want = "none, * or origins such as https://example.com, separated by commas"
	switch r.context[key] {
	case none:
		return nil
	case "*":
		return []string{"*"}
	}
	return r.list(key, fallback, want, isOrigin)
}

// elements returns the texts of a list. An element that is no text is empty.
func elements(value any) (items []string) {
	switch v := value.(type) {
	case string:
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	case []any:
		for _, element := range v {
			item, _ := element.(string)
			items = append(items, item)
		}
	}
	return items
}

// isOrigin reports whether s is scheme://host[:port], the only form that a
// browser sends.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// nearest asks for the candidate that differs least from a word, if it differs
// by a slip of the fingers. Otherwise it lists them.
func nearest(word string, candidates []string) string {
	best, distance := "", 1+len(word)/2
	for _, c := range candidates {
		if d := edits(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ": there are " + strings.Join(candidates, ", ")
	}
	return ": did you mean " + best + "?"
}

// edits returns how many letters have to be changed, added or taken away to
// make one word of another (Levenshtein's distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
