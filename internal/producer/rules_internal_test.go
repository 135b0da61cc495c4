package producer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// noon is when everything in these tests happens.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestBeginTakesWhatTheStreamHasSoFar(t *testing.T) {
	t.Parallel()
	bound := noon().Add(-time.Hour)
	tests := []struct {
		name      string
		watermark time.Time
		filter    *time.Time
		overlap   time.Duration
		mode      schemas.Mode
		after     time.Time
	}{
		{name: "nothing was published yet", mode: schemas.Backfill},
		{name: "a backfill has no overlap", overlap: time.Hour, mode: schemas.Backfill},
		{name: "a backfill with a bound of the user's", filter: &bound, mode: schemas.Backfill, after: bound},
		{name: "a run before this one", watermark: noon(), mode: schemas.Incremental, after: noon()},
		{name: "with an overlap", watermark: noon(), overlap: 15 * time.Minute, mode: schemas.Incremental, after: noon().Add(-15 * time.Minute)},
		{name: "the user's bound is earlier", watermark: noon(), filter: &bound, mode: schemas.Incremental, after: noon()},
		{name: "the user's bound is later than the overlap", watermark: noon(), filter: &bound, overlap: 2 * time.Hour, mode: schemas.Incremental, after: bound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, err := Options{Feed: "f", Overlap: test.overlap, Filters: feed.Filters{UpdatedAfter: test.filter}}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			at := schemas.Progress{Feed: "f", Fence: 7, Seq: 9, Op: "op", RunID: "old", Phase: schemas.Done, Watermark: test.watermark, Pages: 3, Rows: 4, Credits: 5, Restarts: 1, UnknownTries: 6}
			started := noon().Add(time.Minute + 1234567*time.Nanosecond)
			got, err := o.begin(at, started.In(time.FixedZone("elsewhere", 3600)))
			if err != nil {
				t.Fatal(err)
			}
			if got.RunID == "" || got.RunID == at.RunID {
				t.Errorf("run id: got %q, want a new one", got.RunID)
			}
			filters, _ := o.Filters.Canonical()
			want := schemas.Progress{
				V: schemas.ProgressVersion, Feed: "f", Fence: 7, Seq: 9, Op: "op", RunID: got.RunID,
				Mode: test.mode, Phase: schemas.Paging, UpdatedAfter: test.after, BatchSize: 50, Watermark: test.watermark,
				RunStartedAt: noon().Add(time.Minute + time.Millisecond), Filters: filters, Fingerprint: o.fingerprint,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
		})
	}
}

// after is a loop that stands at a checkpoint, with one scan.
func after(at schemas.Progress, fence uint64) *Loop {
	o, err := Options{Feed: "f"}.withDefaults()
	if err != nil {
		panic(err)
	}
	l := &Loop{opts: o, at: at, fence: fence, scans: []*scan{{}}}
	l.money = newMoney(o, nil, zap.NewNop())
	return l
}

func TestAGroupCountsItsPagesAndMovesTheCursor(t *testing.T) {
	t.Parallel()
	at := schemas.Progress{Seq: 4, Op: "before", Phase: schemas.Paging, Cursor: "here", RunStartedAt: noon(), Watermark: noon().Add(-time.Hour), Pages: 2, Rows: 10, DeadLetters: 1, Credits: 550, UnknownTries: 1}
	l := after(at, 6)
	first := feed.Page{Rows: []feed.Row{{ID: "a"}, {Reason: schemas.ReasonBadID}, {ID: "b"}}, Next: "there", HasMore: true}
	second := feed.Page{Rows: []feed.Row{{ID: "c"}}, Next: "beyond", HasMore: true}
	l.held = []*purchase{{id: "p1", scan: l.scans[0], page: first, cost: 150, unknown: 2}, {id: "p2", scan: l.scans[0], page: second, cost: 50}}
	got := l.group(l.held)
	want := at
	want.Fence, want.Seq, want.Op, want.Cursor = 6, 5, got.next.Op, "beyond"
	want.Pages, want.Rows, want.DeadLetters, want.Credits, want.UnknownTries = 4, 13, 2, 750, 3
	want.CommittedAt, want.CreditsPerRow = got.next.CommittedAt, 50
	want.CursorIssuedAt = want.CommittedAt
	want.Spent = schemas.Spent{Date: want.CommittedAt.Format(time.DateOnly), Day: 200, Month: 200}
	want.Purchases = []schemas.Purchase{{ID: "p1", Credits: 150}, {ID: "p2", Credits: 50}}
	if diff := cmp.Diff(want, got.next); diff != "" {
		t.Errorf("next checkpoint (-want +got):\n%s", diff)
	}
	if got.next.Op == "" || got.next.Op == at.Op {
		t.Errorf("op: got %q, want a new one", got.next.Op)
	}
	if len(got.rows) != 4 {
		t.Errorf("records: got %d, want one for each of the 4 rows", len(got.rows))
	}
	if l.at.Seq != 4 {
		t.Errorf("the loop stands at seq %d, want 4: nothing is committed yet", l.at.Seq)
	}
}

func TestTheLastPageMovesTheWatermarkAndNeverBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		before, started time.Time
		more            bool
		want            time.Time
	}{
		{"the first run", time.Time{}, noon(), false, noon()},
		{"a later run", noon(), noon().Add(time.Hour), false, noon().Add(time.Hour)},
		{"a run that began before the watermark, the clock was set back", noon(), noon().Add(-time.Hour), false, noon()},
		{"a page that is not the last one", noon(), noon().Add(time.Hour), true, noon()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at := schemas.Progress{Phase: schemas.Paging, Watermark: test.before, RunStartedAt: test.started, Cursor: "c"}
			page := feed.Page{HasMore: test.more}
			if test.more {
				page.Next = "d"
			}
			l := after(at, 1)
			l.held = []*purchase{{scan: l.scans[0], page: page}}
			got := l.group(l.held).next
			if !got.Watermark.Equal(test.want) {
				t.Errorf("watermark: got %s, want %s", got.Watermark, test.want)
			}
			if done := got.Phase == schemas.Done; done == test.more || done != (got.Cursor == "") || done != got.CursorIssuedAt.IsZero() {
				t.Errorf("got phase %s with cursor %q, want the cursor to be gone with the last page", got.Phase, got.Cursor)
			}
		})
	}
}

func TestSkewAllowsForTheTimeThatTheTryTook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		served time.Duration // the feed's clock, from this one's
		took   time.Duration
		want   time.Duration
	}{
		{"the same time", 0, 0, 0},
		{"stamped during the try", -3 * time.Second, 4 * time.Second, 0},
		{"this clock is ahead", -10 * time.Minute, 4 * time.Second, 10*time.Minute - 4*time.Second},
		{"this clock is behind", 10 * time.Minute, 4 * time.Second, -10 * time.Minute},
		{"a try that took two minutes", -2 * time.Minute, 2 * time.Minute, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := skew(feed.Page{ServedAt: noon().Add(test.served), Took: test.took}, noon()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if got := skew(feed.Page{Took: time.Hour}, noon()); got != 0 {
		t.Errorf("a feed that does not tell the time: got %s, want 0", got)
	}
}

func TestARunStartsByTheClockThatIsBehind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		page feed.Page
		want time.Time
	}{
		{"the feed does not tell the time", feed.Page{Took: time.Hour}, noon()},
		{"the feed is ahead", feed.Page{ServedAt: noon().Add(time.Hour), Took: time.Second}, noon()},
		{"the feed is behind", feed.Page{ServedAt: noon().Add(-time.Hour), Took: time.Second}, noon().Add(-time.Hour - time.Second)},
		{"the feed agrees, the request took its time", feed.Page{ServedAt: noon().Add(2 * time.Second), Took: 2 * time.Second}, noon()},
		{"by less than a millisecond", feed.Page{ServedAt: noon().Add(-time.Microsecond)}, noon().Add(-time.Millisecond)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := earlier(noon(), test.page); !got.Equal(test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestOnlyTheFirstPageMovesARunsStart(t *testing.T) {
	t.Parallel()
	behind := &purchase{page: feed.Page{ServedAt: noon().Add(-time.Minute), Balance: feed.Unknown}}
	e := &epoch{Loop: after(schemas.Progress{RunStartedAt: noon(), Pages: 1}, 1)}
	e.timed, behind.scan = true, e.scans[0]
	e.bring(behind)
	if !e.at.RunStartedAt.Equal(noon()) {
		t.Errorf("start after a later page: got %s, want it unchanged", e.at.RunStartedAt)
	}
	e.at.Pages = 0
	e.bring(behind)
	if want := noon().Add(-time.Minute); !e.at.RunStartedAt.Equal(want) {
		t.Errorf("start after the first page: got %s, want %s", e.at.RunStartedAt, want)
	}
}

func TestAHistoryKeepsTheNewestRunsAndTheNewestBackfill(t *testing.T) {
	t.Parallel()
	at := schemas.Progress{Mode: schemas.Backfill}
	for i := range maxHistory + 5 {
		at.Rows = int64(i)
		finish(&at)
		at.Mode = schemas.Incremental
	}
	if n := len(at.History); n != maxHistory {
		t.Fatalf("runs: got %d, want %d", n, maxHistory)
	}
	if first := at.History[0]; first.Mode != schemas.Backfill || first.Rows != 0 {
		t.Errorf("first: got %+v, want the backfill", first)
	}
	if second, last := at.History[1].Rows, at.History[maxHistory-1].Rows; second != 6 || last != maxHistory+4 {
		t.Errorf("the others: got runs %d to %d, want 6 to %d", second, last, maxHistory+4)
	}
}
