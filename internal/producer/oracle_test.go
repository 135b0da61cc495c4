package producer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
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
	w.judgeChain(chain)
	w.judgePages(chain, records, bills)
	w.judgeOrder(chain, records)
	wasted := len(bills) - len(chain)
	if wasted < 0 {
		w.fail("%d pages committed, %d bought", len(chain), len(bills))
	}
	if may := w.costlyFaults(); wasted > may {
		w.fail("%d pages bought, %d committed: %d wasted by faults that may cost %d", len(bills), len(chain), wasted, may)
	}
	w.judgeCopy(chain)
	return verdict{struck: w.struck, bought: len(bills), wasted: wasted}
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
		if p.RunID == last.RunID && (!p.RunStartedAt.Equal(last.RunStartedAt) || !p.UpdatedAfter.Equal(last.UpdatedAfter) || p.Pages != last.Pages+1) {
			w.fail("run %s changes at seq %d: began %s then %s, page %d then %d", p.RunID, p.Seq, last.RunStartedAt, p.RunStartedAt, last.Pages, p.Pages)
		}
		if p.RunID != last.RunID && last.Phase == schemas.Paging {
			w.fail("run %s begins at seq %d although run %s is not done", p.RunID, p.Seq, last.RunID)
		}
		last = p
	}
	if last.Phase != schemas.Done {
		w.fail("the last checkpoint is of phase %q", last.Phase)
	}
}

// page names a page as the records do.
type page struct{ run, number string }

// judgePages: the rows of one checkpoint are those of one sale, all of them, and
// no sale is published twice.
func (w *world) judgePages(chain []schemas.Progress, records []*kgo.Record, bills []sale) {
	published := map[page][]row{}
	for _, r := range records {
		at := page{header(r, schemas.HeaderRunID), header(r, schemas.HeaderPage)}
		published[at] = append(published[at], decodeRow(r))
	}
	sold := map[int]page{}
	before := schemas.Progress{}
	for _, p := range chain {
		if p.RunID != before.RunID {
			before = schemas.Progress{}
		}
		at := page{p.RunID, fmt.Sprint(p.Pages)}
		rows := published[at]
		delete(published, at)
		if want := int(p.Rows - before.Rows); len(rows) != want {
			w.fail("page %s of run %s: %d rows visible, its checkpoint says %d", at.number, at.run, len(rows), want)
		}
		before = p
		if len(rows) == 0 {
			continue
		}
		serial := rows[0].Sale
		if other, ok := sold[serial]; ok {
			w.fail("sale %d is published as page %s of run %s and as page %s of run %s", serial, other.number, other.run, at.number, at.run)
		}
		sold[serial] = at
		w.judgeSale(serial, bills[serial].rows, rows)
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
		if seen[run][version{got.ID, got.Version}] {
			w.fail("version %d of %s is there twice in run %s", got.Version, got.ID, run)
		}
		seen[run][version{got.ID, got.Version}] = true
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
