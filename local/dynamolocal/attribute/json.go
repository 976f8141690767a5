package attribute

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is the deepest nesting of documents; an attribute is level one.
	maxDepth = 32
	// maxNameBytes is the length of the longest attribute name.
	maxNameBytes = 65535
)

var errTooDeep = invalid("Nesting Levels have exceeded supported limits: " +
	"Attributes in the item have nested levels beyond supported limit")

// ParseItem makes an item of the decoded JSON object raw: attribute values in
// DynamoDB's representation by attribute name. The error is an [*Error].
func ParseItem(raw map[string]any) (Item, error) {
	item := make(Item, len(raw))
	for _, name := range sortedNames(raw) {
		if name == "" {
			return nil, invalidParameter("Attribute name must not be empty")
		}
		if len(name) > maxNameBytes {
			return nil, invalidParameter("Attribute name is too large, must be less than 65536 bytes")
		}
		value, err := Parse(raw[name])
		if err != nil {
			return nil, err
		}
		item[name] = value
	}
	return item, nil
}

// Parse makes a value of the decoded JSON raw, such as {"S": "text"}. The error
// is an [*Error].
func Parse(raw any) (Value, error) { return parse(raw, 1) }

func parse(raw any, depth int) (Value, error) {
	object, ok := raw.(map[string]any)
	if !ok {
		return nil, malformed("Unexpected value type in payload")
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	var value Value
	types := 0
	// In the order in which DynamoDB reports what is wrong with several.
	for _, kind := range []Kind{
		KindNumber, KindNumberSet, KindString, KindBinary, KindBool, KindNull,
		KindStringSet, KindBinarySet, KindList, KindMap,
	} {
		content, present := object[string(kind)]
		if !present || content == nil {
			continue
		}
		parsed, err := parseKind(kind, content, depth)
		if err != nil {
			return nil, err
		}
		value = parsed
		types++
	}
	switch types {
	case 0:
		return nil, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case 1:
		return value, nil
	}
	return nil, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
}

func parseKind(kind Kind, content any, depth int) (Value, error) {
	switch kind {
	case KindString:
		text, err := textOf(content)
		return String(text), err
	case KindNumber:
		return parseNumber(content)
	case KindBinary:
		return parseBinary(content)
	case KindBool:
		truth, ok := content.(bool)
		if !ok {
			return nil, malformed(JSONType(content) + " cannot be converted to Boolean")
		}
		return Bool(truth), nil
	case KindNull:
		truth, ok := content.(bool)
		if !ok {
			return nil, malformed(JSONType(content) + " cannot be converted to Boolean")
		}
		if !truth {
			return nil, invalidParameter("Null attribute value types must have the value of true")
		}
		return Null{}, nil
	case KindStringSet:
		return parseStringSet(content)
	case KindNumberSet:
		return parseNumberSet(content)
	case KindBinarySet:
		return parseBinarySet(content)
	case KindList:
		return parseList(content, depth)
	default:
		return parseMap(content, depth)
	}
}

func parseNumber(content any) (Number, error) {
	text, err := textOf(content)
	if err != nil {
		return Number{}, err
	}
	return ParseNumber(text)
}

func parseBinary(content any) (Binary, error) {
	text, err := textOf(content)
	if err != nil {
		return "", err
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", malformed("Invalid base64 in a binary attribute value: " + err.Error())
	}
	return Binary(decoded), nil
}

func parseStringSet(content any) (Value, error) {
	texts, err := parseElements(content, textOf)
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, invalidParameter("An string set  may not be empty")
	}
	set, distinct := sortedSet(texts, strings.Compare)
	if !distinct {
		return nil, invalidParameter("Input collection [" + strings.Join(texts, ", ") + "] contains duplicates.")
	}
	return StringSet(set), nil
}

func parseNumberSet(content any) (Value, error) {
	numbers, err := parseElements(content, parseNumber)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, invalidParameter("An number set  may not be empty")
	}
	set, distinct := sortedSet(numbers, Number.Compare)
	if !distinct {
		return nil, invalid("Input collection contains duplicates")
	}
	return NumberSet(set), nil
}

func parseBinarySet(content any) (Value, error) {
	binaries, err := parseElements(content, parseBinary)
	if err != nil {
		return nil, err
	}
	if len(binaries) == 0 {
		return nil, invalidParameter("Binary sets should not be empty")
	}
	set, distinct := sortedSet(binaries, cmp.Compare[Binary])
	if !distinct {
		encoded := make([]string, len(binaries))
		for i, binary := range binaries {
			encoded[i] = base64.StdEncoding.EncodeToString([]byte(binary))
		}
		return nil, invalidParameter("Input collection [" + strings.Join(encoded, ", ") + "]of type BS contains duplicates.")
	}
	return BinarySet(set), nil
}

func parseList(content any, depth int) (Value, error) {
	elements, err := parseElements(content, func(element any) (Value, error) { return parse(element, depth+1) })
	return List(elements), err
}

func parseMap(content any, depth int) (Value, error) {
	object, ok := content.(map[string]any)
	if !ok {
		return nil, malformed(JSONType(content) + " cannot be converted to Map")
	}
	document := make(Map, len(object))
	for _, name := range sortedNames(object) {
		value, err := parse(object[name], depth+1)
		if err != nil {
			return nil, err
		}
		document[name] = value
	}
	return document, nil
}

func parseElements[E any](content any, parse func(any) (E, error)) ([]E, error) {
	array, ok := content.([]any)
	if !ok {
		return nil, malformed(JSONType(content) + " cannot be converted to List")
	}
	elements := make([]E, len(array))
	for i, element := range array {
		var err error
		if elements[i], err = parse(element); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

func sortedSet[E comparable](elements []E, compare func(E, E) int) (set []E, distinct bool) {
	set = slices.SortedFunc(slices.Values(elements), compare)
	return set, len(slices.Compact(slices.Clone(set))) == len(elements)
}

func textOf(content any) (string, error) {
	text, ok := content.(string)
	if !ok {
		return "", malformed(JSONType(content) + " cannot be converted to String")
	}
	return text, nil
}

// JSONType returns the name of the type of decoded JSON in DynamoDB's messages,
// such as START_OBJECT.
func JSONType(content any) string {
	switch content := content.(type) {
	case bool:
		if content {
			return "TRUE_VALUE"
		}
		return "FALSE_VALUE"
	case string:
		return "STRING_VALUE"
	case []any:
		return "START_ARRAY"
	case map[string]any:
		return "START_OBJECT"
	case nil:
		return "NULL_VALUE"
	default:
		return "NUMBER_VALUE"
	}
}

// MarshalJSON implements [json.Marshaler] with DynamoDB's representation,
// attributes in the order of their names.
func (i Item) MarshalJSON() ([]byte, error) {
	return appendAttributes(make([]byte, 0, 256), i), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (i *Item) UnmarshalJSON(data []byte) error {
	var raw map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		return err
	}
	item, err := ParseItem(raw)
	*i = item
	return err
}

// AppendJSON appends the JSON representation of value to buffer.
func AppendJSON(buffer []byte, value Value) []byte {
	buffer = append(buffer, '{', '"')
	buffer = append(buffer, value.Kind()...)
	buffer = append(buffer, '"', ':')
	switch value := value.(type) {
	case String:
		buffer = appendText(buffer, string(value))
	case Number:
		buffer = appendText(buffer, value.String())
	case Binary:
		buffer = appendBinary(buffer, value)
	case Bool:
		if value {
			buffer = append(buffer, "true"...)
		} else {
			buffer = append(buffer, "false"...)
		}
	case Null:
		buffer = append(buffer, "true"...)
	case StringSet:
		buffer = appendArray(buffer, value, appendText)
	case NumberSet:
		buffer = appendArray(buffer, value, func(b []byte, n Number) []byte { return appendText(b, n.String()) })
	case BinarySet:
		buffer = appendArray(buffer, value, appendBinary)
	case List:
		buffer = appendArray(buffer, value, AppendJSON)
	case Map:
		buffer = appendAttributes(buffer, value)
	}
	return append(buffer, '}')
}

func appendAttributes[M ~map[string]Value](buffer []byte, attributes M) []byte {
	buffer = append(buffer, '{')
	for i, name := range sortedNames(attributes) {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		buffer = append(appendText(buffer, name), ':')
		buffer = AppendJSON(buffer, attributes[name])
	}
	return append(buffer, '}')
}

func appendArray[S ~[]E, E any](buffer []byte, elements S, appendElement func([]byte, E) []byte) []byte {
	buffer = append(buffer, '[')
	for i, element := range elements {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		buffer = appendElement(buffer, element)
	}
	return append(buffer, ']')
}

func appendBinary(buffer []byte, binary Binary) []byte {
	buffer = append(buffer, '"')
	buffer = base64.StdEncoding.AppendEncode(buffer, []byte(binary))
	return append(buffer, '"')
}

// appendText appends text as a JSON string.
func appendText(buffer []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			// A string always marshals.
			encoded, _ := json.Marshal(text)
			return append(buffer, encoded...)
		}
	}
	buffer = append(buffer, '"')
	buffer = append(buffer, text...)
	return append(buffer, '"')
}

func sortedNames[M ~map[string]V, V any](attributes M) []string {
	return slices.Sorted(maps.Keys(attributes))
}
