package simulator

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"time"
)

// record is a company with its newest version.
type record struct {
	company
	body    body
	updated int64  // unix nanoseconds, in whole microseconds
	version uint32 // 1 for a new company
}

// edition is a version that was replaced after it had been sold.
type edition struct {
	version uint32
	updated int64
	body    body
}

// place is a position in the feed's order: behind the row with this updated_at
// and id. The zero value lies before every row.
type place struct {
	updated int64
	id      id
}

func (p place) compare(q place) int {
	if p.updated != q.updated {
		return cmp.Compare(p.updated, q.updated)
	}
	return bytes.Compare(p.id[:], q.id[:])
}

// entry says that a version of a row has its place here. It is dead once the row
// has a newer version.
type entry struct {
	updated          int64
	ordinal, version uint32
}

// table holds the rows and their order. Every change gets the newest updated_at,
// so the order is a log: changes are appended, the place they left stays behind
// as a dead entry until the log is compacted. Finding a cursor's place is a
// binary search, and a page costs what is on it. The caller holds the lock.
type table struct {
	words    *vocabulary
	seed     uint64
	plain    bool
	clock    func() time.Time
	details  func(id string) string // Options.DetailsURL
	records  []record
	ordinals map[id]uint32
	log      []entry
	dead     int
	past     map[uint32][]edition // by ordinal, for the few rows that have one
	newest   int64                // the greatest updated_at handed out
	scratch  []byte               // rows are written here, then copied to their final size
	arena    []byte               // what is left of the block that takes the initial rows
}

const (
	arenaBlock  = 1 << 18
	initialSpan = 90 * 24 * time.Hour
	// minDead keeps small tables from being compacted at every other change.
	minDead = 1024
)

func newTable(o Options) *table {
	t := &table{
		words: newVocabulary(), seed: o.Seed, plain: o.Plain, clock: o.Clock, details: o.DetailsURL,
		records:  make([]record, 0, o.Rows),
		ordinals: make(map[id]uint32, o.Rows),
		log:      make([]entry, 0, o.Rows),
		past:     make(map[uint32][]edition),
	}
	t.fill(o.Rows, o.Epoch.UnixNano())
	return t
}

// fill makes the initial rows, the newest of them updated at epoch. Some share an
// updated_at, as rows that one import touched would: only the id orders them.
func (t *table) fill(rows int, epoch int64) {
	r := seeded(t.seed, 0x0a11ce)
	updated := int64(0)
	for i := range rows {
		if i == 0 || !r.chance(12) {
			behind := int64(float64(initialSpan) * float64(rows-1-i) / float64(rows))
			updated = micros(epoch - behind)
			if r.chance(10) {
				updated -= updated % int64(time.Second)
			}
		}
		age := time.Duration(r.below(int(2*365*24*time.Hour/time.Second))) * time.Second
		discovered := updated - updated%int64(time.Second) - int64(age)
		t.add(updated, discovered, t.intoArena)
	}
	slices.SortFunc(t.log, func(a, b entry) int { return t.placeOf(a).compare(t.placeOf(b)) })
	if rows > 0 {
		t.newest = t.log[rows-1].updated
	}
}

// add makes the next company, in its first version.
func (t *table) add(updated, discovered int64, keep func(body) body) {
	ordinal := uint32(len(t.records))
	c := newCompany(t.words, t.seed, uint64(ordinal), discovered)
	t.records = append(t.records, record{company: c, updated: updated, version: 1})
	rec := &t.records[ordinal]
	rec.body = keep(t.encode(&rec.company, 1, updated))
	t.ordinals[c.id] = ordinal
	t.log = append(t.log, entry{updated, ordinal, 1})
}

// encode writes a row into the scratch buffer: the result must be copied.
func (t *table) encode(c *company, version uint32, updated int64) body {
	b := encodeRow(t.scratch[:0], t, c, version, updated)
	t.scratch = b.bytes[:0]
	return b
}

// intoArena copies a row behind its neighbours: a million slices of their own
// would cost a tenth more.
func (t *table) intoArena(b body) body {
	if len(b.bytes) > cap(t.arena)-len(t.arena) {
		t.arena = make([]byte, 0, max(arenaBlock, len(b.bytes)))
	}
	start := len(t.arena)
	t.arena = append(t.arena, b.bytes...)
	return body{bytes: t.arena[start:len(t.arena):len(t.arena)], cut: b.cut}
}

func ownCopy(b body) body { return body{bytes: bytes.Clone(b.bytes), cut: b.cut} }

// stamp is the updated_at of a change: the clock's time, and later than every
// one before it even when the clock stands still or goes back.
func (t *table) stamp() int64 {
	t.newest = max(micros(t.clock().UnixNano()), t.newest+int64(time.Microsecond))
	return t.newest
}

// insert makes n new companies.
func (t *table) insert(n int) []uint32 {
	added := make([]uint32, n)
	for i := range added {
		added[i] = uint32(len(t.records))
		now := t.stamp()
		t.add(now, now, ownCopy)
	}
	return added
}

// update gives a row its next version. sold says whether the present one was
// ever billed and so must stay known.
func (t *table) update(ordinal uint32, sold bool) {
	rec := &t.records[ordinal]
	if sold {
		t.past[ordinal] = append(t.past[ordinal], edition{rec.version, rec.updated, rec.body})
	}
	rec.version++
	rec.updated = t.stamp()
	rec.body = ownCopy(t.encode(&rec.company, rec.version, rec.updated))
	t.log = append(t.log, entry{rec.updated, ordinal, rec.version})
	if t.dead++; t.dead > minDead && t.dead > len(t.log)/2 {
		t.log = slices.DeleteFunc(t.log, func(e entry) bool { return !t.alive(e) })
		t.dead = 0
	}
}

func (t *table) alive(e entry) bool { return t.records[e.ordinal].version == e.version }

func (t *table) placeOf(e entry) place {
	return place{updated: e.updated, id: t.records[e.ordinal].id}
}

// page returns up to limit rows that match behind a place, and whether another
// one follows them.
func (t *table) page(from place, m *matcher, limit int) (rows []uint32, more bool) {
	rows = make([]uint32, 0, min(limit, len(t.log)))
	start := sort.Search(len(t.log), func(i int) bool { return t.placeOf(t.log[i]).compare(from) > 0 })
	for _, e := range t.log[start:] {
		if !t.alive(e) || !m.match(&t.records[e.ordinal].company) {
			continue
		}
		if len(rows) == limit {
			return rows, true
		}
		rows = append(rows, e.ordinal)
	}
	return rows, false
}

// micros cuts an instant to the precision of updated_at.
func micros(nanos int64) int64 { return nanos - nanos%int64(time.Microsecond) }
