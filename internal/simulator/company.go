package simulator

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// id is a company's identifier in binary, to keep a million of them small.
type id [16]byte

func (i id) String() string { return string(i.append(nil)) }

// append writes the id as the lower-case uuid of the wire.
func (i id) append(dst []byte) []byte {
	for n, part := range [][]byte{i[0:4], i[4:6], i[6:8], i[8:10], i[10:16]} {
		if n > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// parseID reads the wire form. Other spellings of a uuid are not ids of the feed.
func parseID(s string) (id, bool) {
	var out id
	if len(s) != 36 {
		return out, false
	}
	compact := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(out[:], []byte(compact)); err != nil || out.String() != s {
		return out, false
	}
	return out, true
}

// company is what never changes about a generated company: everything that
// filters look at, so that an update never moves a row into or out of a scan.
// Small integers are indexes into the vocabulary.
type company struct {
	id         id
	discovered int64 // unix nanoseconds; 0: not known
	founded    int16 // calendar year; 0: not known
	country    uint8
	size       uint8
	stage      uint8 // 0: not known
	kind       uint8 // 0: not known
	ats        uint8
	agency     bool
	industries [3]uint8 // the first tags of them are set
	tags       uint8
}

// newCompany makes the ordinal-th company of a seed.
func newCompany(v *vocabulary, seed, ordinal uint64, discovered int64) company {
	r := seeded(seed, ordinal)
	var c company
	binary.BigEndian.PutUint64(c.id[:8], r.next())
	binary.BigEndian.PutUint64(c.id[8:], r.next())
	c.id[6] = c.id[6]&0x0f | 0x40 // version 4
	c.id[8] = c.id[8]&0x3f | 0x80 // variant of RFC 9562
	if c.id[0] == 0xff {
		c.id[0] = 0xfe // ff... is for rows that faults make up
	}
	c.discovered = discovered
	if r.chance(2) {
		c.discovered = 0
	}
	if r.chance(92) {
		c.founded = int16(1950 + r.below(76))
	}
	c.country = uint8(r.below(len(v.countries)))
	c.size = uint8(r.below(len(v.sizes)))
	c.stage = uint8(r.below(len(v.stages)))
	c.kind = uint8(r.below(len(v.types)))
	c.ats = uint8(r.below(len(v.ats)))
	c.agency = r.chance(8)
	c.tags = uint8(1 + r.below(3))
	first := r.below(len(v.industries))
	for i := range c.tags {
		// The step is coprime to the number of tags: no company has one twice.
		c.industries[i] = uint8((first + int(i)*7) % len(v.industries))
	}
	return c
}

// slug is the company's part of every address it has.
func (c *company) slug() string { return "co-" + hex.EncodeToString(c.id[:4]) }

// name is stable: a rename is as rare as a new id, and readers of tests are glad
// to recognise a company.
func (c *company) name(v *vocabulary) string {
	r := seeded(binary.BigEndian.Uint64(c.id[8:]))
	at := &v.countries[c.country]
	name := pick(&r, at.first) + " " + pick(&r, at.second) + " " + pick(&r, at.legal)
	switch {
	case r.chance(3):
		name += " 🚀"
	case r.chance(30):
		name = strconv.Itoa(1+r.below(99)) + " " + name
	}
	return name
}

// hostname is the company's own domain.
func (c *company) hostname(v *vocabulary) string {
	return c.slug() + "." + v.countries[c.country].tld
}
