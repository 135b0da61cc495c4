package producer

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// begin returns the checkpoint that a new run starts from: nothing of it is
// committed before the run's first page. started is the clock before the first
// request.
func (o Options) begin(at schemas.Progress, started time.Time) (schemas.Progress, error) {
	filters, err := o.Filters.Canonical()
	if err != nil {
		return schemas.Progress{}, err
	}
	run := schemas.Progress{
		V: schemas.ProgressVersion, Feed: o.Feed, Topic: o.Topics.Sites, TopicID: o.Topics.SitesID,
		Fence: at.Fence, Seq: at.Seq, Op: at.Op,
		RunID: ulid.Make().String(), Mode: schemas.Backfill, Phase: schemas.Paging,
		// Whole milliseconds, rounded down: an instant that is a little early
		// costs nothing, and every implementation can read it.
		RunStartedAt: started.UTC().Truncate(time.Millisecond),
		Filters:      filters, Fingerprint: o.fingerprint,
		BatchSize: o.BatchSize, Watermark: at.Watermark,
	}
	if o.Filters.UpdatedAfter != nil {
		run.UpdatedAfter = o.Filters.UpdatedAfter.UTC()
	}
	if !at.Watermark.IsZero() {
		run.Mode = schemas.Incremental
		if from := at.Watermark.Add(-o.Overlap); from.After(run.UpdatedAfter) {
			run.UpdatedAfter = from
		}
	}
	return run, nil
}

// advance returns the checkpoint that is committed together with page, bought
// after at. Invariant 2: this is the only place where a cursor or a watermark
// changes.
func advance(at schemas.Progress, page feed.Page, fence uint64, now time.Time) schemas.Progress {
	next := at
	next.Fence = fence
	next.Seq++
	next.Op = ulid.Make().String()
	next.Pages++
	for _, row := range page.Rows {
		if row.Reason != "" {
			next.DeadLetters++
		} else {
			next.Rows++
		}
	}
	next.UnknownTries += int64(page.UnknownTries)
	next.Credits += page.Cost()
	next.Cursor, next.CursorIssuedAt = string(page.Next), now.UTC()
	next.CommittedAt = now.UTC()
	if !page.HasMore {
		next.Phase, next.Cursor, next.CursorIssuedAt = schemas.Done, "", time.Time{}
		if next.RunStartedAt.After(next.Watermark) {
			next.Watermark = next.RunStartedAt
		}
	}
	return next
}

// maxSkew is how far this machine's clock and the feed's may differ. Runs begin
// at the earlier of the two; the overlap covers what is left.
const maxSkew = 5 * time.Minute

// skew returns by how much this machine's clock is ahead of the feed's at the
// moment that the page arrived; zero where the feed does not tell the time, or
// where the difference lies within the try's own duration.
func skew(page feed.Page, now time.Time) time.Duration {
	if page.ServedAt.IsZero() {
		return 0
	}
	switch ahead := now.Sub(page.ServedAt); {
	case ahead < 0:
		return ahead
	case ahead > page.Took:
		return ahead - page.Took
	}
	return 0
}

// earlier returns the run's start by the clock that is behind: a start that is
// too late would skip what changed in between, one that is too early repeats it.
func earlier(started time.Time, page feed.Page) time.Time {
	if page.ServedAt.IsZero() {
		return started
	}
	if theirs := page.ServedAt.Add(-page.Took).UTC().Truncate(time.Millisecond); theirs.Before(started) {
		return theirs
	}
	return started
}
