package conformance

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is an item, a key, a map value or the values of an expression.
type item = map[string]types.AttributeValue

// names maps the name placeholders of an expression.
type names = map[string]string

func str(s string) types.AttributeValue     { return &types.AttributeValueMemberS{Value: s} }
func num(n string) types.AttributeValue     { return &types.AttributeValueMemberN{Value: n} }
func bin(b string) types.AttributeValue     { return &types.AttributeValueMemberB{Value: []byte(b)} }
func boolean(b bool) types.AttributeValue   { return &types.AttributeValueMemberBOOL{Value: b} }
func null() types.AttributeValue            { return &types.AttributeValueMemberNULL{Value: true} }
func doc(m item) types.AttributeValue       { return &types.AttributeValueMemberM{Value: m} }
func strs(s ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: s} }
func nums(n ...string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: n} }

func list(l ...types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: append([]types.AttributeValue{}, l...)}
}

func bins(b ...string) types.AttributeValue {
	set := make([][]byte, len(b))
	for i := range b {
		set[i] = []byte(b[i])
	}
	return &types.AttributeValueMemberBS{Value: set}
}

// with returns the attributes of all the items; later ones win.
func with(items ...item) item {
	all := item{}
	for _, it := range items {
		maps.Copy(all, it)
	}
	return all
}

// show renders an item so that two items are equal exactly if their texts are: attributes and sets are sorted, numbers
// are in lowest terms. A nil item shows as "none".
func show(it item) string {
	if it == nil {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(it)) {
		parts = append(parts, fmt.Sprintf("%q:%s", name, showValue(it[name])))
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func showAll(items []item) string {
	parts := make([]string, len(items))
	for i, it := range items {
		parts[i] = show(it)
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func showValue(value types.AttributeValue) string {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("S%q", v.Value)
	case *types.AttributeValueMemberN:
		return "N" + showNumber(v.Value)
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("B%q", v.Value)
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprintf("BOOL(%t)", v.Value)
	case *types.AttributeValueMemberNULL:
		return "NULL"
	case *types.AttributeValueMemberM:
		return "M" + show(with(v.Value))
	case *types.AttributeValueMemberL:
		return "L" + showList(v.Value, false, showValue)
	case *types.AttributeValueMemberSS:
		return "SS" + showList(v.Value, true, func(s string) string { return fmt.Sprintf("%q", s) })
	case *types.AttributeValueMemberNS:
		return "NS" + showList(v.Value, true, showNumber)
	case *types.AttributeValueMemberBS:
		return "BS" + showList(v.Value, true, func(b []byte) string { return fmt.Sprintf("%q", b) })
	default:
		return fmt.Sprintf("%T", value)
	}
}

func showList[E any](list []E, sorted bool, render func(E) string) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = render(e)
	}
	if sorted {
		slices.Sort(parts)
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// showNumber does not depend on how the number was written. Long values are cut for reading, past the digits that count.
func showNumber(n string) string {
	r, ok := new(big.Rat).SetString(n)
	if !ok {
		return fmt.Sprintf("%q is not a number", n)
	}
	if r.IsInt() && len(r.Num().String()) <= 40 {
		return r.Num().String()
	}
	return new(big.Float).SetPrec(256).SetRat(r).Text('e', 45)
}
