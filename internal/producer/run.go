package producer

import (
	"slices"
	"time"

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
		RunID: newRunID(at.RunID), Mode: schemas.Backfill, Phase: schemas.Paging,
		// Whole milliseconds, rounded down: an instant that is a little early
		// costs nothing, and every implementation can read it.
		RunStartedAt: started.UTC().Truncate(time.Millisecond),
		Filters:      filters, Fingerprint: o.fingerprint,
		BatchSize: o.BatchSize, Watermark: at.Watermark,
		Waste: at.Waste, Balance: at.Balance, CreditsPerRow: at.CreditsPerRow, Spent: at.Spent,
		Purchases: at.Purchases, History: at.History,
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

// counts are what one page adds to a record.
type counts struct {
	rows, dead, unchanged, unknown, credits int64
}

// tally counts a page of which rows are published.
func tally(p *purchase, rows []feed.Row, same unchanged) counts {
	c := counts{unchanged: same.overlap + same.again, unknown: int64(p.unknown), credits: p.cost}
	for _, row := range rows {
		if row.Reason != "" {
			c.dead++
		} else {
			c.rows++
		}
	}
	return c
}

func (c counts) add(to *schemas.Progress) {
	to.Pages++
	to.Rows += c.rows
	to.DeadLetters += c.dead
	to.Unchanged += c.unchanged
	to.UnknownTries += c.unknown
	to.Credits += c.credits
}

// move moves the cursor of a record behind a page. Invariant 2: this is the only
// place where one moves forward.
func move(at *schemas.Progress, page feed.Page, now time.Time) {
	at.Cursor, at.CursorIssuedAt = string(page.Next), now
	if !page.HasMore {
		at.Phase, at.Cursor, at.CursorIssuedAt = schemas.Done, "", time.Time{}
	}
}

// maxHistory is how many runs a checkpoint remembers: a few days' worth.
const maxHistory = 10

// finish ends a run. Invariant 2: this is the only place where a watermark moves.
func finish(at *schemas.Progress) {
	if at.RunStartedAt.After(at.Watermark) {
		at.Watermark = at.RunStartedAt
	}
	history := append(append([]schemas.Run(nil), at.History...), schemas.Run{
		Mode: at.Mode, StartedAt: at.RunStartedAt, EndedAt: at.CommittedAt,
		Pages: at.Pages, Rows: at.Rows, Unchanged: at.Unchanged, DeadLetters: at.DeadLetters, Credits: at.Credits,
	})
	// The newest backfill stays: what the next one will cost is told from it.
	isBackfill := func(r schemas.Run) bool { return r.Mode == schemas.Backfill }
	for len(history) > maxHistory {
		oldest := 0
		if isBackfill(history[0]) && !slices.ContainsFunc(history[1:], isBackfill) {
			oldest = 1
		}
		history = slices.Delete(history, oldest, oldest+1)
	}
	at.History = history
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
