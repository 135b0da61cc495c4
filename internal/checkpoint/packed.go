package checkpoint

import (
	"fmt"
	"strings"
	"time"
)

// maxETag is the longest ETag that is kept, in bytes: a longer one costs more
// here than an answer without it would now and then.
const maxETag = 256

// The widths of the parts of an entry, see packed.
const (
	versionWidth = 12
	atWidth      = 8
	packedWidth  = versionWidth + atWidth + 1
)

// newestVersion is the last that Known.Version can say, packed. What is later
// was not written by this package.
const newestVersion = "3_tPAq-vagbz"

// packed is an entry in the parts that Redis keeps in one text:
//
//	version at outcome [newest] [space etag]
//
// Versions and times are numbers of one width to the base of 64, in digits that
// are in the order of ASCII: they compare byte by byte, in Go as in Lua, and an
// entry with an ETag of 42 bytes, a quoted SHA-1, has just the 64 bytes that
// Redis keeps in a listpack. Newest is left out where it is the version.
type packed struct {
	version, at string
	outcome     byte
	newest      string
	etag        string
}

// String returns p as it is kept.
func (p packed) String() string {
	text := p.version + p.at + string(p.outcome)
	if p.newest != p.version {
		text += p.newest
	}
	if p.etag != "" {
		text += " " + p.etag
	}
	return text
}

// unpack reads what String wrote. It returns false for anything else, as parse
// in scripts/remember.lua does: an entry that one of the two cannot read and the
// other can would never be mended.
func unpack(text string) (packed, bool) {
	if len(text) < packedWidth {
		return packed{}, false
	}
	p := packed{version: text[:versionWidth], at: text[versionWidth : packedWidth-1], outcome: text[packedWidth-1]}
	p.newest, p.etag, _ = strings.Cut(text[packedWidth:], " ")
	if p.newest == "" {
		p.newest = p.version
	}
	return p, isVersion(p.version) && isNumber(p.at) && p.outcomeName() != "" && isVersion(p.newest)
}

// outcomeName is the Outcome; empty if there is no such.
func (p packed) outcomeName() Outcome {
	for _, o := range []Outcome{Profile, Missing, Dead} {
		if o[0] == p.outcome {
			return o
		}
	}
	return ""
}

// known returns p as callers see it.
func (p packed) known(id string) Known {
	return Known{
		ID: id, Version: unpackVersion(p.version), Newest: unpackVersion(p.newest),
		At: time.UnixMilli(fromDigits(p.at)).UTC(), Outcome: p.outcomeName(), ETag: p.etag,
	}
}

// expired reports whether p is forgotten, if a Missing of oldest or before is.
func (p packed) expired(oldest string) bool { return p.outcomeName() == Missing && p.at <= oldest }

// pack checks k and returns its parts. Without an Outcome only newest is set; it
// is empty if k says nothing at all.
func (k Known) pack() (packed, error) {
	fail := func(format string, args ...any) (packed, error) {
		return packed{}, fmt.Errorf("company %q: "+format, append([]any{k.ID}, args...)...)
	}
	version, ok := packVersion(k.Version)
	if !ok {
		return fail("version %q is not of the form %s", k.Version, versionLayout)
	}
	newest, ok := packVersion(k.Newest)
	if !ok {
		return fail("newest version %q is not of the form %s", k.Newest, versionLayout)
	}
	at := k.At.UnixMilli()
	switch {
	case k.ID == "":
		return fail("the id is missing")
	case k.Outcome == "" && k.Version == "" && k.At.IsZero() && k.ETag == "":
		if k.Newest == "" {
			return packed{}, nil
		}
		return packed{newest: newest}, nil
	case k.Outcome != Profile && k.Outcome != Missing && k.Outcome != Dead:
		return fail("unknown outcome %q", k.Outcome)
	case at <= 0 || at >= 1<<48:
		return fail("the time of the fetch is missing or impossible: %s", k.At)
	}
	p := packed{version: version, at: toDigits(at, atWidth), outcome: k.Outcome[0], newest: max(newest, version)}
	if len(k.ETag) <= maxETag {
		p.etag = k.ETag
	}
	return p, nil
}

// fetchedEntry is what one call of Remember says of one company.
type fetchedEntry struct {
	id string
	packed
}

// text is the entry as scripts/remember.lua takes it.
func (e fetchedEntry) text() string {
	if e.outcome == 0 {
		return e.newest
	}
	return e.String()
}

// packAll checks all entries, and leaves out those that say nothing. A Missing
// that is forgotten already tells of the newest version alone.
func packAll(known []Known, oldest string) ([]fetchedEntry, error) {
	entries := make([]fetchedEntry, 0, len(known))
	for _, k := range known {
		p, err := k.pack()
		if err != nil {
			return nil, err
		}
		if p.expired(oldest) {
			p = packed{newest: p.newest}
		}
		if p.newest != "" {
			entries = append(entries, fetchedEntry{k.ID, p})
		}
	}
	return entries, nil
}

// oldestMissing is the time of the last Missing that is forgotten at now, in
// digits.
func oldestMissing(now time.Time, ttl time.Duration) string {
	return toDigits(max(now.Add(-ttl).UnixMilli(), 0), atWidth)
}
