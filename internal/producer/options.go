package producer

import (
	"fmt"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// Options say what a Loop syncs and how patient it is.
type Options struct {
	// Feed is the name of the stream.
	Feed string
	// Filters select the rows. They are part of the stream: other filters need
	// another Feed.
	Filters feed.Filters
	// BatchSize is how many rows a page asks for; zero means 50.
	BatchSize int
	// Overlap is how far before the watermark an incremental run begins.
	Overlap time.Duration
	// Topics says where records go.
	Topics Topics
	// Prefetch is how many pages of a scan may be bought ahead of the commit of
	// the one before them. Each is one more page that a crash may waste.
	Prefetch int
	// Windows is into how many windows of discovered_at a backfill is cut, which
	// are paged at the same time; zero and one mean that it is not cut.
	Windows int
	// WindowsSpan is how far back the cuts reach where the filters do not say;
	// zero means three years. The first window has all that is older.
	WindowsSpan time.Duration
	// Budget says what may be spent.
	Budget Budget
	// Commit bounds one transaction; zero means 45 s, which is below the time
	// after which the cluster aborts it.
	Commit time.Duration
	// TakeOver bounds fencing and reading the progress topic; zero means 90 s:
	// more than the cluster keeps another stream's transaction open that the
	// reading has to wait for.
	TakeOver time.Duration
	// Drain is how long a page in hand may take once the loop was told to stop;
	// zero means 45 s.
	Drain time.Duration
	// Retry says how often in a row an epoch may fail without a page being
	// committed in between; zero means 40 times, at most 5 s apart: a broker or
	// Redis that restarts costs no page.
	Retry retry.Policy
	// Metrics counts what is done; nil means that nobody wants to know.
	Metrics *Metrics

	fingerprint string
}

const (
	defaultCommit      = 45 * time.Second
	defaultTakeOver    = 90 * time.Second
	defaultDrain       = 45 * time.Second
	defaultWindowsSpan = 3 * 365 * 24 * time.Hour
)

// withDefaults returns o with defaults in place of zeros.
func (o Options) withDefaults() (Options, error) {
	if o.BatchSize == 0 {
		o.BatchSize = feed.MaxBatchSize
	}
	if o.Budget.PerRow == 0 {
		o.Budget.PerRow = feed.CreditsPerRow
	}
	if o.WindowsSpan == 0 {
		o.WindowsSpan = defaultWindowsSpan
	}
	if o.Commit == 0 {
		o.Commit = defaultCommit
	}
	if o.TakeOver == 0 {
		o.TakeOver = defaultTakeOver
	}
	if o.Drain == 0 {
		o.Drain = defaultDrain
	}
	if o.Retry == (retry.Policy{}) {
		o.Retry = retry.Policy{Base: 200 * time.Millisecond, Cap: 5 * time.Second, Tries: 40}
	}
	fingerprint, err := o.Filters.Fingerprint()
	if err != nil {
		return o, fmt.Errorf("filters of feed %q: %w", o.Feed, err)
	}
	o.fingerprint = fingerprint
	return o, nil
}

// Result is what a call of Sync did.
type Result struct {
	// Progress is the newest committed checkpoint, with the totals of its run.
	Progress schemas.Progress
	// Pages, Rows, DeadLetters, Unchanged and Credits count what this call
	// committed.
	Pages, Rows, DeadLetters, Unchanged, Credits int64
	// UnknownTries are tries that may have been billed and brought nothing,
	// Dropped are credits for pages that were bought and not published: refused
	// ones, and those in hand when the lease or the brokers were lost.
	UnknownTries int64
	Dropped      int64
	// Balance is the wallet as the feed last said; feed.Unknown if it did not.
	Balance int64
	// Stopped says that the call ended before the run's last page because it was
	// told to.
	Stopped bool
}
