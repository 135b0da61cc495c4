package simulator

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// body is a row as the feed sends it, without the base URL: that is only known
// once somebody asks, so the row is kept in two parts around it.
type body struct {
	bytes []byte
	cut   int32 // where the base URL belongs; below 0: nowhere
}

// append writes the row for a base URL.
func (b body) append(dst []byte, base string) []byte {
	if b.cut < 0 {
		return append(dst, b.bytes...)
	}
	dst = append(dst, b.bytes[:b.cut]...)
	dst = append(dst, base...)
	return append(dst, b.bytes[b.cut:]...)
}

// Row spellings. All are valid JSON for the same contract; a consumer that
// re-encodes rows instead of passing them on changes their bytes.
const (
	spellingPlain = iota
	spellingSlashes
	spellingEscapes
	spellingSpaced
)

// encoder writes one row.
type encoder struct {
	dst      []byte
	spelling int
	members  int
	r        random
}

// encodeRow writes version of c into dst and returns the row that was added.
// The same arguments give the same bytes.
func encodeRow(dst []byte, t *table, c *company, version uint32, updated int64) body {
	v := t.words
	e := encoder{dst: dst, r: seeded(binary.BigEndian.Uint64(c.id[:8]), uint64(version))}
	if !t.plain && e.r.chance(40) {
		e.spelling = 1 + e.r.below(3)
	}
	start := len(dst)
	e.dst = append(e.dst, '{')
	extras := !t.plain && e.r.chance(15)
	if extras && e.r.chance(30) {
		e.extras()
		extras = false
	}
	e.identity(v, c)
	e.links(v, c)
	e.time("discovered_at", c.discovered)
	e.time("updated_at", updated)
	cut := e.details(t, c, start)
	if extras {
		e.extras()
	}
	if e.spelling == spellingSpaced {
		e.dst = append(e.dst, "\n "...)
	}
	e.dst = append(e.dst, '}')
	return body{bytes: e.dst[start:len(e.dst):len(e.dst)], cut: cut}
}

// identity writes the members that say what the company is.
func (e *encoder) identity(v *vocabulary, c *company) {
	e.key("id")
	e.dst = append(e.dst, '"')
	e.dst = c.id.append(e.dst)
	e.dst = append(e.dst, '"')
	name := c.name(v)
	e.text("name", name)
	slug := c.slug()
	e.optional(95, "website", "https://www.", slug, ".", v.countries[c.country].tld, "/")
	e.optional(88, "logo_url", "https://logo.jobo.invalid/", slug, "/256.png?v=2")
	opening, middle, closing := pick(&e.r, v.openings), pick(&e.r, v.middles), pick(&e.r, v.closings)
	e.optional(95, "summary", name, " ", opening, ". ", middle, " ", closing)
	e.key("industries")
	e.dst = append(e.dst, '[')
	for i := range c.tags {
		e.element(i > 0, v.industries[c.industries[i]])
	}
	e.dst = append(e.dst, ']')
	e.key("categories")
	e.dst = append(e.dst, '[')
	first := e.r.below(len(v.categories))
	for i := range e.r.below(3) {
		e.element(i > 0, v.categories[(first+i)%len(v.categories)])
	}
	e.dst = append(e.dst, ']')
}

// links writes where the company is found.
func (e *encoder) links(v *vocabulary, c *company) {
	slug := c.slug()
	e.optional(85, "linkedin_url", "https://www.linkedin.com/company/", slug)
	e.optional(60, "crunchbase_url", "https://www.crunchbase.com/organization/", slug)
	provider := v.ats[c.ats]
	e.text("ats", provider.name)
	e.text("listing_url", provider.prefix, slug, provider.suffix)
}

// details writes details_url and returns where the base URL goes, counted from
// the row's first byte.
func (e *encoder) details(t *table, c *company, start int) int32 {
	e.key("details_url")
	missing := e.r.chance(2)
	if t.details != nil {
		return e.planted(t.details(c.id.String()), start)
	}
	if missing {
		e.dst = append(e.dst, "null"...)
		return -1
	}
	e.dst = append(e.dst, '"')
	cut := int32(len(e.dst) - start)
	e.dst = append(e.dst, pathCompanies...)
	e.dst = c.id.append(e.dst)
	e.dst = append(e.dst, '"')
	return cut
}

// planted writes the details_url that Options.DetailsURL wants.
func (e *encoder) planted(url string, start int) int32 {
	if url == "" {
		e.dst = append(e.dst, "null"...)
		return -1
	}
	cut := int32(-1)
	if strings.HasPrefix(url, pathCompanies) {
		cut = int32(len(e.dst) + len(`"`) - start)
	}
	// What is not UTF-8 in it is replaced, and the error says no more than that.
	e.dst, _ = jsontext.AppendQuote(e.dst, url)
	return cut
}

// extras writes members that the contract does not list: they may appear at any
// time. Their numbers do not survive a round trip through float64.
func (e *encoder) extras() {
	for _, extra := range []struct{ name, value string }{
		{"headcount_estimate", `9007199254740993`},
		{"score", `0.1000000000000000055511151231257827021181583404541015625`},
		{"addressable_market", `1e400`},
		{"signals", `{"hiring":{"trend":"up","by_quarter":[3, 5.0, 8,1.30E+1]},"sources":[{"name":"r\u00e9gistre","url":"https:\/\/example.invalid\/a"},null]}`},
		{"labels", `["α","\ud83d\ude80",true,false,null,-0,1.0]`},
		{"snowflake_id", `18446744073709551617`},
	} {
		if e.r.chance(60) {
			e.key(extra.name)
			e.dst = append(e.dst, extra.value...)
		}
	}
}

// key writes a member's name, with what separates it from the member before.
func (e *encoder) key(name string) {
	if e.members++; e.members > 1 {
		e.dst = append(e.dst, ',')
	}
	if e.spelling == spellingSpaced {
		e.dst = append(e.dst, "\n\t"...)
	}
	e.dst = append(e.dst, '"')
	e.dst = append(e.dst, name...)
	e.dst = append(e.dst, '"', ':')
	if e.spelling == spellingSpaced {
		e.dst = append(e.dst, "  "[:1+e.members%2]...)
	}
}

func (e *encoder) text(name string, value ...string) {
	e.key(name)
	e.quote(value...)
}

// optional writes the value in percent of 100 cases, otherwise null. The choice
// is drawn either way, so that the rest of the row does not depend on it.
func (e *encoder) optional(percent int, name string, value ...string) {
	e.key(name)
	if e.r.chance(percent) {
		e.quote(value...)
		return
	}
	e.dst = append(e.dst, "null"...)
}

func (e *encoder) element(more bool, value string) {
	if more {
		e.dst = append(e.dst, ',')
		if e.spelling == spellingSpaced {
			e.dst = append(e.dst, ' ')
		}
	}
	e.quote(value)
}

// time writes an instant. A fraction of a second is only there when it is not
// zero, and some rows say +00:00 for Z: RFC 3339 allows both.
func (e *encoder) time(name string, nanos int64) {
	e.key(name)
	if nanos == 0 {
		e.dst = append(e.dst, "null"...)
		return
	}
	layout := time.RFC3339Nano
	if e.spelling == spellingEscapes {
		layout = "2006-01-02T15:04:05.999999999-07:00"
	}
	e.dst = append(e.dst, '"')
	e.dst = time.Unix(0, nanos).UTC().AppendFormat(e.dst, layout)
	e.dst = append(e.dst, '"')
}

// quote writes a JSON string in the row's spelling. It takes parts because joining
// them first would leave more garbage than there are rows.
func (e *encoder) quote(parts ...string) {
	e.dst = append(e.dst, '"')
	for _, s := range parts {
		if e.spelling == spellingPlain && !strings.ContainsAny(s, "\"\\") {
			e.dst = append(e.dst, s...)
			continue
		}
		e.dst = e.appendSpelled(e.dst, s)
	}
	e.dst = append(e.dst, '"')
}

func (e *encoder) appendSpelled(dst []byte, s string) []byte {
	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c == '/' && e.spelling == spellingSlashes:
			dst = append(dst, '\\', '/')
		case c >= utf8.RuneSelf && e.spelling == spellingEscapes:
			dst = appendEscape(dst, c)
		default:
			dst = append(dst, s[i:i+utf8.RuneLen(c)]...)
		}
	}
	return dst
}

// appendEscape writes c as \uXXXX, as a surrogate pair where it needs one.
func appendEscape(dst []byte, c rune) []byte {
	if hi, lo := utf16.EncodeRune(c); hi != utf8.RuneError {
		return appendEscape(appendEscape(dst, hi), lo)
	}
	dst = append(dst, '\\', 'u')
	hex := strconv.FormatUint(0x10000|uint64(c), 16) // the leading 1 keeps the zeros
	return append(dst, hex[1:]...)
}
