package feed

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/careerstream/careerstream/schemas"
)

// maxIDBytes is the longest id that is taken as a key.
const maxIDBytes = 512

// row reads one element of career_sites. Of its members it reads id and
// updated_at alone; what is wrong with them is the row's own matter.
func (d *pageDecoder) row() (Row, error) {
	if d.dec.PeekKind() != '{' {
		v, err := d.value()
		if err != nil {
			return Row{}, err
		}
		end := int(d.dec.InputOffset())
		return Row{
			Raw:     d.body[end-len(v) : end : end],
			Reason:  schemas.ReasonNotAnObject,
			Message: "the row is " + kindName(v.Kind()) + ", not an object",
		}, nil
	}
	row := Row{Message: "id is missing"}
	begin := d.dec.InputOffset() // at the end of what came before: a comma or white space follows
	err := d.members(func(name string) error {
		v, err := d.value()
		if err != nil {
			return err
		}
		switch name {
		case "id":
			row.ID, row.Message = readID(v)
		case "updated_at":
			row.UpdatedAt = readTime(v)
		}
		return nil
	})
	if err != nil {
		return Row{}, err
	}
	end := d.dec.InputOffset()
	begin += int64(bytes.IndexByte(d.body[begin:end], '{'))
	row.Raw = d.body[begin:end:end]
	if row.Message != "" {
		row.Reason = schemas.ReasonBadID
	}
	return row, nil
}

// readID returns the id that v holds, or what is wrong with it. The message
// never repeats the id: it goes to a log and into a header.
func readID(v jsontext.Value) (id, wrong string) {
	if v.Kind() != '"' {
		return "", "id is " + kindName(v.Kind()) + ", not a string"
	}
	b, err := unquote(v)
	switch {
	case err != nil:
		// A lone surrogate. As a key it would become U+FFFD, and so would others.
		return "", "id is not valid Unicode"
	case len(b) == 0:
		return "", "id is empty"
	case len(b) > maxIDBytes:
		return "", fmt.Sprintf("id has %d bytes, more than %d", len(b), maxIDBytes)
	}
	id = string(b)
	if strings.ContainsFunc(id, unicode.IsControl) {
		return "", "id has control characters"
	}
	return id, ""
}

// unquote returns what a JSON string says, and fails on a lone surrogate. Where it
// has no escapes that is a part of v itself: copy it before it is changed. Bytes
// that are not UTF-8 are for decodePage to refuse.
func unquote(v jsontext.Value) ([]byte, error) {
	if inner := v[1 : len(v)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	return jsontext.AppendUnquote(nil, v)
}

// localTime is RFC 3339 without a zone, which the feed's clock reads as UTC.
const localTime = "2006-01-02T15:04:05"

// readTime reads an RFC 3339 time, with any fraction and offset, in UTC. It takes
// what other languages write, too: no zone (UTC), a space for the T, lower case.
// Anything else is the zero time.
func readTime(v jsontext.Value) time.Time {
	if v.Kind() != '"' {
		return time.Time{}
	}
	b, err := unquote(v)
	if err != nil || len(b) < len(localTime) {
		return time.Time{}
	}
	var at time.Time
	if at.UnmarshalText(b) == nil { // as nearly all are: no string is made
		return representable(at.UTC())
	}
	b = bytes.Clone(b) // it may be a part of the body
	if b[10] == ' ' || b[10] == 't' {
		b[10] = 'T'
	}
	if last := len(b) - 1; b[last] == 'z' {
		b[last] = 'Z'
	}
	for _, layout := range []string{time.RFC3339, localTime} {
		if at, err := time.Parse(layout, string(b)); err == nil {
			return representable(at.UTC())
		}
	}
	return time.Time{}
}

// representable is at, or the zero time where its offset moved it out of the
// years that RFC 3339 can write.
func representable(at time.Time) time.Time {
	if y := at.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return at
}

func kindName(k jsontext.Kind) string {
	names := map[jsontext.Kind]string{
		'n': "null", 't': "a boolean", 'f': "a boolean", '0': "a number",
		'"': "a string", '[': "an array", '{': "an object",
	}
	return names[k]
}
