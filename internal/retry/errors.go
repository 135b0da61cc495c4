package retry

import (
	"errors"
	"fmt"
	"time"
)

// Reason says why there was no further try.
type Reason string

// The reasons.
const (
	// ReasonPermanent means that the operation said that trying again can't help.
	ReasonPermanent Reason = "permanent"
	// ReasonTries means that all the tries of the policy are used up.
	ReasonTries Reason = "out of tries"
	// ReasonContext means that the context ended before the next try.
	ReasonContext Reason = "context ended"
	// ReasonDeadline means that the context would have ended during the wait.
	ReasonDeadline Reason = "deadline before the next try"
)

// Error is the failure of Do.
type Error struct {
	// Tries is how often the operation ran; zero where the context had ended
	// before the first time.
	Tries  int
	Reason Reason
	// Err is the last try's error, nil where there was no try.
	Err error
	// Cause is context.Cause where the context has ended, nil otherwise.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return fmt.Sprintf("not tried: %v", e.Cause)
	case e.Reason == ReasonPermanent && e.Tries == 1:
		return e.Err.Error()
	case e.Cause != nil:
		return fmt.Sprintf("%v (%s, %s: %v)", e.Err, tries(e.Tries), e.Reason, e.Cause)
	default:
		return fmt.Sprintf("%v (%s, %s)", e.Err, tries(e.Tries), e.Reason)
	}
}

// Unwrap gives errors.Is and errors.As both the last error and the context's
// cause.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Err, e.Cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// Permanent marks err as one that no further try can mend. Permanent(nil) is
// nil. The mark shows in no message.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err, or an error that it wraps, was marked by
// Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// After marks err as one whose server told how long to wait before the next
// try: see ParseAfter. A wait of zero or less tells nothing, After(nil, d) is
// nil. Waits longer than MaxAfter are cut to it. The mark shows in no message.
func After(err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return &afterError{err, min(wait, MaxAfter)}
}

type afterError struct {
	err  error
	wait time.Duration
}

func (e *afterError) Error() string { return e.err.Error() }
func (e *afterError) Unwrap() error { return e.err }
