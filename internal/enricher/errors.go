package enricher

import (
	"fmt"
	"time"
)

// tooLargeError is a profile that the companies topic does not take.
type tooLargeError struct{ size, most int }

// Error implements error.
func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the profile has %d bytes and the companies topic takes %d: raise its max.message.bytes", e.size, e.most)
}

// StalledError says that nothing moved although there was work: something hangs
// that should not, and only a new process helps.
type StalledError struct {
	// Since is how long, Work what was in hand.
	Since time.Duration
	Work  string
}

// Error implements error.
func (e *StalledError) Error() string {
	return fmt.Sprintf("nothing has moved for %s (ENRICH_STALL_TIMEOUT) although there is work: %s; the log has what every goroutine was doing, a restart goes on from what is committed", e.Since.Round(time.Second), e.Work)
}
