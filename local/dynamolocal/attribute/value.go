package attribute

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Kind is the name of a data type as it appears in DynamoDB's JSON.
type Kind string

// The data types.
const (
	KindString    Kind = "S"
	KindNumber    Kind = "N"
	KindBinary    Kind = "B"
	KindBool      Kind = "BOOL"
	KindNull      Kind = "NULL"
	KindStringSet Kind = "SS"
	KindNumberSet Kind = "NS"
	KindBinarySet Kind = "BS"
	KindList      Kind = "L"
	KindMap       Kind = "M"
)

// Value is an attribute value: a [String], [Number], [Binary], [Bool], [Null],
// [StringSet], [NumberSet], [BinarySet], [List] or [Map].
type Value interface {
	// Kind returns the value's data type.
	Kind() Kind
	// Size returns the bytes that DynamoDB counts for the value.
	Size() int
}

type (
	// String is a UTF-8 string.
	String string
	// Binary is a sequence of bytes.
	Binary string
	// Bool is a truth value.
	Bool bool
	// Null is the null value.
	Null struct{}
	// StringSet is a set of strings, sorted.
	StringSet []string
	// NumberSet is a set of numbers, sorted.
	NumberSet []Number
	// BinarySet is a set of binaries, sorted.
	BinarySet []Binary
	// List is a sequence of values of any types.
	List []Value
	// Map is a document: values by name.
	Map map[string]Value
)

// Item is a table's item: attribute values by attribute name.
type Item map[string]Value

// Kind implements [Value].
func (String) Kind() Kind { return KindString }

// Kind implements [Value].
func (Number) Kind() Kind { return KindNumber }

// Kind implements [Value].
func (Binary) Kind() Kind { return KindBinary }

// Kind implements [Value].
func (Bool) Kind() Kind { return KindBool }

// Kind implements [Value].
func (Null) Kind() Kind { return KindNull }

// Kind implements [Value].
func (StringSet) Kind() Kind { return KindStringSet }

// Kind implements [Value].
func (NumberSet) Kind() Kind { return KindNumberSet }

// Kind implements [Value].
func (BinarySet) Kind() Kind { return KindBinarySet }

// Kind implements [Value].
func (List) Kind() Kind { return KindList }

// Kind implements [Value].
func (Map) Kind() Kind { return KindMap }

// Overheads that DynamoDB counts for documents.
const (
	documentOverhead = 3 // a list or a map
	elementOverhead  = 1 // each of its elements
)

// Size implements [Value]: the length in UTF-8.
func (s String) Size() int { return len(s) }

// Size implements [Value].
func (b Binary) Size() int { return len(b) }

// Size implements [Value].
func (Bool) Size() int { return 1 }

// Size implements [Value].
func (Null) Size() int { return 1 }

// Size implements [Value].
func (s StringSet) Size() int {
	size := 0
	for _, element := range s {
		size += len(element)
	}
	return size
}

// Size implements [Value].
func (s NumberSet) Size() int {
	size := 0
	for _, element := range s {
		size += element.Size()
	}
	return size
}

// Size implements [Value].
func (s BinarySet) Size() int {
	size := 0
	for _, element := range s {
		size += len(element)
	}
	return size
}

// Size implements [Value].
func (l List) Size() int {
	size := documentOverhead
	for _, element := range l {
		size += elementOverhead + element.Size()
	}
	return size
}

// Size implements [Value].
func (m Map) Size() int {
	size := documentOverhead
	for name, element := range m {
		size += elementOverhead + len(name) + element.Size()
	}
	return size
}

// Size returns the bytes that DynamoDB counts for the item: the names and the
// values of its attributes.
func (i Item) Size() int {
	size := 0
	for name, value := range i {
		size += len(name) + value.Size()
	}
	return size
}

// Equal reports whether a and b have the same type and value. Sets are equal if
// they have the same elements.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case StringSet:
		other, ok := b.(StringSet)
		return ok && slices.Equal(a, other)
	case NumberSet:
		other, ok := b.(NumberSet)
		return ok && slices.Equal(a, other)
	case BinarySet:
		other, ok := b.(BinarySet)
		return ok && slices.Equal(a, other)
	case List:
		other, ok := b.(List)
		return ok && slices.EqualFunc(a, other, Equal)
	case Map:
		other, ok := b.(Map)
		return ok && maps.EqualFunc(a, other, Equal)
	case nil:
		return b == nil
	default:
		// The scalar types are comparable; slices and maps on the right have
		// another dynamic type, which compares unequal without looking inside.
		return a.Kind() == kindOf(b) && a == b
	}
}

func kindOf(v Value) Kind {
	if v == nil {
		return ""
	}
	return v.Kind()
}

// Compare orders two values of one of the types that have an order: strings and
// binaries by their bytes, numbers by value. ok is false for values of different
// types and of types without an order.
func Compare(a, b Value) (order int, ok bool) {
	switch a := a.(type) {
	case String:
		if other, same := b.(String); same {
			return strings.Compare(string(a), string(other)), true
		}
	case Binary:
		if other, same := b.(Binary); same {
			return strings.Compare(string(a), string(other)), true
		}
	case Number:
		if other, same := b.(Number); same {
			return a.Compare(other), true
		}
	}
	return 0, false
}

// Union returns the set of the elements of a, b or both. ok is false unless both
// are sets of one type.
func Union(a, b Value) (union Value, ok bool) {
	switch a := a.(type) {
	case StringSet:
		if other, same := b.(StringSet); same {
			return StringSet(merge(a, other, strings.Compare)), true
		}
	case NumberSet:
		if other, same := b.(NumberSet); same {
			return NumberSet(merge(a, other, Number.Compare)), true
		}
	case BinarySet:
		if other, same := b.(BinarySet); same {
			return BinarySet(merge(a, other, cmp.Compare[Binary])), true
		}
	}
	return nil, false
}

// Difference returns the set of the elements of a that are not in b, nil if
// there are none. ok is false unless both are sets of one type.
func Difference(a, b Value) (difference Value, ok bool) {
	switch a := a.(type) {
	case StringSet:
		if other, same := b.(StringSet); same {
			return setOrNil(StringSet(without(a, other))), true
		}
	case NumberSet:
		if other, same := b.(NumberSet); same {
			return setOrNil(NumberSet(without(a, other))), true
		}
	case BinarySet:
		if other, same := b.(BinarySet); same {
			return setOrNil(BinarySet(without(a, other))), true
		}
	}
	return nil, false
}

func merge[S ~[]E, E comparable](a, b S, compare func(E, E) int) S {
	all := append(slices.Clone(a), b...)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}

func without[S ~[]E, E comparable](a, b S) S {
	return slices.DeleteFunc(slices.Clone(a), func(element E) bool { return slices.Contains(b, element) })
}

func setOrNil[S interface {
	~[]E
	Value
}, E any](set S) Value {
	if len(set) == 0 {
		return nil
	}
	return set
}

// CheckDepth refuses an item in which documents are nested too deeply. Parsing
// refuses such values; only putting one within another can make one.
func CheckDepth(item Item) error {
	for _, value := range item {
		if err := checkDepth(value, 1); err != nil {
			return err
		}
	}
	return nil
}

func checkDepth(value Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch document := value.(type) {
	case List:
		for _, element := range document {
			if err := checkDepth(element, depth+1); err != nil {
				return err
			}
		}
	case Map:
		for _, element := range document {
			if err := checkDepth(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
