package feed

import (
	"errors"
	"fmt"
)

// UnknownOutcomeError means that so many tries for one page ended without a
// complete answer that a further one is not worth the money: see
// Config.UnknownTries.
type UnknownOutcomeError struct {
	// Tries is how many of them there were. Each may have been billed.
	Tries int
	// Err is how the last one ended.
	Err error
}

// Error implements error.
func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("no complete answer in %d tries, each of which may have been billed: %v", e.Tries, e.Err)
}

// Unwrap returns Err.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// UnknownTries returns how many tries of the call of Page that returned err
// ended with an unknown outcome, whatever ended it: the pages that may have been
// paid for without one to show.
func UnknownTries(err error) int {
	var t *talliedError
	if errors.As(err, &t) {
		return t.unknown
	}
	return 0
}

// talliedError carries the tally of UnknownTries; it adds nothing to the
// message but the count.
type talliedError struct {
	err     error
	unknown int
}

func (e *talliedError) Error() string {
	var gaveUp *UnknownOutcomeError
	if errors.As(e.err, &gaveUp) { // says it already
		return e.err.Error()
	}
	return fmt.Sprintf("%v (tries that may have been billed: %d)", e.err, e.unknown)
}

func (e *talliedError) Unwrap() error { return e.err }

// unknownError marks a try with an unknown outcome, on its way to Page.
type unknownError struct{ err error }

func (e *unknownError) Error() string { return e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }
