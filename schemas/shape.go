package schemas

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/avro"
)

// extraField is the field that has what no other field holds.
const extraField = "extra"

// shape is a type of the schemas: a record, an array, or a scalar.
type shape struct {
	kind   kind
	fields []field           // of a record, without "extra"
	index  map[string]*shape // of fields, by name
	items  *shape            // of an array
	extra  bool              // whether a record has the field "extra"
}

type field struct {
	name     string
	nullable bool
	*shape
}

type kind int

const (
	kindString kind = iota
	kindBoolean
	kindLong
	kindDouble
	kindTime // of an instant in microseconds
	kindArray
	kindRecord
	kindOther // what only a schema of somebody else has; it can't be encoded here
)

func shapeOf(n avro.SchemaNode) *shape {
	switch {
	case n.Type == "union":
		for _, branch := range n.Branches {
			if branch.Type != "null" {
				return shapeOf(branch)
			}
		}
		return &shape{kind: kindOther}
	case n.LogicalType == "timestamp-micros":
		return &shape{kind: kindTime}
	case n.Type == "array" && n.Items != nil:
		return &shape{kind: kindArray, items: shapeOf(*n.Items)}
	case n.Type == "record":
		return recordShape(n)
	}
	scalars := map[string]kind{"string": kindString, "boolean": kindBoolean, "long": kindLong, "int": kindLong, "double": kindDouble, "float": kindDouble}
	k, known := scalars[n.Type]
	if !known || n.LogicalType != "" {
		k = kindOther
	}
	return &shape{kind: k}
}

func recordShape(n avro.SchemaNode) *shape {
	s := &shape{kind: kindRecord, index: make(map[string]*shape)}
	for _, f := range n.Fields {
		if f.Name == extraField && f.Type.Type == "map" {
			s.extra = true
			continue
		}
		inner := shapeOf(f.Type)
		s.fields = append(s.fields, field{f.Name, f.Type.Type == "union", inner})
		s.index[f.Name] = inner
	}
	return s
}

// encode appends a JSON object as Avro's record. The same object always gives the same
// bytes, which a library that goes through Go's maps does not promise: so readers can
// tell by the value whether a version is the one they have.
//
// The encoding is that of the Avro specification, "Binary Encoding".
func (s *shape) encode(out, object []byte) ([]byte, error) {
	extra := make(map[string]json.RawMessage)
	members := make(map[string]json.RawMessage, len(s.fields))
	err := eachMember(object, func(name string, text json.RawMessage) {
		switch {
		case string(text) == "null":
		case s.index[name] == nil:
			extra[name] = text
		default:
			members[name] = text
		}
	})
	if err != nil {
		return nil, err
	}
	for _, f := range s.fields {
		text := members[f.name]
		if !f.nullable {
			if out, err = f.required(out, text); err != nil {
				return nil, fmt.Errorf("member %s: %w", f.name, err)
			}
			continue
		}
		if text == nil {
			out = append(out, branchNull)
			continue
		}
		before, exact, there := len(out), false, false
		out, exact, there = f.value(append(out, branchValue), text)
		if !there {
			out = append(out[:before], branchNull)
		}
		if !exact || !there {
			extra[f.name] = text
		}
	}
	return appendExtra(out, extra), nil
}

// The branches of a union of null and a type.
const (
	branchNull  = 0
	branchValue = 2 // 1 in zigzag
)

// required appends a value that can't be null.
func (s *shape) required(out []byte, text json.RawMessage) ([]byte, error) {
	if text == nil {
		return nil, errors.New("it is missing")
	}
	out, exact, there := s.value(out, text)
	if !there || !exact {
		return nil, fmt.Errorf("%.80s is not what it has to be", text)
	}
	return out, nil
}

// appendExtra appends the map "extra": one block, in the order of the names.
func appendExtra(out []byte, extra map[string]json.RawMessage) []byte {
	if len(extra) == 0 {
		return append(out, 0)
	}
	out = binary.AppendVarint(out, int64(len(extra)))
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		out = avroString(avroString(out, name), string(extra[name]))
	}
	return append(out, 0)
}

func avroString(out []byte, text string) []byte {
	return append(binary.AppendVarint(out, int64(len(text))), text...)
}

// value appends the Avro value for a JSON text. there says that there is one, exact
// that decode would write the same text from it, but for spacing and escapes.
func (s *shape) value(out []byte, text json.RawMessage) (_ []byte, exact, there bool) {
	switch s.kind {
	case kindString:
		value, exact, ok := stringOf(text)
		return avroString(out, value), exact, ok
	case kindBoolean:
		if string(text) == "true" {
			return append(out, 1), true, true
		}
		return append(out, 0), true, string(text) == "false"
	case kindLong:
		n, err := strconv.ParseInt(string(text), 10, 64)
		return binary.AppendVarint(out, n), string(appendLong(nil, n)) == string(text), err == nil
	case kindDouble:
		f, err := strconv.ParseFloat(string(text), 64)
		return binary.LittleEndian.AppendUint64(out, math.Float64bits(f)), string(appendDouble(nil, f)) == string(text), err == nil
	case kindTime:
		at, ok := timeOf(text)
		return binary.AppendVarint(out, at.UnixMicro()), string(appendTime(nil, at)) == string(text), ok
	case kindArray:
		return s.array(out, text)
	case kindRecord:
		inner, err := s.encode(out, text)
		if err != nil {
			return out, false, false
		}
		return inner, true, true // what is wrong inside stands in its own extra
	case kindOther:
	}
	return out, false, false
}

// stringOf is exact unless what is escaped is no text: half of a surrogate pair.
func stringOf(text json.RawMessage) (_ string, exact, ok bool) {
	var value string
	if len(text) == 0 || text[0] != '"' || json.Unmarshal(text, &value) != nil {
		return "", false, false
	}
	return value, !strings.ContainsRune(value, utf8.RuneError), true
}

func timeOf(text json.RawMessage) (time.Time, bool) {
	value, _, ok := stringOf(text)
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	return at.UTC().Truncate(time.Microsecond), err == nil
}

// array is exact where all of its items are; otherwise there is no value.
func (s *shape) array(out []byte, text json.RawMessage) (_ []byte, exact, there bool) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		return out, false, false
	}
	if len(items) == 0 {
		return append(out, 0), true, true
	}
	out = binary.AppendVarint(out, int64(len(items)))
	for _, item := range items {
		if out, exact, there = s.items.value(out, item); !exact || !there {
			return out, false, false
		}
	}
	return append(out, 0), true, true
}

// eachMember calls each with the members of a JSON object, in order.
func eachMember(object []byte, each func(name string, text json.RawMessage)) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return fmt.Errorf("json: %w", err)
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("it names the member %.80q twice", name)
		}
		seen[name] = true
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			return fmt.Errorf("json: member %.80q: %w", name, err)
		}
		each(name, text)
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	if dec.More() {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// decode appends an Avro record as a JSON object.
func (s *shape) decode(out []byte, record map[string]any) ([]byte, error) {
	extra, err := s.extraOf(record)
	if err != nil {
		return nil, err
	}
	out = append(out, '{')
	member := func(name string) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = appendString(out, name)
		out = append(out, ':')
	}
	for _, f := range s.fields {
		text, kept := extra[f.name]
		delete(extra, f.name)
		switch value := record[f.name]; {
		case kept:
			member(f.name)
			out = append(out, text...)
		case value != nil:
			member(f.name)
			if out, err = f.append(out, value); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.name, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		member(name)
		out = append(out, extra[name]...)
	}
	return append(out, '}'), nil
}

// extraOf is what a record's "extra" holds. Texts that are no JSON are refused:
// nobody may write an object's end into it.
func (s *shape) extraOf(record map[string]any) (map[string]string, error) {
	if !s.extra {
		return nil, nil //nolint:nilnil // a record without it
	}
	members, _ := record[extraField].(map[string]any)
	extra := make(map[string]string, len(members))
	for name, value := range members {
		text, _ := value.(string)
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("extra member %.80q is no JSON", name)
		}
		extra[name] = text
	}
	return extra, nil
}

// append appends an Avro value as JSON.
func (s *shape) append(out []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendString(out, v), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int32:
		return appendLong(out, int64(v)), nil
	case int64:
		return appendLong(out, v), nil
	case float64:
		return appendDouble(out, v), nil
	case float32:
		return appendDouble(out, float64(v)), nil
	case time.Time:
		return appendTime(out, v), nil
	case map[string]any:
		if s.kind == kindRecord {
			return s.decode(out, v)
		}
	case []any:
		if s.kind == kindArray {
			return s.appendArray(out, v)
		}
	}
	text, err := json.Marshal(value) // a type that only somebody else's schema has
	if err != nil {
		return nil, fmt.Errorf("a %T is no JSON: %w", value, err)
	}
	return append(out, text...), nil
}

func (s *shape) appendArray(out []byte, items []any) (_ []byte, err error) {
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = s.items.append(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendLong(out []byte, n int64) []byte { return strconv.AppendInt(out, n, 10) }

// appendDouble writes the shortest decimal that is f, as encoding/json does.
func appendDouble(out []byte, f float64) []byte {
	text, err := json.Marshal(f)
	if err != nil {
		return append(out, "null"...) // JSON has no infinity
	}
	return append(out, text...)
}

func appendTime(out []byte, at time.Time) []byte {
	return appendString(out, at.UTC().Format(time.RFC3339Nano))
}

// appendString writes a JSON string, with no more escapes than JSON asks for.
func appendString(out []byte, text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string is always JSON
	return append(out, bytes.TrimRight(b.Bytes(), "\n")...)
}
