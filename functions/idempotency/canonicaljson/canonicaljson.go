// Package canonicaljson brings JSON texts that mean the same into the same
// bytes: the JSON Canonicalization Scheme, RFC 8785.
package canonicaljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gowebpki/jcs"
)

// maxInteger bounds the integers that no neighbour shares a double with (I-JSON,
// RFC 7493 section 2.2).
const maxInteger = 1<<53 - 1

// Transform returns the canonical form of a JSON text. It refuses what
// canonicalisation could not keep apart or would have to guess at: duplicate
// member names, numbers beyond ±(2^53−1), invalid UTF-8 and lone surrogates; and everything that is not one JSON value. Errors describe the
// text's form and may be shown to whoever sent it.
func Transform(text []byte) ([]byte, error) {
	if err := checkNumbers(text); err != nil {
		return nil, err
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return nil, fmt.Errorf("not canonicalisable JSON: %w", err)
	}
	return canonical, nil
}

// checkNumbers refuses numbers that lose their identity as IEEE 754 doubles:
// RFC 8785 section 3.2.2.3 would print them, but two amounts could then become
// one.
func checkNumbers(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		if n, ok := token.(json.Number); ok {
			value, err := n.Float64()
			if err != nil || math.Abs(value) > maxInteger {
				return fmt.Errorf("the number %.40s is beyond ±(2^53-1): send it as a string", n)
			}
		}
	}
}
