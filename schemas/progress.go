package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ProgressVersion is the version of Progress that this package writes, and the
// newest that it reads.
const ProgressVersion = 1

// Mode says why a run was begun.
type Mode string

// The modes of a run.
const (
	// Backfill pages the whole feed once.
	Backfill Mode = "backfill"
	// Incremental pages what changed since the watermark, less the overlap.
	Incremental Mode = "incremental"
)

// Phase says how far a run is.
type Phase string

// The phases of a run.
const (
	// Paging means that the run goes on after Progress.Cursor.
	Paging Phase = "paging"
	// Done means that the last page of the run is in the topic. The topic is
	// then complete up to Progress.Watermark.
	Done Phase = "done"
)

// Progress is the value of a record on the progress topic, and the checkpoint
// of a feed: the last page that is in the career-sites topic, committed in the
// same transaction as that page. Its record's key is Feed. The zero value
// means that nothing was published yet.
//
// A consumer that wants to know when it is complete waits for Phase == Done:
// every row that the feed had changed before Watermark is then in the topic.
type Progress struct {
	// V is the version of this format, ProgressVersion.
	V int `json:"v"`
	// Feed is the name of the stream (FEED_NAME), Topic the career-sites topic
	// that its rows are in, TopicID that topic's identity in hexadecimal: a topic
	// that was deleted and created again has another. Empty means not known.
	Feed    string `json:"feed"`
	Topic   string `json:"topic,omitempty"`
	TopicID string `json:"topic_id,omitempty"`

	// Fence grows by each take-over, Seq by one with each record, Op is unique
	// to the page: together they tell a page's writer whether it was committed.
	Fence uint64 `json:"fence"`
	Seq   uint64 `json:"seq"`
	Op    string `json:"op"`

	// RunID, Mode and RunStartedAt (UTC, taken before the run's first request)
	// stay the same from a run's first page to its last, whichever process
	// goes on with it.
	RunID        string    `json:"run_id"`
	Mode         Mode      `json:"mode"`
	RunStartedAt time.Time `json:"run_started_at"`
	Phase        Phase     `json:"phase"`

	// Windows is into how many windows of discovered_at the run's scan is cut;
	// zero means that it is not. Each has a record of its own, with Window from 1
	// to Windows, its bounds (zero means open, DiscoveredBefore is exclusive), its
	// cursor and its counts, committed together with the stream's record, in
	// which Window is zero and the counts are those of all windows.
	Windows          int       `json:"windows,omitempty"`
	Window           int       `json:"window,omitempty"`
	DiscoveredAfter  time.Time `json:"discovered_after,omitzero"`
	DiscoveredBefore time.Time `json:"discovered_before,omitzero"`

	// UpdatedAfter is the bound that every request of the run carries; zero
	// means none. Filters are the feed's other filters in canonical JSON,
	// Fingerprint their digest.
	UpdatedAfter time.Time       `json:"updated_after,omitzero"`
	Filters      json.RawMessage `json:"filters"`
	Fingerprint  string          `json:"filters_fingerprint"`

	// Cursor is where the run goes on; empty means at the start of the scan, or
	// that the run is done. CursorIssuedAt is when the feed handed it out.
	// BatchSize is the page size that the scan was begun with.
	Cursor         string    `json:"cursor,omitempty"`
	CursorIssuedAt time.Time `json:"cursor_issued_at,omitzero"`
	BatchSize      int       `json:"batch_size"`

	// Watermark is the RunStartedAt of the newest run that reached its end;
	// zero means that no run did. It moves with a run's last page alone.
	Watermark time.Time `json:"watermark,omitzero"`

	// What this run did: pages and rows committed (dead letters and unchanged
	// rows not among the rows), rows that were bought again in a version that the
	// topic has already and that were therefore not published, credits that the
	// feed deducted for all of them, scans begun again after a cursor was voided,
	// and tries whose outcome stayed unknown and which may have been billed.
	Pages        int64 `json:"pages"`
	Rows         int64 `json:"rows"`
	DeadLetters  int64 `json:"dead_letters"`
	Unchanged    int64 `json:"unchanged"`
	Credits      int64 `json:"credits"`
	Restarts     int   `json:"restarts"`
	UnknownTries int64 `json:"unknown_tries"`

	// Waste is what the stream has spent for nothing since it was begun. Balance
	// is what the wallet holds, in credits, after everything that is committed,
	// as far as the feed says; nil means that it never said. CreditsPerRow is the
	// price that the feed last took.
	Waste         Waste  `json:"waste"`
	Balance       *int64 `json:"balance,omitempty"`
	CreditsPerRow int64  `json:"credits_per_row,omitempty"`
	// Spent is what the stream spent in the day and the month of CommittedAt.
	Spent Spent `json:"spent,omitzero"`
	// Purchases are the newest ones whose cost this record accounts for, as
	// publication or as waste: a successor does not count them again.
	Purchases []Purchase `json:"purchases,omitempty"`
	// History has the newest runs that reached their end, the last one last.
	History []Run `json:"history,omitempty"`

	// Rewound says that the run was taken up behind rows of its own that are in the
	// topic already: what lies between is bought again, and published again only
	// where it changed.
	Rewound bool `json:"rewound,omitempty"`
	// Reset says that no page came with this record: an operator wrote it, by
	// "state reset" or "state import", and with which words.
	Reset string `json:"reset,omitempty"`
	// CommittedAt is the producer's clock when the page was committed, UTC.
	CommittedAt time.Time `json:"committed_at"`
}

// Waste is money that was spent and brought nothing new, in credits, by reason.
type Waste struct {
	// Crash is for pages that were bought by a process that ended before it had
	// published them.
	Crash int64 `json:"crash"`
	// UnknownOutcome is for tries that were billed and whose answer never came.
	UnknownOutcome int64 `json:"unknown_outcome"`
	// CursorRestart is for rows that a run bought again, unchanged, after the feed
	// had voided its cursor.
	CursorRestart int64 `json:"cursor_restart"`
	// Fenced is for pages that could not be published because another instance
	// had taken over.
	Fenced int64 `json:"fenced"`
	// Overlap is for rows that had not changed since an earlier run published
	// them, bought for the sake of SYNC_OVERLAP.
	Overlap int64 `json:"overlap"`
}

// Total returns the sum of all reasons.
func (w Waste) Total() int64 {
	return w.Crash + w.UnknownOutcome + w.CursorRestart + w.Fenced + w.Overlap
}

// Spent is what was spent in a day and its month, both UTC, in credits.
type Spent struct {
	// Date is the day as 2006-01-02; empty means that nothing was spent yet.
	Date  string `json:"date,omitempty"`
	Day   int64  `json:"day,omitempty"`
	Month int64  `json:"month,omitempty"`
}

// On returns s as of now, which is UTC: a day or a month that is over counts no
// more.
func (s Spent) On(now time.Time) Spent {
	date := now.Format(time.DateOnly)
	if s.Date != date {
		if len(s.Date) < 7 || s.Date[:7] != date[:7] {
			s.Month = 0
		}
		s.Date, s.Day = date, 0
	}
	return s
}

// Purchase is what one request for a page cost.
type Purchase struct {
	ID      string `json:"id"`
	Credits int64  `json:"credits"`
}

// Run is one run that reached its end.
type Run struct {
	Mode      Mode      `json:"mode"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Pages     int64     `json:"pages"`
	Rows      int64     `json:"rows"`
	Unchanged int64     `json:"unchanged"`
	// DeadLetters were paid for, too.
	DeadLetters int64 `json:"dead_letters,omitempty"`
	Credits     int64 `json:"credits"`
}

// Key returns the key of p's record: the name of the feed, or feed/window-N for
// the record of a window.
func (p Progress) Key() string {
	if p.Window == 0 {
		return p.Feed
	}
	return p.Feed + "/window-" + strconv.Itoa(p.Window)
}

// Encode returns p as the value of a progress record.
func (p Progress) Encode() ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode progress of feed %q: %w", p.Feed, err)
	}
	return b, nil
}

// DecodeProgress reads the value of a progress record. It fails on a value
// that is no JSON, that lacks what every progress record has, or that a newer
// version of the format wrote.
func DecodeProgress(value []byte) (Progress, error) {
	var p Progress
	if err := json.Unmarshal(value, &p); err != nil {
		return Progress{}, fmt.Errorf("decode progress: %w", err)
	}
	if err := p.Check(); err != nil {
		return Progress{}, fmt.Errorf("decode progress: %w", err)
	}
	return p, nil
}

// Check says why p is no record that DecodeProgress would return.
func (p Progress) Check() error {
	switch {
	case p.V > ProgressVersion:
		return fmt.Errorf("it has format version %d, this program reads up to %d: use a newer one", p.V, ProgressVersion)
	case p.V < 1 || p.Feed == "" || p.Seq == 0 || p.Op == "" || p.RunID == "":
		return errors.New("not a progress record: v, feed, seq, op or run_id is missing")
	}
	return nil
}

// Newer reports whether p is further along than q: the chain of committed
// checkpoints is ordered by fence, then by sequence number.
func (p Progress) Newer(q Progress) bool {
	if p.Fence != q.Fence {
		return p.Fence > q.Fence
	}
	return p.Seq > q.Seq
}
