package producer

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// RefusedError says that nothing is bought, because buying would spend money
// that nobody agreed to: the state is lost, or contradicts the settings or
// itself.
type RefusedError struct {
	// Found is what is wrong, Ways are the ways to go on.
	Found string
	Ways  []string
	// Bought says that pages had been bought before the contradiction came up.
	Bought bool
}

// Error implements error.
func (e *RefusedError) Error() string {
	bought := "nothing was bought"
	if e.Bought {
		bought = "nothing more is bought, what was published stays"
	}
	return strings.Join(append([]string{"refused to spend: " + e.Found + "; " + bought}, e.Ways...), "\n  - ")
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
	// RunID names the run, Credits what it has spent so far.
	RunID   string
	Credits int64
	Err     error
}

// Error implements error.
func (e *VoidedError) Error() string {
	return fmt.Sprintf("the feed voids the cursor of run %s again, after its scan was begun anew once: it has spent %d credits (USD %.2f); stopped before buying the same rows a third time; if the feed keeps doing that, tell the vendor, and begin again with a new FEED_NAME and CAREER_SITES_TOPIC: %v",
		e.RunID, e.Credits, float64(e.Credits)/1000, e.Err)
}

// Unwrap returns the feed's answer.
func (e *VoidedError) Unwrap() error { return e.Err }

// errStopped says that the loop was told to stop and has nothing in hand.
var errStopped = errors.New("stopped")
