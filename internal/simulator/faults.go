package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is one way to misbehave.
type Kind string

// Instead of an answer. With Fault.Billed the page is billed all the same, and
// lost.
const (
	KindStatus Kind = "status" // Status with Header, Body and RetryAfter
	KindReset  Kind = "reset"  // the connection is reset before a status line
	KindHTML   Kind = "html"   // 200 with a page for people, as a proxy sends it
	KindHang   Kind = "hang"   // not a byte for Delay, then a reset; 0 waits until the client leaves
)

// Of time. They wait for Delay.
const (
	KindLatency Kind = "latency" // before the page is decided; with Billed, after
	KindStall   Kind = "stall"   // headers and Bytes of the body, then nothing; 0 waits until the client leaves
	KindDrip    Kind = "drip"    // Bytes of the body (0: 1) at a time, Delay between them
)

// Of the body's bytes. The page is billed.
const (
	KindCut           Kind = "cut" // Bytes of the body (0: half of it), in a Framing
	KindTrailing      Kind = "trailing"
	KindBOM           Kind = "bom"
	KindGzipCRC       Kind = "gzip_crc"
	KindGzipBomb      Kind = "gzip_bomb"       // Bytes (0: 64 MiB) of white space inside a valid page
	KindContentType   Kind = "content_type"    // Text is the type; empty leaves the header out
	KindBalanceHeader Kind = "balance_header"  // Text is the value, such as NaN; empty leaves it out
	KindHasMoreHeader Kind = "has_more_header" // X-Has-More says the opposite of the body
	KindDateSkew      Kind = "date_skew"       // the Date header is off by Skew
)

// Of how the scan goes on.
const (
	KindNullCursor      Kind = "null_cursor"       // has_more true, next_cursor null
	KindSameCursor      Kind = "same_cursor"       // next_cursor is the cursor that was sent
	KindOldCursor       Kind = "old_cursor"        // next_cursor is the one sent Back pages (0: 1) before
	KindFalseWithCursor Kind = "false_with_cursor" // has_more false beside a cursor
	KindEmptyPage       Kind = "empty_page"        // has_more true, no rows, no progress
	KindVoidCursor      Kind = "void_cursor"       // the cursor is void from now on: Status 400 (0) or 409
)

// Of the wallet.
const (
	KindDryWallet Kind = "dry_wallet" // it holds Credits from now on: 402 until someone fills it, where they do not cover the page
)

// Of the rows. Rows (0: 1) of them are made up. On [RouteCompanies] it is the
// profile that breaks the rule, where a comment says so.
const (
	KindMoreRows         Kind = "more_rows"     // that many more than asked for, real ones
	KindDuplicateRows    Kind = "duplicate_row" // the page's first rows again, in Version
	KindNullRow          Kind = "null_row"
	KindRowWithoutID     Kind = "row_without_id" // or a profile
	KindEmptyID          Kind = "empty_id"
	KindLongID           Kind = "long_id"           // an id of Bytes (0: 10 KiB)
	KindNumberID         Kind = "number_id"         // the id is a number
	KindOversizedRow     Kind = "oversized"         // a valid row of about Bytes (0: 2 MiB); or a profile of so many more
	KindDeepNesting      Kind = "deep_nesting"      // a row with Bytes (0: 10,001) nested arrays; or a profile
	KindDuplicateMembers Kind = "duplicate_members" // or a profile: its second id is another company's
	KindInvalidUTF8      Kind = "invalid_utf8"      // or a profile
)

// Of profiles alone.
const (
	KindWrongCompany Kind = "wrong_company" // the id is Text (empty: one that no company has)
)

// Framing is how a cut body says where it should have ended.
type Framing string

// The framings. By length the client sees too few bytes, chunked it sees no last
// chunk, and by close there is nothing at all to see but the missing end of the
// JSON.
const (
	FramingLength  Framing = "length" // also the empty Framing
	FramingChunked Framing = "chunked"
	FramingClose   Framing = "close"
)

// Fault is what goes wrong, when, and how often. Fields that a kind does not
// mention mean nothing to it.
type Fault struct {
	Kind Kind
	When When
	// Count is how many requests it spoils: 0 means one, below 0 all that match.
	Count int
	// Billed says that the page was decided and billed before it went wrong.
	Billed bool

	Status         int
	Header         map[string]string
	Body           string        // status: "" is a problem+json that fits; trailing: "" is a second object
	RetryAfter     time.Duration // status: sets Retry-After; 0 leaves it out
	RetryAfterDate bool          // status: as an HTTP date instead of seconds
	Delay          time.Duration
	Bytes          int
	Rows           int
	Back           int
	Text           string
	Skew           time.Duration
	Framing        Framing
	Version        string // duplicate_row: "same" (also ""), "newer" or "older" than the one before it
	Gzip           bool   // compress the spoilt body, which is otherwise sent as it is
	Credits        int64  // dry_wallet: what is left
}

// Route is which endpoint a fault is for.
type Route string

// The routes.
const (
	RouteFeed      Route = "feed" // also the empty Route
	RouteCompanies Route = "companies"
)

// When says which requests a fault meets. The zero value is the next ones.
type When struct {
	Route  Route  `json:"route,omitzero"`
	Cursor string `json:"cursor,omitzero"` // only requests with this very cursor
	ID     string `json:"id,omitzero"`     // only the profile of this company
	Host   string `json:"host,omitzero"`   // only requests for this Host, port included
	Page   int    `json:"page,omitzero"`   // only while the Page-th page is being bought; the first is 1
	// The rest counts the requests that meet the above and that no earlier fault
	// in the queue has taken.
	Skip        int     `json:"skip,omitzero"`        // lets that many pass first
	Every       int     `json:"every,omitzero"`       // then only every Every-th
	Probability float64 `json:"probability,omitzero"` // in [0, 1], drawn from the seed; 0 means always
}

// call is what a fault can look at.
type call struct {
	route  Route
	cursor string
	id     string
	host   string
	page   int
}

// armed is a fault in the queue.
type armed struct {
	Fault
	seen, fired int
}

// faults is the queue. The caller holds the lock.
type faults struct {
	queue []*armed
	draw  random
}

func newFaults(seed uint64) *faults { return &faults{draw: seeded(seed, 0xfa017)} }

// pick returns the first fault that fires for a call. It is nil for none, and a
// nil fault does nothing.
func (q *faults) pick(c call) *Fault {
	for _, a := range q.queue {
		if !a.meets(c) {
			continue
		}
		a.seen++
		turn := a.seen - a.When.Skip
		if turn < 1 || a.When.Every > 0 && turn%a.When.Every != 0 {
			continue
		}
		if a.When.Probability > 0 && q.draw.unit() >= a.When.Probability {
			continue
		}
		a.fired++
		if a.fired == a.Count {
			q.queue = slices.DeleteFunc(slices.Clone(q.queue), func(b *armed) bool { return a == b })
		}
		f := a.Fault
		return &f
	}
	return nil
}

func (a *armed) meets(c call) bool {
	w := a.When
	switch {
	case w.Route != c.route:
		return false
	case w.Cursor != "" && w.Cursor != c.cursor:
		return false
	case w.ID != "" && w.ID != c.id:
		return false
	case w.Host != "" && !strings.EqualFold(w.Host, c.host):
		return false
	case w.Page != 0 && w.Page != c.page:
		return false
	}
	return a.Kind != KindVoidCursor || c.cursor != ""
}

// AddFault puts a fault at the end of the queue. The error says what about it
// makes no sense.
func (s *Simulator) AddFault(f Fault) error {
	f, err := f.checked()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.queue = append(s.faults.queue, &armed{Fault: f})
	return nil
}

// ResetFaults empties the queue.
func (s *Simulator) ResetFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.queue = nil
}

// plan returns the fault for a call, nil for none, and the latency of its route.
func (s *Simulator) plan(c call) (*Fault, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.page = s.ledger.total.Pages + 1
	return s.faults.pick(c), s.latency[c.route]
}

// checked fills in defaults and refuses what cannot be meant.
func (f Fault) checked() (Fault, error) {
	rule, known := ruleOf(f.Kind)
	if !known {
		return f, fmt.Errorf("fault kind %q is unknown", f.Kind)
	}
	f.Count = cmp.Or(f.Count, 1)
	f.Bytes = cmp.Or(f.Bytes, rule.bytes)
	f.Rows = cmp.Or(f.Rows, 1)
	f.Back = cmp.Or(f.Back, 1)
	f.Status = cmp.Or(f.Status, rule.status)
	f.Version = cmp.Or(f.Version, "same")
	f.Framing = cmp.Or(f.Framing, FramingLength)
	f.When.Route = cmp.Or(f.When.Route, RouteFeed)
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("fault "+string(f.Kind)+": "+format, args...))
		}
	}
	refuse(f.When.Route != RouteFeed && f.When.Route != RouteCompanies, "route %q is unknown", f.When.Route)
	refuse(f.When.Route == RouteCompanies && rule.feedOnly, "only the feed can do that")
	refuse(f.When.Route == RouteFeed && rule.companiesOnly, "only companies can do that")
	refuse(f.Kind == KindStatus && (f.Status < 200 || f.Status > 599), "status %d is not in 200..599", f.Status)
	refuse(f.Kind == KindVoidCursor && f.Status != 400 && f.Status != 409, "status %d is neither 400 nor 409", f.Status)
	refuse(f.When.Probability < 0 || f.When.Probability > 1, "probability %v is not in 0..1", f.When.Probability)
	refuse(f.When.Skip < 0 || f.When.Every < 0 || f.When.Page < 0, "skip, every and page must not be negative")
	refuse(f.Credits < 0, "credits must not be negative")
	refuse(f.Bytes < 0 || f.Rows < 0 || f.Back < 0 || f.Delay < 0, "bytes, rows, back and delay must not be negative")
	refuse(!slices.Contains([]Framing{FramingLength, FramingChunked, FramingClose}, f.Framing), "framing %q is unknown", f.Framing)
	refuse(!slices.Contains([]string{"same", "newer", "older"}, f.Version), "version %q is unknown", f.Version)
	return f, errors.Join(errs...)
}

// rule is what a kind's defaults are and where it can happen.
type rule struct {
	bytes         int
	status        int
	feedOnly      bool
	companiesOnly bool
}

func ruleOf(k Kind) (rule, bool) {
	switch k {
	case KindStatus:
		return rule{status: 500}, true
	case KindReset, KindHTML, KindHang, KindLatency, KindStall, KindCut,
		KindTrailing, KindBOM, KindGzipCRC, KindContentType, KindDateSkew,
		KindRowWithoutID, KindDuplicateMembers, KindInvalidUTF8:
		return rule{}, true
	case KindDrip:
		return rule{bytes: 1}, true
	case KindGzipBomb:
		return rule{bytes: 64 << 20}, true
	case KindVoidCursor:
		return rule{status: 400, feedOnly: true}, true
	case KindLongID:
		return rule{bytes: 10 << 10, feedOnly: true}, true
	case KindOversizedRow:
		return rule{bytes: 2 << 20}, true
	case KindDeepNesting:
		return rule{bytes: 10_001}, true
	case KindWrongCompany:
		return rule{companiesOnly: true}, true
	case KindDryWallet, KindBalanceHeader, KindHasMoreHeader, KindNullCursor, KindSameCursor, KindOldCursor,
		KindFalseWithCursor, KindEmptyPage, KindMoreRows, KindDuplicateRows, KindNullRow,
		KindEmptyID, KindNumberID:
		return rule{feedOnly: true}, true
	}
	return rule{}, false
}

// is reports whether the fault has one of the kinds; no fault has none.
func (f *Fault) is(kinds ...Kind) bool { return f != nil && slices.Contains(kinds, f.Kind) }

func (f *Fault) kind() Kind {
	if f == nil {
		return ""
	}
	return f.Kind
}

// replaces reports whether the client gets something else than the answer.
func (f *Fault) replaces() bool { return f.is(KindStatus, KindReset, KindHTML, KindHang) }

// delayBefore is the time before the page is decided.
func (f *Fault) delayBefore() time.Duration {
	if f == nil || f.Billed || f.is(KindHang, KindStall, KindDrip) {
		return 0
	}
	return f.Delay
}

// delayAfter is the time between the bill and the answer.
func (f *Fault) delayAfter() time.Duration {
	if f == nil || !f.Billed || f.is(KindHang, KindStall, KindDrip) {
		return 0
	}
	return f.Delay
}
