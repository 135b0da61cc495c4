package producer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
)

// RefusedError says that nothing is bought, because buying would spend money
// that nobody agreed to: the state is lost, or contradicts the settings or
// itself.
type RefusedError struct {
	// Found is what is wrong, Ways are the ways to go on.
	Found string
	Ways  []Way
	// Bought says that pages had been bought before the contradiction came up.
	Bought bool
}

// Way is one way to go on after a refusal.
type Way struct {
	// What it means, and the command that takes it; empty where it is no command.
	What, Command string
	// Rows is how many rows it buys and Credits what they cost. Zero means nothing.
	// Negative rows are those that changed since: nobody can tell how many, and
	// Credits is then what they cost at the most, zero where that is not known.
	Rows, Credits int64
	// Cost says in words what it costs where the above can't.
	Cost string
}

// String says what the way costs, in credits and USD, and how it is taken.
func (w Way) String() string {
	cost := "costs nothing"
	switch {
	case w.Cost != "":
		cost = w.Cost
	case w.Rows < 0 && w.Credits > 0:
		cost = "costs what changed since, at the feed's price for each row: at most about " + feed.Price(w.Credits)
	case w.Rows < 0:
		cost = "costs what changed since, at the feed's price for each row"
	case w.Rows > 0:
		cost = fmt.Sprintf("about %d rows, %s", w.Rows, feed.Price(w.Credits))
	}
	text := w.What + ": " + cost
	if w.Command != "" {
		text += "\n      " + w.Command
	}
	return text
}

// Error implements error.
func (e *RefusedError) Error() string {
	bought := "nothing was bought"
	if e.Bought {
		bought = "nothing more is bought, what was published stays"
	}
	lines := []string{"refused to spend: " + e.Found + "; " + bought + "; ways to go on:"}
	for _, way := range e.Ways {
		lines = append(lines, way.String())
	}
	return strings.Join(lines, "\n  - ")
}

// Wallet is the bound of a PausedError that the feed itself drew; the others are
// those of the budgets.
const Wallet checkpoint.Bound = "wallet"

// PausedError says that the next page is not covered, not even a single row of
// it. The state is kept.
type PausedError struct {
	// By is what does not cover it: Wallet, or one of the bounds of the account.
	By checkpoint.Bound
	// Limit is the budget's, Spent what it has spent; zero for Wallet.
	Limit, Spent int64
	// Balance is what the wallet holds; feed.Unknown where that is not known.
	Balance int64
	// Price is what a row costs, in credits.
	Price int64
	// Until is when the allowance begins anew by itself; zero means never.
	Until time.Time
	// Err is the feed's answer, if it was the wallet.
	Err error
}

// Error implements error.
func (e *PausedError) Error() string {
	return e.Paused() + "; state is kept, nothing is bought twice: " + e.Wants()
}

// Paused says why, in one line.
func (e *PausedError) Paused() string {
	switch e.By {
	case Wallet:
		balance := "less than a row costs"
		if e.Balance != feed.Unknown {
			balance = feed.Price(e.Balance)
		}
		return fmt.Sprintf("the wallet holds %s, a row costs %d", balance, e.Price)
	case checkpoint.BoundBalance:
		return fmt.Sprintf("the wallet holds %s and CREDITS_MIN_BALANCE=%d has to stay in it", feed.Price(max(e.Balance, 0)), e.Limit)
	default:
		return fmt.Sprintf("%s=%d is used up: %d credits are spent or reserved, a row costs %d", e.setting(), e.Limit, e.Spent, e.Price)
	}
}

// Wants says what it waits for.
func (e *PausedError) Wants() string {
	switch {
	case !e.Until.IsZero():
		return fmt.Sprintf("goes on at %s, or with a higher %s", e.Until.Format(time.RFC3339), e.setting())
	case e.By == Wallet, e.By == checkpoint.BoundBalance:
		return "goes on when the wallet is filled"
	}
	return "goes on with a higher " + e.setting()
}

func (e *PausedError) setting() string {
	switch e.By {
	case checkpoint.BoundRun:
		return "CREDITS_MAX_PER_RUN"
	case checkpoint.BoundDay:
		return "CREDITS_MAX_PER_DAY"
	case checkpoint.BoundMonth:
		return "CREDITS_MAX_PER_MONTH"
	default:
		return "CREDITS_MIN_BALANCE"
	}
}

// Unwrap returns the feed's answer.
func (e *PausedError) Unwrap() error { return e.Err }

// exhausted is the pause for an allowance that covers no row.
func exhausted(ask checkpoint.Ask, grant checkpoint.Grant) *PausedError {
	e := &PausedError{By: grant.Tight, Balance: grant.Balance, Price: ask.Price}
	today := ask.At.UTC().Truncate(24 * time.Hour)
	switch grant.Tight {
	case checkpoint.BoundRun:
		e.Limit, e.Spent = ask.RunMax, grant.Run
	case checkpoint.BoundDay:
		e.Limit, e.Spent, e.Until = ask.DayMax, grant.Day, today.AddDate(0, 0, 1)
	case checkpoint.BoundMonth:
		e.Limit, e.Spent, e.Until = ask.MonthMax, grant.Month, today.AddDate(0, 1, 1-today.Day())
	default:
		e.Limit = ask.MinBalance
	}
	return e
}

// ClockError says that this machine's clock and the feed's are too far apart
// for either to be trusted with a run's start.
type ClockError struct {
	// Ahead is by how much this machine's clock is ahead; negative if it is behind.
	Ahead time.Duration
}

// Error implements error.
func (e *ClockError) Error() string {
	word, by := "ahead of", e.Ahead
	if by < 0 {
		word, by = "behind", -by
	}
	return fmt.Sprintf("this machine's clock is %s %s the feed's, at most %s is safe: stopped after one page, which is published and not lost; set the clock (NTP) and start again",
		by.Round(time.Second), word, maxSkew)
}

// VoidedError says that the feed voided the cursor of a run once more than a run
// may begin its scan again by itself.
type VoidedError struct {
	// RunID names the run, Credits what it has spent so far, Watermark where the
	// stream stood before it; zero means nowhere.
	RunID     string
	Credits   int64
	Watermark time.Time
	Err       error
}

// Error implements error.
func (e *VoidedError) Error() string {
	way := Way{What: "begin the backfill again", Command: "producer state reset --backfill --yes", Rows: unlimited}
	if !e.Watermark.IsZero() {
		way = wayWatermark(e.Watermark, "begin again at the watermark, which loses nothing")
	}
	return fmt.Sprintf("the feed voids the cursor of run %s again, after its scan was begun anew once: it has spent %s; stopped before buying the same rows a third time; tell the vendor if the feed keeps doing that: %v\n  - %s",
		e.RunID, feed.Price(e.Credits), e.Err, way)
}

// Unwrap returns the feed's answer.
func (e *VoidedError) Unwrap() error { return e.Err }

// errStopped says that the loop was told to stop and has nothing in hand.
var errStopped = errors.New("stopped")

// AwayError says that the feed was out of reach, or answered with errors, for as
// long as it was tried.
type AwayError struct {
	// Page says which page was asked for.
	Page string
	Err  error
}

// Error implements error.
func (e *AwayError) Error() string {
	return fmt.Sprintf("%s: the feed does not answer as it should: check JOBO_BASE_URL and the network, or wait: %v", e.Page, e.Err)
}

// Unwrap returns why the newest try failed.
func (e *AwayError) Unwrap() error { return e.Err }
