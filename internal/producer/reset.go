package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/careerstream/careerstream/schemas"
)

// Reset is what an operator wants a stream's state to be: exactly one of its
// members is set.
type Reset struct {
	// Backfill buys everything again with the next run.
	Backfill bool
	// Watermark buys what changed since then.
	Watermark time.Time
	// KeepWatermark keeps it, and takes the filters and the topic of Options from
	// now on.
	KeepWatermark bool
	// Import are the records of another cluster, the stream's and those of its
	// windows.
	Import []schemas.Progress
}

// Reset writes the stream's state, fenced like any checkpoint: under the lease,
// in an epoch of its own, so that no instance goes on with the state before. It
// returns the stream's new record, and the errors of the lease and of the ports.
func (l *Loop) Reset(ctx context.Context, wish Reset) (schemas.Progress, error) {
	if err := l.regain(ctx); err != nil {
		return schemas.Progress{}, err
	}
	defer l.Release(ctx)
	ctx, cancel := context.WithTimeoutCause(ctx, l.opts.TakeOver, fmt.Errorf("not finished within %s", l.opts.TakeOver))
	defer cancel()
	session, err := l.fenceIn(ctx, l.lease)
	if err != nil {
		return schemas.Progress{}, err
	}
	defer session.Close()
	copied, err := l.copied(ctx)
	if err != nil {
		return schemas.Progress{}, err
	}
	newest, _, _, err := session.Progress(ctx)
	if err != nil {
		return schemas.Progress{}, err
	}
	records, err := l.opts.reset(wish, newest, copied.Progress)
	if err != nil {
		return schemas.Progress{}, err
	}
	own := &records[len(records)-1]
	if err := l.rewound(ctx, records); err != nil {
		return schemas.Progress{}, err
	}
	fence := max(l.lease.Token(), newest.Fence+1, copied.Fence+1)
	seq, op, now := max(newest.Seq, copied.Seq)+1, ulid.Make().String(), time.Now().UTC()
	for i := range records {
		r := &records[i]
		r.Fence, r.Seq, r.Op, r.CommittedAt = fence, seq, op, now
		r.Topic, r.TopicID = l.opts.Topics.Sites, l.opts.Topics.SitesID
	}
	if err := session.Commit(ctx, nil, records, l.lease.Alive); err != nil {
		return schemas.Progress{}, fmt.Errorf("write the state of feed %q: %w", l.opts.Feed, err)
	}
	if err := l.checkpoints.Repair(ctx, l.lease.Owner(), l.lease.Token(), *own); err != nil {
		return *own, fmt.Errorf("the state is written; its copy in Redis is not, and the next start repairs it: %w", err)
	}
	return *own, nil
}

// rewound lets a state that is behind rows of its stream be taken up: its run
// gets an id that sorts behind theirs, and where it goes on, the mark that they
// are there.
func (l *Loop) rewound(ctx context.Context, records []schemas.Progress) error {
	row, err := l.log.Newest(ctx)
	if err != nil || !behind(records[len(records)-1], row) {
		return err
	}
	id := newRunID(row.RunID)
	for i := range records {
		records[i].RunID, records[i].Rewound = id, records[i].Phase == schemas.Paging
	}
	return nil
}

// reset returns the records to write, the stream's last.
func (o Options) reset(wish Reset, newest, copied schemas.Progress) ([]schemas.Progress, error) {
	if len(wish.Import) > 0 {
		return o.imported(wish.Import, newest, copied)
	}
	base := newest
	if newest.Seq == 0 {
		base = copied // what Redis remembers of the money is better than nothing
	}
	filters, err := o.Filters.Canonical()
	if err != nil {
		return nil, err
	}
	p := schemas.Progress{
		V: schemas.ProgressVersion, Feed: o.Feed, RunID: newRunID(max(newest.RunID, copied.RunID)),
		Mode: schemas.Incremental, Phase: schemas.Done, RunStartedAt: time.Now().UTC().Truncate(time.Millisecond),
		Filters: filters, Fingerprint: o.fingerprint, BatchSize: o.BatchSize,
		Waste: base.Waste, Balance: base.Balance, CreditsPerRow: base.CreditsPerRow, Spent: base.Spent,
		Purchases: base.Purchases, History: base.History,
	}
	switch {
	case wish.Backfill:
		p.Mode, p.Reset = schemas.Backfill, "backfill"
	case wish.KeepWatermark:
		if p.Watermark, p.Reset = newest.Watermark, "keep-watermark"; p.Watermark.IsZero() {
			return nil, fmt.Errorf("feed %q has no watermark to keep: no run of it has reached its end; use --backfill, or --watermark TIME", o.Feed)
		}
	case !wish.Watermark.IsZero():
		if p.Watermark, p.Reset = wish.Watermark.UTC(), "watermark"; p.Watermark.After(time.Now()) {
			return nil, fmt.Errorf("watermark %s lies in the future: what changes until then would never be bought", p.Watermark.Format(time.RFC3339))
		}
	default:
		return nil, errors.New("nothing to reset to")
	}
	return []schemas.Progress{p}, nil
}

// imported checks the records of another cluster. Rows and cursor stay what they
// are: nothing of the stream is lost by the move.
func (o Options) imported(records []schemas.Progress, newest, copied schemas.Progress) ([]schemas.Progress, error) {
	var own *schemas.Progress
	var out []schemas.Progress
	for _, r := range records {
		if r.Feed != o.Feed {
			return nil, fmt.Errorf("the file has the state of feed %q: set FEED_NAME=%s to import it", r.Feed, r.Feed)
		}
		if r.Window == 0 {
			r.Reset = "import"
			own = &r
			continue
		}
		out = append(out, r)
	}
	switch {
	case own == nil:
		return nil, errors.New("the file has no record of the stream itself")
	case own.Phase == schemas.Paging && len(out) != own.Windows:
		return nil, fmt.Errorf("the file has %d of the stream's %d windows", len(out), own.Windows)
	}
	if before := max(newest.RunID, copied.RunID); own.RunID < before && own.Phase == schemas.Done {
		own.RunID = newRunID(before) // or rows that this cluster has would seem to be newer
	}
	return append(out, *own), nil
}
