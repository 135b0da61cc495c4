package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Row is one version of a row, as the feed sends it.
type Row struct {
	ID        string
	Version   int // counts from 1
	UpdatedAt time.Time
	Bytes     []byte // the row's exact JSON
}

// Len returns how many rows exist.
func (s *Simulator) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.table.records)
}

// Truth returns the newest version of every row by id: what a consumer that
// missed nothing ends up with. It copies every row.
func (s *Simulator) Truth() map[string]Row {
	rows := s.Select(Filters{})
	out := make(map[string]Row, len(rows))
	for _, row := range rows {
		out[row.ID] = row
	}
	return out
}

// Select returns the newest version of every row that passes the filters, in the
// feed's order: what a scan with them delivers while nothing changes.
func (s *Simulator) Select(f Filters) []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := newMatcher(s.table.words, f)
	ordinals, _ := s.table.page(startOf(f), &m, len(s.table.log))
	out := make([]Row, len(ordinals))
	for i, ordinal := range ordinals {
		out[i] = s.rowLocked(ordinal)
	}
	return out
}

// Row returns the newest version of one row.
func (s *Simulator) Row(id string) (Row, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ordinal, ok := s.find(id)
	if !ok {
		return Row{}, false
	}
	return s.rowLocked(ordinal), true
}

// Served returns every version of a row that was billed at least once, oldest
// first.
func (s *Simulator) Served(id string) []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	ordinal, ok := s.find(id)
	if !ok {
		return nil
	}
	rec := &s.table.records[ordinal]
	var out []Row
	base := s.pinBase("")
	for _, e := range s.table.past[ordinal] {
		out = append(out, newRow(rec.id, e, base))
	}
	if s.ledger.counts[sale{ordinal, rec.version}] > 0 {
		out = append(out, s.rowLocked(ordinal))
	}
	return out
}

func (s *Simulator) rowLocked(ordinal uint32) Row {
	rec := &s.table.records[ordinal]
	return newRow(rec.id, edition{rec.version, rec.updated, rec.body}, s.pinBase(""))
}

func newRow(i id, e edition, base string) Row {
	return Row{
		ID: i.String(), Version: int(e.version),
		UpdatedAt: time.Unix(0, e.updated).UTC(),
		Bytes:     e.body.append(nil, base),
	}
}

// find returns the ordinal of an id. The caller holds the lock.
func (s *Simulator) find(text string) (uint32, bool) {
	i, ok := parseID(text)
	if !ok {
		return 0, false
	}
	ordinal, ok := s.table.ordinals[i]
	return ordinal, ok
}

// Update gives each of the rows a new version, in the order given. Unknown ids
// are an error that names them; the others are updated all the same.
func (s *Simulator) Update(ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unknown []string
	for _, text := range ids {
		ordinal, ok := s.find(text)
		if !ok {
			unknown = append(unknown, text)
			continue
		}
		s.updateLocked(ordinal)
	}
	if len(unknown) > 0 {
		return fmt.Errorf("update rows: unknown ids: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// UpdateRandom gives n different rows, or all if there are fewer, a new version
// and returns their ids. The seed decides which.
func (s *Simulator) UpdateRandom(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names(s.updateRandom(n))
}

// Insert makes n new companies and returns their ids.
func (s *Simulator) Insert(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names(s.table.insert(max(n, 0)))
}

func (s *Simulator) updateLocked(ordinal uint32) {
	sold := s.ledger.counts[sale{ordinal, s.table.records[ordinal].version}] > 0
	s.table.update(ordinal, sold)
}

func (s *Simulator) updateRandom(n int) []uint32 {
	total := len(s.table.records)
	n = min(max(n, 0), total)
	if n == 0 {
		return nil
	}
	if 2*n > total {
		// Drawing again what was drawn before would take long: shuffle instead.
		return s.updateShuffled(n)
	}
	drawn := make(map[uint32]bool, n)
	var out []uint32
	for len(out) < n {
		ordinal := uint32(s.changes.below(total))
		if !drawn[ordinal] {
			drawn[ordinal] = true
			out = append(out, ordinal)
			s.updateLocked(ordinal)
		}
	}
	return out
}

func (s *Simulator) updateShuffled(n int) []uint32 {
	all := make([]uint32, len(s.table.records))
	for i := range all {
		all[i] = uint32(i)
	}
	for i := len(all) - 1; i > 0; i-- {
		j := s.changes.below(i + 1)
		all[i], all[j] = all[j], all[i]
	}
	for _, ordinal := range all[:n] {
		s.updateLocked(ordinal)
	}
	return slices.Clip(all[:n])
}

func (s *Simulator) names(ordinals []uint32) []string {
	out := make([]string, len(ordinals))
	for i, ordinal := range ordinals {
		out[i] = s.table.records[ordinal].id.String()
	}
	return out
}
