package producer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// copies watches the copy of the checkpoint: it may only move forward, except
// when Redis itself lost something.
type copies struct {
	mu   sync.Mutex
	last schemas.Progress
}

// change makes one change of the copy and looks at it before the next one.
func (c *copies) change(w *world, do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := do()
	now, failed := w.mutant.get(context.Background(), w)
	switch {
	case failed != nil:
	case c.last.Newer(now):
		w.fail("the copy moved back from fence %d, seq %d to fence %d, seq %d", c.last.Fence, c.last.Seq, now.Fence, now.Seq)
		c.last = now
	default:
		c.last = now
	}
	return err
}

func (c *copies) get(ctx context.Context, w *world) (schemas.Progress, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.mutant.get(ctx, w)
}

func (c *copies) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = schemas.Progress{}
}

// row is what a record of the market says about itself.
type row struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Sale    int    `json:"sale"`
}

// verdict is what the oracle found: the figures, and what is wrong.
type verdict struct {
	struck map[fault]int
	bought int // pages billed
	wasted int // of which not committed
	groups int // transactions of more than one page
	cut    int // backfills in windows
	same   int // rows that were bought and not published again
}

// judge holds what readers see against what the feed sold. It is called when
// every process is done.
func (w *world) judge() verdict {
	chain, err := w.broker.chain(feedName)
	if err != nil {
		w.fail("%v", err)
		return verdict{}
	}
	records, err := w.broker.visible(sitesTopic)
	if err != nil {
		w.fail("%v", err)
		return verdict{}
	}
	bills := w.market.bills()
	v := verdict{struck: w.struck, bought: len(bills)}
	w.judgeChain(chain)
	w.judgeCursors(chain, bills)
	w.judgePages(chain, records, bills)
	w.judgeOrder(chain, records)
	committed, spent := 0, int64(0)
	for run := range lastLinks(chain) {
		committed, spent = committed+int(run.Pages), spent+run.Credits
		v.same += int(run.Unchanged)
		v.cut += min(run.Windows, 1)
	}
	for i, p := range chain {
		if i > 0 && p.RunID == chain[i-1].RunID && p.Pages > chain[i-1].Pages+1 {
			v.groups++
		}
	}
	if v.wasted = len(bills) - committed; v.wasted < 0 {
		w.fail("%d pages committed, %d bought", committed, len(bills))
	}
	if may := w.costlyFaults(); v.wasted > may {
		w.fail("%d pages bought, %d committed: %d wasted by faults that may cost %d", len(bills), committed, v.wasted, may)
	}
	w.judgeMoney(chain, bills, spent)
	w.judgeCopy(chain)
	return v
}

// lastLinks are the last checkpoints of each run.
func lastLinks(chain []schemas.Progress) iter.Seq[schemas.Progress] {
	return func(yield func(schemas.Progress) bool) {
		for i, p := range chain {
			if i+1 < len(chain) && chain[i+1].RunID == p.RunID {
				continue
			}
			if !yield(p) {
				return
			}
		}
	}
}

// judgeChain: the committed checkpoints are one chain.
func (w *world) judgeChain(chain []schemas.Progress) {
	var last schemas.Progress
	for i, p := range chain {
		if p.Seq != uint64(i)+1 {
			w.fail("checkpoint %d has seq %d", i+1, p.Seq)
		}
		if p.Fence < last.Fence {
			w.fail("the fence falls from %d to %d at seq %d", last.Fence, p.Fence, p.Seq)
		}
		if p.Watermark.Before(last.Watermark) || (p.Phase == schemas.Paging && !p.Watermark.Equal(last.Watermark)) {
			w.fail("the watermark moves from %s to %s at seq %d (%s)", last.Watermark, p.Watermark, p.Seq, p.Phase)
		}
		switch planned := last.Windows > 0 && last.Pages == 0; {
		case p.RunID != last.RunID:
			if last.Phase == schemas.Paging {
				w.fail("run %s begins at seq %d although run %s is not done", p.RunID, p.Seq, last.RunID)
			}
			if p.Pages == 0 && p.Windows == 0 {
				w.fail("the checkpoint at seq %d is of no page and no plan", p.Seq)
			}
		case !p.RunStartedAt.Equal(last.RunStartedAt) && !planned, !p.UpdatedAfter.Equal(last.UpdatedAfter), p.Pages <= last.Pages, p.Windows != last.Windows:
			w.fail("run %s changes at seq %d: began %s then %s, page %d then %d, %d windows then %d",
				p.RunID, p.Seq, last.RunStartedAt, p.RunStartedAt, last.Pages, p.Pages, last.Windows, p.Windows)
		}
		last = p
	}
	if last.Phase != schemas.Done {
		w.fail("the last checkpoint is of phase %q", last.Phase)
	}
}

// judgeCursors: every scan, of a run or of one of its windows, was paged without
// a gap: from each of its checkpoints to the next one leads a path of as many
// pages as it says.
func (w *world) judgeCursors(chain []schemas.Progress, bills []sale) {
	records, err := w.broker.visible(stateTopic)
	if err != nil {
		w.fail("%v", err)
		return
	}
	streams := map[string]schemas.Progress{}
	for _, p := range chain {
		streams[p.Op] = p
	}
	last := map[string]schemas.Progress{}
	pages := map[string]int64{} // of all windows, by run
	for _, r := range records {
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil || string(r.Key) != p.Key() {
			w.fail("progress record %q: %v", r.Key, err)
			continue
		}
		before := last[p.Key()]
		if before.RunID != p.RunID {
			before = schemas.Progress{Phase: schemas.Paging}
		}
		last[p.Key()] = p
		if p.Window == 0 && p.Windows > 0 {
			continue // its cursors are those of the windows
		}
		if p.Window > 0 {
			pages[p.RunID] += p.Pages - before.Pages
			if streams[p.Op].RunID != p.RunID {
				w.fail("%s at page %d was committed without a record of the stream", p.Key(), p.Pages)
			}
			if p.Pages == 0 {
				continue // the plan
			}
		}
		if p.Restarts > before.Restarts {
			before.Cursor = ""
		}
		n := int(p.Pages - before.Pages)
		if n < 1 || before.Phase != schemas.Paging || !path(bills, p, feed.Cursor(before.Cursor), n) {
			w.fail("%s: no way of %d pages leads from cursor %q to %q (%s)", p.Key(), n, before.Cursor, p.Cursor, p.Phase)
		}
	}
	for run := range lastLinks(chain) {
		if run.Windows > 0 && pages[run.RunID] != run.Pages {
			w.fail("run %s: %d pages, its windows have %d", run.RunID, run.Pages, pages[run.RunID])
		}
	}
}

// path reports whether n sales of the scan of p lead from a cursor to that of p.
func path(bills []sale, p schemas.Progress, from feed.Cursor, n int) bool {
	if n == 0 {
		return from == feed.Cursor(p.Cursor)
	}
	same := func(at *time.Time, bound time.Time) bool {
		return at == nil && bound.IsZero() || at != nil && at.Equal(bound)
	}
	for _, s := range bills {
		f := s.query.Filters
		if s.query.Cursor == from && s.query.UpdatedAfter.Equal(p.UpdatedAfter) && same(f.DiscoveredAfter, p.DiscoveredAfter) && same(f.DiscoveredBefore, p.DiscoveredBefore) &&
			(s.next != "" || n == 1) && path(bills, p, s.next, n-1) {
			return true
		}
	}
	return false
}

// judgeMoney: what was paid is what the checkpoints account for, to the credit.
// Redis has the evidence of what a dead process paid: where it lost that, or was
// away when it was asked, each loss may hide the pages of one process. Before the
// first page's checkpoint nobody knows what was in the wallet: what that says may
// be too much, and a first page that another process bought may be hidden.
func (w *world) judgeMoney(chain []schemas.Progress, bills []sale, spent int64) {
	if len(chain) == 0 {
		return
	}
	// What is paid behind the last page of the last run is for the next one to find.
	for len(bills) > 0 && bills[len(bills)-1].buyer != cleanName {
		bills = bills[:len(bills)-1]
	}
	paid := int64(0)
	for _, s := range bills {
		paid += s.cost
	}
	waste := chain[len(chain)-1].Waste
	got, want := waste.Crash+waste.Fenced+waste.UnknownOutcome, paid-spent
	off := int64((w.struck[wiped]+w.struck[rolledBack]+w.struck[away])*w.plan.inHand()) * 3 * feed.CreditsPerRow
	hidden := int64(-w.plan.firsts() * 3 * feed.CreditsPerRow)
	for _, s := range bills {
		if s.query.Cursor == "" && s.query.UpdatedAfter.IsZero() {
			hidden += 3 * feed.CreditsPerRow
		}
	}
	// A machine that is suspended between reserving a page and asking for it buys it
	// when it wakes, maybe long after a successor has seen that it was not billed.
	late := int64(w.struck[frozen]*w.plan.inHand()) * 3 * feed.CreditsPerRow
	blind := chain[slices.IndexFunc(chain, func(p schemas.Progress) bool { return p.Pages > 0 })].Waste.Crash
	if diff := got - want; diff > off+blind || diff < -off-hidden-late {
		w.fail("waste %+v: %d credits by crash, fence and unknown outcome; %d were paid and %d committed, which leaves %d", waste, got, paid, spent, want)
	}
}

// firsts is how many first pages a backfill has.
func (p plan) firsts() int { return max(1, p.windows) }

// place names a page of a run.
type place struct{ run, number string }

// judgePages: every page is visible as a whole or not at all, with its
// checkpoint, and none is there twice.
func (w *world) judgePages(chain []schemas.Progress, records []*kgo.Record, bills []sale) {
	published := map[place][]row{}
	for _, r := range records {
		at := place{header(r, schemas.HeaderRunID), header(r, schemas.HeaderPage)}
		published[at] = append(published[at], decodeRow(r))
	}
	sold := map[int]place{}
	before := schemas.Progress{}
	for _, p := range chain {
		if p.RunID != before.RunID {
			before = schemas.Progress{}
		}
		visible := 0
		for n := before.Pages + 1; n <= p.Pages; n++ {
			at := place{p.RunID, fmt.Sprint(n)}
			rows := published[at]
			visible += len(rows)
			delete(published, at)
			if len(rows) == 0 || !w.plan.stamped {
				continue
			}
			serial := rows[0].Sale
			if other, ok := sold[serial]; ok {
				w.fail("sale %d is published as page %s of run %s and as page %s of run %s", serial, other.number, other.run, at.number, at.run)
			}
			sold[serial] = at
			w.judgeSale(serial, bills[serial].rows, rows)
		}
		if want := int(p.Rows - before.Rows); visible != want {
			w.fail("pages %d to %d of run %s: %d rows visible, its checkpoint says %d", before.Pages+1, p.Pages, p.RunID, visible, want)
		}
		before = p
	}
	for at, rows := range published {
		w.fail("%d rows of page %s of run %s are visible without a checkpoint", len(rows), at.number, at.run)
	}
}

func (w *world) judgeSale(serial int, sold []version, rows []row) {
	missing := map[version]bool{}
	for _, v := range sold {
		missing[v] = true
	}
	for _, r := range rows {
		if r.Sale != serial || !missing[version{r.ID, r.Version}] {
			w.fail("sale %d: unexpected row %+v", serial, r)
		}
		delete(missing, version{r.ID, r.Version})
	}
	for v := range missing {
		w.fail("sale %d: version %d of %s is lost", serial, v.n, v.id)
	}
}

// judgeOrder: no older version after a newer one, none twice in a run, the newest
// one last. A run publishes again what another one had only where its bound says
// so: what changed while that other one ran.
func (w *world) judgeOrder(chain []schemas.Progress, records []*kgo.Record) {
	after := map[string]schemas.Progress{}
	for _, p := range chain {
		after[p.RunID] = p
	}
	newest := map[string]int{}
	ever := map[version]string{}
	seen := map[string]map[version]bool{}
	for _, r := range records { // one partition after another, and a key stays in its own
		got, run := decodeRow(r), header(r, schemas.HeaderRunID)
		if got.Version < newest[got.ID] {
			w.fail("version %d of %s stands after version %d", got.Version, got.ID, newest[got.ID])
		}
		newest[got.ID] = got.Version
		if seen[run] == nil {
			seen[run] = map[version]bool{}
		}
		// Stamped rows of a scan that began again are not the same ones any more.
		if seen[run][version{got.ID, got.Version}] && (!w.plan.stamped || after[run].Restarts == 0) {
			w.fail("version %d of %s is there twice in run %s", got.Version, got.ID, run)
		}
		seen[run][version{got.ID, got.Version}] = true
		if other, twice := ever[version{got.ID, got.Version}]; twice && !w.plan.stamped {
			w.fail("version %d of %s is published by run %s and, unchanged, by run %s", got.Version, got.ID, other, run)
		}
		ever[version{got.ID, got.Version}] = run
		at, err := time.Parse(time.RFC3339Nano, header(r, schemas.HeaderTime))
		if bound := after[run].UpdatedAfter; err != nil || !at.After(bound) {
			w.fail("version %d of %s, of %s, is in run %s, which is of what changed after %s (%v)", got.Version, got.ID, at, run, bound, err)
		}
	}
	for id, want := range w.market.newest() {
		if newest[id] != want {
			w.fail("%s ends at version %d, the newest is %d", id, newest[id], want)
		}
	}
}

// judgeCopy: Redis has what Kafka has.
func (w *world) judgeCopy(chain []schemas.Progress) {
	copied, err := w.mutant.get(context.Background(), w)
	if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		w.fail("read the copy: %v", err)
		return
	}
	if n := len(chain); n > 0 && copied.Op != chain[n-1].Op {
		w.fail("the copy is at seq %d, the topic at seq %d", copied.Seq, chain[n-1].Seq)
	}
}

func decodeRow(r *kgo.Record) row {
	var out row
	if err := json.Unmarshal(r.Value, &out); err != nil {
		out.ID = fmt.Sprintf("unreadable record %q", r.Value)
	}
	return out
}
