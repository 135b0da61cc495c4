package app

import (
	"fmt"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// estimate is how many rows a run is expected to buy. Either number is unknown
// (-1) where nothing tells.
type estimate struct {
	rows int64
	// most is how many it can be, as far as that is known.
	most int64
	// basis says what the numbers were taken from.
	basis string
}

// likely is the number to reckon with: the expected one, or the most.
func (e estimate) likely() int64 {
	if e.rows >= 0 {
		return e.rows
	}
	return e.most
}

// rowPrice is what a row costs, in credits: as the feed took it last, or as the
// settings say.
func rowPrice(b Budget, at schemas.Progress) int64 {
	switch {
	case at.CreditsPerRow > 0:
		return at.CreditsPerRow
	case b.PerRow > 0:
		return b.PerRow
	}
	return feed.CreditsPerRow
}

// bought is how many rows a run has paid for.
func bought(at schemas.Progress) int64 { return at.Rows + at.Unchanged + at.DeadLetters }

// estimateBackfill is for a backfill from its start. at is what is known of the
// stream, records how many the career-sites topic holds at the most.
func estimateBackfill(at schemas.Progress, records int64) estimate {
	rows, known := producer.BackfillRows(at)
	switch {
	case known:
		return estimate{rows, unknown, fmt.Sprintf("the last backfill bought %d rows", rows)}
	case at.Watermark.IsZero() || records <= 0:
		// What the topic holds is what an unfinished backfill has brought so far, or
		// other streams have.
		return estimate{unknown, unknown, "no backfill of this stream has reached its end"}
	}
	return estimate{unknown, records, fmt.Sprintf("the career-sites topic holds at most %d rows", records)}
}

// estimateRest is for a backfill that goes on: what one from its start would
// buy, less what this one has bought.
func estimateRest(at schemas.Progress, records int64) estimate {
	e, have := estimateBackfill(at, records), bought(at)
	if e.rows >= 0 {
		e.rows = max(e.rows-have, 0)
	}
	if e.most >= 0 {
		e.most = max(e.most-have, 0)
	}
	e.basis += fmt.Sprintf(", this run has %d so far", have)
	return e
}

// estimateIncremental is for a run that buys what changed from a bound until
// then, of which it has bought some already. Rows of the overlap are part of it.
func estimateIncremental(at schemas.Progress, since, until time.Time, have, records int64, overlap time.Duration) estimate {
	e := estimate{rows: unknown, most: unknown}
	// Each company comes once at the most, in its newest version.
	if all := estimateBackfill(at, records).likely(); all >= 0 {
		e.most = max(all-have, 0)
	}
	perHour, runs := changesPerHour(at.History, overlap)
	if len(at.History) > 0 && since.Before(at.History[0].StartedAt.Add(-overlap)) {
		e.basis = "it reaches further back than any run that is remembered"
		return e
	}
	if runs == 0 {
		e.basis = "no run has bought changes yet that would tell how many there are"
		return e
	}
	e.basis = fmt.Sprintf("%.1f rows an hour in the last %d runs", perHour, runs)
	e.rows = max(int64(perHour*until.Sub(since).Hours()+0.5)-have, 0)
	if e.most >= 0 {
		e.rows = min(e.rows, e.most)
	}
	return e
}

// changesPerHour is how many rows an hour the incremental runs in history bought, and how
// many runs that was taken from. A run covers the time since the start of the one
// before it and the overlap; the first of history has none before it.
func changesPerHour(history []schemas.Run, overlap time.Duration) (perHour float64, runs int) {
	var rows int64
	var covered time.Duration
	for i, run := range history {
		if i == 0 || run.Mode != schemas.Incremental {
			continue
		}
		covers := run.StartedAt.Sub(history[i-1].StartedAt)
		// The feed tells the time in whole seconds, less what a request took: of two
		// runs within a moment the later one may seem to begin first.
		if covers < -time.Minute {
			continue // an operator moved the watermark, or a clock went back
		}
		covers = max(covers, time.Second)
		rows += run.Rows + run.Unchanged
		covered += covers + overlap
		runs++
	}
	if runs == 0 {
		return 0, 0
	}
	return float64(rows) / covered.Hours(), runs
}

// shortest is the least time that the request limits allow for so many pages,
// and which of the windows makes it so. It is zero where they are within all of
// them.
func shortest(pages int64, limits ratelimit.Windows) (time.Duration, ratelimit.Window) {
	var longest time.Duration
	var tight ratelimit.Window
	for _, w := range limits {
		// The first N go at once, the next N when the first are a period old.
		if d := time.Duration((pages-1)/int64(w.N)) * w.Per; pages > 0 && d > longest {
			longest, tight = d, w
		}
	}
	return longest, tight
}

// pagesOf is how many pages rows make; a run has one at least, which may be
// empty.
func pagesOf(rows int64, batch int) int64 {
	if batch <= 0 {
		batch = feed.MaxBatchSize
	}
	return max((rows+int64(batch)-1)/int64(batch), 1)
}

// coverage says in words how far an amount of credits goes. left is unlimited
// (-1) where there is no limit.
func coverage(left, price int64, e estimate) string {
	if left < 0 {
		return "no limit"
	}
	covered := left / max(price, 1)
	switch need := e.likely(); {
	case need < 0:
		return fmt.Sprintf("covers %d rows (%d credits are left)", covered, left)
	case covered >= need:
		return fmt.Sprintf("covers it (%d credits are left)", left)
	}
	return fmt.Sprintf("does not cover it: pauses after %d rows (%d credits are left)", covered, left)
}
