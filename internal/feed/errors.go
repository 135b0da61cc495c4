package feed

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Errors to branch on with errors.Is.
var (
	// ErrInvalidCursor means that the feed no longer takes the cursor of the
	// query: begin the scan again without one, with the same filters. A query
	// that had no cursor never fails with it.
	ErrInvalidCursor = errors.New("the cursor is not valid any more: the scan has to begin again")
	// ErrUnauthorized means status 401.
	ErrUnauthorized = errors.New("the API key is missing, wrong or revoked: check JOBO_API_KEY")
	// ErrForbidden means status 403.
	ErrForbidden = errors.New("the plan of this API key does not include the career sites feed: change the plan or the key")
)

// StatusError is an answer with a status other than 200. It was not billed.
type StatusError struct {
	Method string
	URL    string // without user info and query
	Status int
	// Code, Title and Detail are what the body says, in either of the feed's two
	// forms, fit for a log: one line, at most 300 characters.
	Code, Title, Detail string
	// RetryAfter is how long the feed told us to wait; zero where it did not.
	RetryAfter time.Duration

	// is what errors.Is finds: one of the sentinels above, or nil.
	is error
}

// Error implements error.
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: status %d", e.Method, e.URL, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		fmt.Fprintf(&b, " %s", text)
	}
	for _, s := range []string{e.Title, e.Detail} {
		if s != "" {
			fmt.Fprintf(&b, ": %s", s)
		}
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " [%s]", e.Code)
	}
	if e.is != nil {
		fmt.Fprintf(&b, ": %v", e.is)
	}
	return b.String()
}

// Unwrap gives errors.Is the sentinel that the status stands for.
func (e *StatusError) Unwrap() error { return e.is }

// PaymentError is status 402: the wallet does not cover the page that was asked
// for. The same query fails the same way until it is filled; a smaller BatchSize
// that the balance covers may pass.
type PaymentError struct {
	// Required is the price of the page asked for, Balance what the wallet
	// holds, in credits; Unknown where the feed did not say.
	Required, Balance int64
	// StatusError is the answer itself.
	StatusError *StatusError
}

// Error implements error.
func (e *PaymentError) Error() string {
	return fmt.Sprintf("%v: the page costs %s credits, the wallet holds %s",
		e.StatusError, credits(e.Required), credits(e.Balance))
}

// Unwrap gives errors.As the StatusError.
func (e *PaymentError) Unwrap() error { return e.StatusError }

func credits(n int64) string {
	if n == Unknown {
		return "an unknown number of"
	}
	return fmt.Sprint(n)
}

// Fault is the closed list of reasons for which a page is refused.
type Fault string

// The faults, in the order in which a page is judged.
const (
	// FaultStatus is a 2xx status other than 200.
	FaultStatus Fault = "status"
	// FaultContentType is a body that does not claim to be JSON in UTF-8.
	FaultContentType Fault = "content_type"
	// FaultEncoding is a content encoding that was not asked for, or a body that
	// is not encoded as its header says.
	FaultEncoding Fault = "encoding"
	// FaultTooLarge is a body beyond Config.MaxBody or Config.MaxDecoded.
	FaultTooLarge Fault = "too_large"
	// FaultCutOff is a body that ends early or arrived damaged. It is part of an
	// unknown outcome and tried again.
	FaultCutOff Fault = "cut_off"
	// FaultNotJSON is a body that is not exactly one JSON value.
	FaultNotJSON Fault = "not_json"
	// FaultInvalidUTF8 is a body with bytes that are not UTF-8.
	FaultInvalidUTF8 Fault = "invalid_utf8"
	// FaultDuplicateName is an object that has the same member twice.
	FaultDuplicateName Fault = "duplicate_name"
	// FaultTooDeep is nesting beyond 64 levels.
	FaultTooDeep Fault = "too_deep"
	// FaultShape is JSON that is not a page: no career_sites, no has_more.
	FaultShape Fault = "shape"
	// FaultTooManyRows is a page of more rows than were asked for.
	FaultTooManyRows Fault = "too_many_rows"
	// FaultCursor is a next_cursor that contradicts has_more, that does not move,
	// or that can't be sent.
	FaultCursor Fault = "cursor"
	// FaultBadRows is a page most of whose rows can't be records.
	FaultBadRows Fault = "bad_rows"
	// FaultCursorLoop is a cursor that the scan has seen before; see Scan.
	FaultCursorLoop Fault = "cursor_loop"
	// FaultEmptyPages is too many pages without rows in a row; see Scan.
	FaultEmptyPages Fault = "empty_pages"
)

// PageError is a 2xx answer that was refused. It may have been billed; nothing
// of it was returned.
type PageError struct {
	Reason Fault
	// Detail says what was found, fit for a log.
	Detail string
	// Rows is how many rows the page had, as far as it was read; Credits what it
	// cost and Balance the wallet after it, Unknown where the feed did not say.
	Rows             int
	Credits, Balance int64
}

// Error implements error.
func (e *PageError) Error() string {
	return fmt.Sprintf("page refused (%s): %s", e.Reason, e.Detail)
}
