package simulator

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Version names one version of one row. Versions count from 1.
type Version struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// Bill is one page that was billed.
type Bill struct {
	Page   int       `json:"page"`   // counts from 1
	At     time.Time `json:"at"`     // simulator's clock
	Client string    `json:"client"` // X-Client of the request, else its User-Agent
	Key    string    `json:"-"`      // the API key
	// Filters is the canonical JSON of the scan's filters, updated_after included.
	Filters string `json:"filters"`
	Cursor  string `json:"cursor"` // as asked; "" began a scan
	Next    string `json:"next"`   // as answered, faults included; "" for null
	HasMore bool   `json:"has_more"`
	Rows    int    `json:"rows"`
	Credits int64  `json:"credits"`
	// Again says that this cursor of these filters had been billed before. A first
	// page counts too: the same scan was begun twice.
	Again bool `json:"again"`
	Fault Kind `json:"fault,omitempty"`

	sold []sale
}

// sale is one version of one row, small enough to be kept for each row sold.
type sale struct{ ordinal, version uint32 }

// Ledger is a copy of the account at one moment.
type Ledger struct {
	Pages   int   `json:"pages"` // answers with status 200
	Rows    int   `json:"rows"`
	Credits int64 `json:"credits"`
	Balance int64 `json:"balance"`
	// Duplicates is how many rows were billed whose very version had been billed
	// before, and so how many rows of money were wasted.
	Duplicates int `json:"duplicates"`
	// Foreign is how many billed rows were made up by faults.
	Foreign int `json:"foreign"`
	// PagesAgain is how many bills have Again set.
	PagesAgain int `json:"pages_again"`
	// Status counts the feed's answers; 0 stands for connections cut before one.
	Status map[int]int `json:"status"`
	Bills  []Bill      `json:"bills,omitempty"`

	counts  map[sale]int32
	ordinal func(string) (uint32, bool)
	name    func(uint32) string
}

// Billed returns how often a version of a row was billed.
func (l *Ledger) Billed(id string, version int) int {
	ordinal, ok := l.ordinal(id)
	if !ok {
		return 0
	}
	return int(l.counts[sale{ordinal, uint32(version)}])
}

// Versions returns how many different versions were billed.
func (l *Ledger) Versions() int { return len(l.counts) }

// Twice returns the versions that were billed more than once, ordered by id.
func (l *Ledger) Twice() []Version {
	var out []Version
	for s, n := range l.counts {
		if n > 1 {
			out = append(out, Version{l.name(s.ordinal), int(s.version)})
		}
	}
	slices.SortFunc(out, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	return out
}

// Sold returns the rows of a bill in the order of the page, without those that a
// fault made up.
func (l *Ledger) Sold(b Bill) []Version {
	out := make([]Version, len(b.sold))
	for i, s := range b.sold {
		out[i] = Version{l.name(s.ordinal), int(s.version)}
	}
	return out
}

// ledger is the account that is written. The caller holds the lock.
type ledger struct {
	price   int64
	total   Ledger
	counts  map[sale]int32
	bought  map[string]bool // filters + cursor of every page billed
	content []Bill
}

func newLedger(price int, balance int64) *ledger {
	return &ledger{
		price: int64(price), counts: make(map[sale]int32), bought: make(map[string]bool),
		total: Ledger{Balance: balance, Status: make(map[int]int)},
	}
}

// charge bills a page: rows x price, foreign of them made up by a fault.
func (l *ledger) charge(b Bill, foreign int) Bill {
	b.Page = l.total.Pages + 1
	b.Rows = len(b.sold) + foreign
	b.Credits = int64(b.Rows) * l.price
	page := b.Filters + "\x00" + b.Cursor
	b.Again = l.bought[page]
	l.bought[page] = true
	for _, s := range b.sold {
		if l.counts[s]++; l.counts[s] > 1 {
			l.total.Duplicates++
		}
	}
	if b.Again {
		l.total.PagesAgain++
	}
	l.total.Pages = b.Page
	l.total.Rows += b.Rows
	l.total.Foreign += foreign
	l.total.Credits += b.Credits
	l.total.Balance -= b.Credits
	l.content = append(l.content, b)
	return b
}

// asked returns the cursor that the page-th bill was asked with; "" beyond them.
func (l *ledger) asked(page int) string {
	if page < 1 || page > len(l.content) {
		return ""
	}
	return l.content[page-1].Cursor
}

// snapshot copies the account.
func (l *ledger) snapshot() Ledger {
	out := l.total
	out.Status = maps.Clone(l.total.Status)
	out.Bills = slices.Clone(l.content)
	out.counts = maps.Clone(l.counts)
	return out
}
