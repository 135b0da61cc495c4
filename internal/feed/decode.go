package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep a page may be nested, its own three levels included.
const maxDepth = 64

// envelope is what one body says, before it is judged as a page.
type envelope struct {
	rows  []Row // at most as many as the decoder was told to keep
	count int   // how many there were
	more  bool
	next  string // empty where next_cursor is null, missing or empty
}

// pageDecoder reads a body once, token by token down to the members of a row and
// value by value below: every byte is checked, and what is kept is sliced out of
// the body by offset, so rows keep their own bytes.
//
// Chosen by BenchmarkDecodePage: a page of 50 rows and 44 KB, two cores of a
// shared Xeon, Go 1.26, the times for one page.
//
//	tokens, one pass (this)                92 us    9 KB   77 allocations
//	json v2 into raw values, then rows    174 us   54 KB  210 allocations
//	jsontext, a value a row, then rows    180 us   56 KB  973 allocations
//	encoding/json into RawMessage, rows   530 us   67 KB  517 allocations
//
// The last one would not do anyway: it lets duplicate names through and takes
// "Id" for "id".
type pageDecoder struct {
	body []byte
	dec  *jsontext.Decoder
	keep int // rows beyond are counted and checked, not kept: a body may hold millions
	env  envelope
	// shape is the first thing found that makes the JSON no page. It is reported
	// once the whole body was read, because a body that is cut off is worth
	// another try and must be told apart first.
	shape string
	// sites and more say whether the members were there.
	sites, more bool
}

// decodePage reads body as one page and keeps up to keep of its rows. It answers
// for the JSON and the shape; whether the values make sense is for judge.
//
// Raw bytes must be UTF-8, but an escaped lone surrogate ("\ud800") is let
// through: RFC 8259 allows it, it comes from a source that cut a text in the
// middle of a character, and it must not hold up a page that is paid for. It
// reaches the consumer as it is.
func decodePage(body []byte, keep int) (envelope, *PageError) {
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return envelope{}, fault(FaultNotJSON, "the body begins with a byte order mark")
	}
	d := &pageDecoder{body: body, dec: decoder(body), keep: keep}
	err := d.page()
	switch {
	case err != nil:
		return d.env, d.fault(err)
	case !utf8.Valid(body):
		return d.env, fault(FaultInvalidUTF8, "the body holds bytes that are not UTF-8")
	case d.shape != "":
		return d.env, fault(FaultShape, "%s", d.shape)
	case !d.sites:
		return d.env, fault(FaultShape, "there is no career_sites")
	case !d.more:
		return d.env, fault(FaultShape, "there is no has_more")
	}
	return d.env, nil
}

// decoder refuses duplicate names, as jsontext does by default. Invalid UTF-8 is
// allowed for the sake of the surrogates; decodePage checks the raw bytes itself.
func decoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowInvalidUTF8(true))
}

// Errors of the decoder beside jsontext's own.
var (
	errTooDeep  = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errTrailing = errors.New("more after the end of the page")
)

// page reads the whole body.
func (d *pageDecoder) page() error {
	if d.dec.PeekKind() != '{' {
		d.wrong("the body is not a JSON object")
		if _, err := d.value(); err != nil {
			return err
		}
		return d.end()
	}
	if err := d.members(d.member); err != nil {
		return err
	}
	return d.end()
}

// end checks that nothing but white space follows.
func (d *pageDecoder) end() error {
	if rest := d.body[d.dec.InputOffset():]; len(bytes.Trim(rest, " \t\r\n")) > 0 {
		return errTrailing
	}
	return nil
}

// members reads an object and calls read with each name; read reads the value.
func (d *pageDecoder) members(read func(name string) error) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadValue()
		if err != nil {
			return err
		}
		if err := read(known(name)); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// known returns the member name that quoted stands for, if it is one that the
// decoder acts on, and nothing otherwise. Names match exactly: "Id" is another
// member than "id", and both may be there.
func known(quoted []byte) string {
	switch string(quoted) {
	case `"id"`:
		return "id"
	case `"updated_at"`:
		return "updated_at"
	case `"career_sites"`:
		return "career_sites"
	case `"next_cursor"`:
		return "next_cursor"
	case `"has_more"`:
		return "has_more"
	}
	if bytes.IndexByte(quoted, '\\') >= 0 {
		name, _ := jsontext.AppendUnquote(nil, quoted)
		return string(name)
	}
	return ""
}

// member reads one member of the page.
func (d *pageDecoder) member(name string) error {
	if name == "career_sites" && d.dec.PeekKind() == '[' {
		d.sites = true
		return d.rows()
	}
	v, err := d.value()
	if err != nil {
		return err
	}
	switch name {
	case "career_sites":
		d.wrong("career_sites is not an array")
	case "has_more":
		d.more = true
		d.env.more = v.Kind() == 't'
		if d.env.more || v.Kind() == 'f' {
			return nil
		}
		d.wrong("has_more is not a boolean")
	case "next_cursor":
		d.cursor(v)
	}
	return nil
}

func (d *pageDecoder) cursor(v jsontext.Value) {
	switch v.Kind() {
	case 'n':
	case '"':
		next, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			d.wrong("next_cursor is not a valid string")
		}
		d.env.next = string(next)
	default:
		d.wrong("next_cursor is neither a string nor null")
	}
}

func (d *pageDecoder) rows() error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	d.env.rows = make([]Row, 0, d.keep)
	for d.dec.PeekKind() != ']' {
		row, err := d.row()
		if err != nil {
			return err
		}
		d.env.count++
		if len(d.env.rows) < d.keep {
			d.env.rows = append(d.env.rows, row)
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// value reads the next value and checks its depth.
func (d *pageDecoder) value() (jsontext.Value, error) {
	v, err := d.dec.ReadValue()
	if err == nil && d.dec.StackDepth()+depth(v) > maxDepth {
		err = errTooDeep
	}
	return v, err
}

func (d *pageDecoder) wrong(shape string) {
	if d.shape == "" {
		d.shape = shape
	}
}

// fault says what an error of the decoder means for the page.
func (d *pageDecoder) fault(err error) *PageError {
	read := d.body
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		read = d.body[:min(int(syntax.ByteOffset), len(d.body))]
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault(FaultCutOff, "the JSON ends early, after %d bytes", len(d.body))
	case errors.Is(err, errTooDeep), depth(read) > maxDepth: // jsontext stops at a depth of its own
		return fault(FaultTooDeep, "%v", errTooDeep)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fault(FaultDuplicateName, "%v", err)
	case !utf8.Valid(d.body):
		return fault(FaultInvalidUTF8, "the body holds bytes that are not UTF-8")
	}
	return fault(FaultNotJSON, "%v", err)
}

// depth is how deep v is nested: zero for a scalar. It is exact beyond maxDepth
// and an upper bound below, where counting brackets alone is enough.
func depth(v []byte) int {
	n := bytes.Count(v, []byte("[")) + bytes.Count(v, []byte("{"))
	if n <= maxDepth/2 {
		return n
	}
	return scanDepth(v)
}

// scanDepth counts brackets outside strings. v need not be valid.
func scanDepth(v []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			now++
			deepest = max(deepest, now)
		case c == ']' || c == '}':
			now--
		}
	}
	return deepest
}
