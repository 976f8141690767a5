package jmespath

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jmespath-community/go-jmespath/pkg/functions"
)

// callable returns the functions that an expression can call.
func callable(d *decoder) []functions.FunctionEntry {
	all := functions.GetDefaultFunctions()
	for name, decode := range map[string]func(*decoder, string) (any, error){
		"powertools_json":        (*decoder).json,
		"powertools_base64":      (*decoder).base64,
		"powertools_base64_gzip": (*decoder).base64gzip,
	} {
		all = append(all, functions.FunctionEntry{
			Name:      name,
			Arguments: []functions.ArgSpec{{Types: []functions.JpType{functions.JpString}}},
			Handler: func(arguments []any) (any, error) {
				value, err := decode(d, arguments[0].(string))
				if err != nil && d.err == nil {
					d.err = fmt.Errorf("%s: %w", name, err)
				}
				return value, d.err
			},
		})
	}
	return append(all, functions.FunctionEntry{
		Name:      noteAbsent,
		Arguments: []functions.ArgSpec{{Types: []functions.JpType{functions.JpAny}}},
		Handler: func(arguments []any) (any, error) {
			if arguments[0] == nil {
				d.absent++
			}
			return arguments[0], nil
		},
	})
}

// noteAbsent is the name of a function that returns its argument and notes if it
// is null. No expression can name it.
const noteAbsent = "note absent"

// decoder executes the functions of Powertools for one evaluation.
type decoder struct {
	left   int   // bytes that may still be made
	err    error // the first that occurred
	absent int   // parts that the document does not have
}

var errTooLarge = fmt.Errorf("the document is more than %d bytes when decoded", MaxDecoded)

func (d *decoder) json(text string) (value any, err error) {
	if err := d.spend(len(text)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, errors.New("it is not JSON")
	}
	return value, nil
}

func (d *decoder) base64(text string) (any, error) {
	return d.read(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
}

func (d *decoder) base64gzip(text string) (any, error) {
	unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, errors.New("it is not base64 of gzip")
	}
	return d.read(unzipped)
}

func (d *decoder) read(from io.Reader) (any, error) {
	text, err := io.ReadAll(io.LimitReader(from, int64(d.left)+1))
	if err != nil {
		return nil, errors.New("it is not encoded as it should be")
	}
	if err := d.spend(len(text)); err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("it is not text when decoded")
	}
	return string(text), nil
}

func (d *decoder) spend(n int) error {
	if n > d.left {
		return errTooLarge
	}
	d.left -= n
	return nil
}
