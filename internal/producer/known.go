package producer

import (
	"context"
	"hash/maphash"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// maxKnown bounds how many rows are remembered: about 40 MB. Rows beyond it are
// published again when they are bought again, which consumers can tell by ce_id.
const maxKnown = 1 << 20

// recallMargin is how much before a row's updated_at, by the feed's clock, the
// record that published it may be stamped by ours.
const recallMargin = maxSkew + time.Minute

// known are versions of rows that the career-sites topic has: those that the run
// may meet again unchanged. It is read from the topic, never from Redis, and
// follows what is committed. A nil known knows nothing and learns nothing.
type known struct {
	seed  maphash.Seed
	rows  map[uint64]stamp // by a digest of the id
	after time.Time        // rows that were not updated later are not in it
	op    string           // the transaction that it is complete up to
	full  bool
}

// stamp is the newest published version of a row. Two digests of 64 bits: that a
// row which did change is taken for unchanged has a chance of 2^-64.
type stamp struct {
	version uint64
	updated int64  // unix microseconds
	run     uint32 // digest of the run that published it
}

// published is a row on its way into known.
type published struct {
	id uint64
	stamp
}

// remember makes known complete for the run that l.at is in, if it is one that
// meets published rows again: an incremental one, because of its overlap, or one
// whose scan began again or was taken up behind what it has published.
func (l *Loop) remember(ctx context.Context) error {
	if l.at.Mode == schemas.Backfill && l.at.Restarts == 0 && !l.at.Rewound {
		l.known = nil
		return nil
	}
	after := l.at.UpdatedAfter
	since := after.Add(-recallMargin)
	if l.at.Mode == schemas.Backfill {
		// Everything that this run has published, whenever it was updated.
		after, since = time.Time{}, l.at.RunStartedAt.Add(-recallMargin)
	}
	if k := l.known; k != nil && k.op == l.at.Op && !k.after.After(after) {
		k.forget(after)
		return nil
	}
	if after.IsZero() && l.at.Mode == schemas.Incremental {
		since = time.Time{}
	}
	k := &known{seed: maphash.MakeSeed(), rows: make(map[uint64]stamp), after: after, op: l.at.Op}
	err := l.log.Recent(ctx, since, func(p Published) bool {
		k.put(k.stamp(p.ID, p.Value, p.UpdatedAt, p.RunID))
		return true
	})
	if err != nil {
		return err
	}
	if k.full {
		l.logger.Warn("more rows were published lately than can be remembered: some may be published again unchanged", zap.Int("remembered", len(k.rows)))
	}
	l.known = k
	return nil
}

func (k *known) stamp(id string, value []byte, updated time.Time, run string) published {
	return published{
		id: maphash.String(k.seed, id),
		stamp: stamp{
			version: maphash.Bytes(k.seed, value), updated: updated.UnixMicro(),
			run: uint32(maphash.String(k.seed, run)), //nolint:gosec // a digest of a digest
		},
	}
}

// put remembers a version, unless the run can't meet it.
func (k *known) put(p published) {
	_, have := k.rows[p.id]
	switch {
	case p.updated <= k.after.UnixMicro() && !k.after.IsZero():
		delete(k.rows, p.id) // what stands there is older, and was replaced
	case !have && len(k.rows) >= maxKnown:
		k.full = true
	default:
		k.rows[p.id] = p.stamp
	}
}

// add remembers what a transaction has committed.
func (k *known) add(fresh []published, op string) {
	if k == nil {
		return
	}
	for _, p := range fresh {
		k.put(p)
	}
	k.op = op
}

// forget drops what a run that begins later can't meet.
func (k *known) forget(after time.Time) {
	k.after = after
	for id, s := range k.rows {
		if s.updated <= after.UnixMicro() {
			delete(k.rows, id)
		}
	}
}

// overlay is known as it will be once a group of pages is committed.
type overlay struct {
	*known
	fresh []published
	newer map[uint64]stamp
}

func (k *known) overlay() overlay { return overlay{known: k, newer: make(map[uint64]stamp)} }

// unchanged counts rows that the topic has already: from this very run, which
// began its scan again, or from an earlier one.
type unchanged struct{ again, overlap int64 }

// changed returns the rows of a page that have to be published.
func (o *overlay) changed(p *purchase, run string) ([]feed.Row, unchanged) {
	var same unchanged
	if o.known == nil {
		return p.page.Rows, same
	}
	rows := make([]feed.Row, 0, len(p.page.Rows))
	for _, row := range p.page.Rows {
		if row.Reason != "" {
			rows = append(rows, row)
			continue
		}
		now := o.stamp(row.ID, row.Published(), row.UpdatedAt, run)
		old, ok := o.newer[now.id]
		if !ok {
			old, ok = o.rows[now.id]
		}
		switch {
		case !ok || old.version != now.version:
			rows = append(rows, row)
			o.newer[now.id] = now.stamp
			o.fresh = append(o.fresh, now)
		case old.run == now.run:
			same.again++
		default:
			same.overlap++
		}
	}
	return rows, same
}

// waste enters what a page's unchanged rows cost.
func (s unchanged) waste(next *schemas.Progress, p *purchase) {
	rows := int64(len(p.page.Rows))
	if rows == 0 {
		return
	}
	again := p.cost * s.again / rows
	overlap := p.cost*(s.again+s.overlap)/rows - again
	if next.Restarts == 0 { // nothing began again: the feed sent it twice by itself
		again, overlap = 0, again+overlap
	}
	next.Waste.CursorRestart += again
	next.Waste.Overlap += overlap
}
