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

	fingerprint string
}

// withDefaults returns o with defaults in place of zeros.
func (o Options) withDefaults() (Options, error) {
	if o.BatchSize == 0 {
		o.BatchSize = feed.MaxBatchSize
	}
	if o.Commit == 0 {
		o.Commit = 45 * time.Second
	}
	if o.TakeOver == 0 {
		o.TakeOver = 90 * time.Second
	}
	if o.Drain == 0 {
		o.Drain = 45 * time.Second
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
	// Pages, Rows, DeadLetters and Credits count what this call committed.
	Pages, Rows, DeadLetters, Credits int64
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
