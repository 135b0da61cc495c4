package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// Unknown is the value of Page.Balance and Page.Credits where the feed did not say.
const Unknown int64 = -1

// CreditsPerRow is the feed's price of a row; 1,000 credits are one US dollar.
const CreditsPerRow = 50

// Price renders credits for people, with what they are in dollars.
func Price(credits int64) string {
	return fmt.Sprintf("%d credits (USD %.2f)", credits, float64(credits)/1000)
}

// MaxBatchSize is the most rows that the feed puts on a page.
const MaxBatchSize = 50

// Cursor is the feed's opaque bookmark. Empty means the start of a scan.
type Cursor string

// String returns a short digest: enough to tell two cursors apart in a log, and
// nothing that could be used to buy with.
func (c Cursor) String() string {
	if c == "" {
		return "start"
	}
	sum := sha256.Sum256([]byte(c))
	return hex.EncodeToString(sum[:6])
}

// Query asks for one page.
type Query struct {
	// Filters select the rows; their own UpdatedAfter is not sent, UpdatedAfter is.
	Filters Filters
	// UpdatedAfter is the bound of the run, exclusive; zero means none.
	UpdatedAfter time.Time
	// Cursor continues a scan; empty begins one.
	Cursor Cursor
	// BatchSize is how many rows are asked for, 1 to 50; zero means 50.
	BatchSize int
	// ScanBatchSize is the size that the scan was begun with: a cursor carries
	// it, so a page may have that many rows whatever is asked for now. Zero
	// means BatchSize.
	ScanBatchSize int
}

// Nothing is a query that selects no company, so that its answer is free: none was
// discovered before 1970, and none will have been updated after 2999. It is for
// the sake of what comes with an answer: the balance, the time, whether the key
// is taken.
func Nothing() Query {
	epoch := time.Unix(0, 0).UTC()
	return Query{
		Filters:      Filters{DiscoveredBefore: &epoch},
		UpdatedAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), BatchSize: 1,
	}
}

// Row is one element of a page.
type Row struct {
	// ID is the company id; empty where Reason is ReasonBadID or
	// ReasonNotAnObject.
	ID string
	// UpdatedAt is the row's updated_at in UTC; zero where it has none that can
	// be read as an RFC 3339 time.
	UpdatedAt time.Time
	// Raw is the row exactly as the feed sent it. It shares the page's memory:
	// never write to it.
	Raw []byte
	// Value is what is published of it, set by whoever publishes; nil means Raw.
	Value []byte
	// Reason says why the row can't be a record; empty means that it can.
	// Message says the same in words.
	Reason  schemas.DeadLetterReason
	Message string
}

// Published is the value of the row's record.
func (r Row) Published() []byte {
	if r.Value != nil {
		return r.Value
	}
	return r.Raw
}

// Page is one answer of the feed that was judged good as a whole.
type Page struct {
	Rows []Row
	// Next is where the scan goes on; empty where HasMore is false.
	Next    Cursor
	HasMore bool
	// Credits is what the page cost and Balance the wallet after it, as the
	// feed says; Unknown where it does not.
	Credits int64
	Balance int64
	// ServedAt is the feed's Date header, zero where there is none; Took how
	// long the try that brought the page lasted.
	ServedAt time.Time
	Took     time.Duration
	// UnknownTries is how many tries before this one ended without an answer
	// and may have been billed.
	UnknownTries int
}

// Cost is what the page cost in credits: as the feed says, or by its price list
// where it does not say.
func (p Page) Cost() int64 {
	if p.Credits == Unknown {
		return int64(len(p.Rows)) * CreditsPerRow
	}
	return p.Credits
}
