package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	name string
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

func shapeOf(n avro.SchemaNode) (*shape, error) {
	switch {
	case n.Type == "union":
		for _, branch := range n.Branches {
			if branch.Type != "null" {
				return shapeOf(branch)
			}
		}
		return &shape{kind: kindOther}, nil
	case n.LogicalType == "timestamp-micros":
		return &shape{kind: kindTime}, nil
	case n.Type == "array" && n.Items != nil:
		items, err := shapeOf(*n.Items)
		return &shape{kind: kindArray, items: items}, err
	case n.Type == "record":
		return recordShape(n)
	}
	scalars := map[string]kind{"string": kindString, "boolean": kindBoolean, "long": kindLong, "int": kindLong, "double": kindDouble, "float": kindDouble}
	k, known := scalars[n.Type]
	if !known || n.LogicalType != "" {
		k = kindOther
	}
	return &shape{kind: k}, nil
}

func recordShape(n avro.SchemaNode) (*shape, error) {
	s := &shape{kind: kindRecord, index: make(map[string]*shape)}
	for _, f := range n.Fields {
		if f.Name == extraField && f.Type.Type == "map" {
			s.extra = true
			continue
		}
		inner, err := shapeOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		s.fields = append(s.fields, field{f.Name, inner})
		s.index[f.Name] = inner
	}
	return s, nil
}

// encode returns a JSON object as Avro's record.
func (s *shape) encode(object []byte) (map[string]any, error) {
	record := make(map[string]any, len(s.fields)+1)
	extra := make(map[string]string)
	err := eachMember(object, func(name string, text json.RawMessage) error {
		if string(text) == "null" {
			return nil
		}
		inner := s.index[name]
		if inner == nil {
			extra[name] = string(text)
			return nil
		}
		value, exact := inner.value(text)
		if record[name] = value; !exact {
			extra[name] = string(text)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	record[extraField] = extra
	return record, nil
}

// value returns the Avro value for a JSON text, nil where there is none. exact says
// that decode would write the same text, but for spacing.
func (s *shape) value(text json.RawMessage) (value any, exact bool) {
	switch s.kind {
	case kindString:
		return stringOf(text)
	case kindBoolean:
		if b := string(text); b == "true" || b == "false" {
			return b == "true", true
		}
	case kindLong:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n, string(appendLong(nil, n)) == string(text)
		}
	case kindDouble:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil && text[0] != '"' {
			return f, string(appendDouble(nil, f)) == string(text)
		}
	case kindTime:
		return timeOf(text)
	case kindArray:
		return s.array(text)
	case kindRecord:
		if record, err := s.encode(text); err == nil {
			return record, true // what is wrong inside stands in its own extra
		}
	case kindOther:
	}
	return nil, false
}

// stringOf is exact unless what is escaped is no text: half of a surrogate pair.
func stringOf(text json.RawMessage) (any, bool) {
	var out string
	if len(text) == 0 || text[0] != '"' || json.Unmarshal(text, &out) != nil {
		return nil, false
	}
	return out, !strings.ContainsRune(out, utf8.RuneError)
}

func timeOf(text json.RawMessage) (any, bool) {
	value, ok := stringOf(text)
	if !ok {
		return nil, false
	}
	at, err := time.Parse(time.RFC3339Nano, value.(string)) //nolint:forcetypeassert // stringOf says so
	if err != nil {
		return nil, false
	}
	at = at.UTC().Truncate(time.Microsecond)
	return at, string(appendTime(nil, at)) == string(text)
}

// array is exact where all of its items are; otherwise there is no value.
func (s *shape) array(text json.RawMessage) (any, bool) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		return nil, false
	}
	out := make([]any, len(items))
	for i, item := range items {
		value, exact := s.items.value(item)
		if !exact {
			return nil, false
		}
		out[i] = value
	}
	return out, true
}

// eachMember calls each with the members of a JSON object, in order.
func eachMember(object []byte, each func(name string, text json.RawMessage) error) error {
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
		if err := each(name, text); err != nil {
			return err
		}
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
