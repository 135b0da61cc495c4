package producer

import (
	"fmt"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// scan is one pagination of the run: the only one, or one of its windows. It is
// owned by the goroutine of Sync.
type scan struct {
	// window is the window's own record, as at is the stream's: newest committed,
	// with what was dropped since. Nil for the only scan, whose cursor stands in
	// the stream's record.
	window *schemas.Progress
	// seen are the cursors that were sent.
	seen feed.Scan

	// tail is where the next purchase goes on: the cursor of the newest page that
	// was bought, committed or not. ended says that this page was the last.
	tail  feed.Cursor
	ended bool

	advance *advance // reserved for the next page; nil most of the time
	buying  bool     // a request is under way
	waiting int      // pages bought and not committed
	unknown int      // tries for the next page whose outcome stayed unknown
	voided  error    // the feed no longer takes the cursor; nil if it does
}

// purchase is a page that was paid for.
type purchase struct {
	id   string // of its reservation
	scan *scan
	page feed.Page
	cost int64
	// unknown is how many tries for it may have been billed for nothing.
	unknown int
}

// record returns the record that has the scan's cursor.
func (l *Loop) record(s *scan) *schemas.Progress {
	if s.window != nil {
		return s.window
	}
	return &l.at
}

// rewind lets every scan go on from what is committed.
func (l *Loop) rewind() {
	for _, s := range l.scans {
		at := l.record(s)
		s.tail, s.ended = feed.Cursor(at.Cursor), at.Phase != schemas.Paging
		s.waiting, s.voided = 0, nil
	}
	for _, p := range l.held {
		p.scan.tail, p.scan.ended = p.page.Next, !p.page.HasMore
		p.scan.waiting++
	}
}

// beginAgain lets a scan that has nothing under way go on from its start, in the
// record that its next page is committed with.
func (l *Loop) beginAgain(s *scan) {
	at := l.record(s)
	at.Cursor, at.CursorIssuedAt, at.BatchSize = "", time.Time{}, l.opts.BatchSize
	at.Restarts++
	if s.window != nil {
		l.at.Restarts++
	}
	s.seen = feed.Scan{}
	s.tail, s.voided, s.unknown = "", nil, 0
}

// query asks for the page behind the scan's tail.
func (l *Loop) query(s *scan) feed.Query {
	at := l.record(s)
	q := feed.Query{
		Filters: l.opts.Filters, UpdatedAfter: at.UpdatedAfter, Cursor: s.tail,
		BatchSize: l.opts.BatchSize, ScanBatchSize: at.BatchSize,
	}
	if s.window != nil {
		q.Filters.DiscoveredAfter, q.Filters.DiscoveredBefore = instant(at.DiscoveredAfter), instant(at.DiscoveredBefore)
	}
	return q
}

// instant is t as a filter has it.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// describe names the page that the scan asks for next, for errors.
func (l *Loop) describe(s *scan) string {
	at := l.record(s)
	where := ""
	if s.window != nil {
		where = fmt.Sprintf(" of window %d", at.Window)
	}
	return fmt.Sprintf("page %d%s of run %s, after cursor %s", at.Pages+int64(s.waiting)+1, where, at.RunID, s.tail)
}

// cut divides a run's scan into windows of discovered_at, and returns their
// records, none of which is committed yet. They meet at their bounds; the first
// begins and the last ends where the filters say, if they say so.
func (o Options) cut(run schemas.Progress) []schemas.Progress {
	from, to := run.RunStartedAt.Add(-o.WindowsSpan), run.RunStartedAt
	var first, last time.Time
	if f := o.Filters.DiscoveredAfter; f != nil {
		first, from = f.UTC(), f.UTC()
	}
	if f := o.Filters.DiscoveredBefore; f != nil {
		last, to = f.UTC(), f.UTC()
		if first.IsZero() {
			from = to.Add(-o.WindowsSpan)
		}
	}
	width := to.Sub(from) / time.Duration(o.Windows)
	windows := make([]schemas.Progress, o.Windows)
	for i := range windows {
		w := run
		w.Windows, w.Window = o.Windows, i+1
		// Whole seconds: every store of such times keeps them exactly.
		w.DiscoveredAfter = from.Add(time.Duration(i) * width).Truncate(time.Second)
		w.DiscoveredBefore = from.Add(time.Duration(i+1) * width).Truncate(time.Second)
		if i == 0 {
			w.DiscoveredAfter = first
		}
		if i == o.Windows-1 {
			w.DiscoveredBefore = last
		}
		// Only the stream's record carries what is not the window's own.
		w.Waste, w.Balance, w.Spent, w.Purchases, w.History = schemas.Waste{}, nil, schemas.Spent{}, nil, nil
		windows[i] = w
	}
	return windows
}

// adopt makes the scans of the run that l.at is in. What a scan remembers of the
// cursors that it sent is kept while the run goes on.
func (l *Loop) adopt(windows map[int]schemas.Progress, fresh bool) error {
	old := l.scans
	l.scans = nil
	if l.at.Windows == 0 {
		l.scans = []*scan{{}}
	}
	for i := 1; i <= l.at.Windows; i++ {
		w, ok := windows[i]
		if !ok || w.RunID != l.at.RunID {
			return retry.Permanent(fmt.Errorf("the progress topic lacks the checkpoint of window %d of run %s, which was committed together with the stream's: was it edited by hand?", i, l.at.RunID))
		}
		l.scans = append(l.scans, &scan{window: &w})
	}
	if !fresh && len(old) == len(l.scans) {
		for i, s := range l.scans {
			s.seen = old[i].seen
		}
	}
	l.rewind()
	return nil
}
