package simulator

import (
	"net/http"
	"strconv"
)

// scan is what all pages of one pagination have in common.
type scan struct {
	filters Filters // canonical
	batch   int
}

// item is one row on a page: one that was sold, or one that a fault made up.
type item struct {
	sale    sale
	body    body
	foreign bool
}

// page is an answer of the feed before it is written out.
type page struct {
	items []item
	next  string // "" is null
	more  bool
	says  bool // what X-Has-More says
}

// decide is the moment at which a page is chosen and billed, in one step: what
// happens to the bytes afterwards no longer changes the bill.
func (s *Simulator) decide(q *feedRequest, who caller, f *Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.is(KindVoidCursor) {
		s.cursors.void(q.cursor(), f.Status)
	}
	if f.is(KindDryWallet) {
		s.ledger.total.Balance = f.Credits
	}
	sc, from, refused := s.resolve(q)
	if refused != nil {
		return s.standingOn(who, s.refuseLocked(*refused))
	}
	batch := sc.batch
	if q.BatchSize != nil {
		batch = *q.BatchSize
	}
	if required := int64(batch) * s.ledger.price; required > s.ledger.total.Balance {
		return s.standingOn(who, s.refuseLocked(paymentRequired(required, s.ledger.total.Balance)))
	}
	p, err := s.choose(sc, from, batch, q.cursor(), f)
	if err != nil {
		return s.refuseLocked(problem{status: http.StatusInternalServerError, code: "internal", title: "Internal error", detail: err.Error()})
	}
	bill := Bill{
		At: s.now(), Client: who.client, Key: who.key, Filters: sc.filters.fingerprint(),
		Cursor: q.cursor(), Next: p.next, HasMore: p.more, Fault: f.kind(),
	}
	foreign := 0
	for _, it := range p.items {
		if it.foreign {
			foreign++
			continue
		}
		bill.sold = append(bill.sold, it.sale)
	}
	bill = s.ledger.charge(bill, foreign)
	a := s.pageAnswer(p, bill, s.pinBase(who.host))
	s.change()
	return s.standingOn(who, a)
}

// resolve finds the scan that a request belongs to and the place where it goes on.
func (s *Simulator) resolve(q *feedRequest) (scan, place, *problem) {
	asked := scan{filters: q.Filters.canonical(), batch: MaxBatch}
	if q.BatchSize != nil {
		asked.batch = *q.BatchSize
	}
	if q.Cursor == nil {
		return asked, startOf(asked.filters), nil
	}
	c, status := s.cursors.read(*q.Cursor)
	carried := scan{filters: c.Filters, batch: c.Batch}
	switch {
	case status == http.StatusConflict:
		p := restartRequired(carried)
		return asked, place{}, &p
	case status != 0:
		p := invalidCursor()
		return asked, place{}, &p
	}
	// The cursor alone will do; filters beside it must be those it was issued for.
	sent := asked.filters.fingerprint()
	if sent != "{}" && sent != carried.filters.fingerprint() {
		p := badRequest("the filters differ from those that this cursor was issued for: begin a new scan without a cursor")
		p.code = "cursor_filters_changed"
		return asked, place{}, &p
	}
	from := place{updated: c.Updated}
	copy(from.id[:], c.ID)
	return carried, from, nil
}

// choose picks the rows behind a place and says how the scan goes on.
func (s *Simulator) choose(sc scan, from place, batch int, asked string, f *Fault) (page, error) {
	m := newMatcher(s.table.words, sc.filters)
	ordinals, more := s.table.page(from, &m, f.take(batch))
	p := page{more: more, items: make([]item, 0, batch+1)}
	at := from
	for _, ordinal := range ordinals {
		rec := &s.table.records[ordinal]
		p.items = append(p.items, item{sale: sale{ordinal, rec.version}, body: rec.body})
		at = place{updated: rec.updated, id: rec.id}
	}
	s.addForeign(&p, f)
	// A page without rows of its own ends where it began: its cursor must not look
	// like the one it was asked with.
	if p.more || f.is(KindEmptyPage, KindFalseWithCursor) {
		next, err := s.cursors.issue(sc, at, len(ordinals) == 0)
		if err != nil {
			return p, err
		}
		p.next = next
	}
	if err := s.bendCursor(&p, sc, from, asked, f); err != nil {
		return p, err
	}
	p.says = p.more != f.is(KindHasMoreHeader)
	return p, nil
}

// pageAnswer writes a page out: the rows' own bytes, joined.
func (s *Simulator) pageAnswer(p page, bill Bill, base string) answer {
	size := 128 + len(p.next)
	for _, it := range p.items {
		size += len(it.body.bytes) + len(base) + 1
	}
	out := append(make([]byte, 0, size), `{"career_sites":[`...)
	for i, it := range p.items {
		if i > 0 {
			out = append(out, ',')
		}
		out = it.body.append(out, base)
	}
	out = append(out, `],"next_cursor":`...)
	if p.next == "" {
		out = append(out, "null"...)
	} else {
		out = strconv.AppendQuote(out, p.next)
	}
	out = append(out, `,"has_more":`...)
	out = strconv.AppendBool(out, p.more)
	out = append(out, '}')
	return answer{
		status: http.StatusOK, body: out, rows: bill.Rows, credits: bill.Credits,
		header: http.Header{
			"Content-Type":       {"application/json; charset=utf-8"},
			"X-Has-More":         {strconv.FormatBool(p.says)},
			"X-Credits-Deducted": {strconv.FormatInt(bill.Credits, 10)},
			"X-Credits-Balance":  {strconv.FormatInt(s.ledger.total.Balance, 10)},
		},
	}
}

// change applies Options.Change after a page was billed. The caller holds the lock.
func (s *Simulator) change() {
	c := s.opts.Change
	if c.EveryPages <= 0 || s.ledger.total.Pages%c.EveryPages != 0 {
		return
	}
	if c.Rounds > 0 && s.rounds >= c.Rounds {
		return
	}
	s.rounds++
	s.updateRandom(c.Update)
	s.table.insert(c.Insert)
}
