package company

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// RefusedError is a URL that is not asked for, or, with ReasonURLRedirect, an
// answer that points elsewhere and was not followed.
type RefusedError struct {
	// Reason is one of the ReasonURL constants, or ReasonBadID.
	Reason schemas.DeadLetterReason
	// URL is without user info, query and fragment; empty where it can't be told
	// what they are.
	URL string
	// Detail says what was found, fit for a log.
	Detail string
	// Status is the HTTP status of the redirect; zero where nothing was asked.
	Status int
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.URL == "" {
		return fmt.Sprintf("profile URL refused (%s): %s", e.Reason, e.Detail)
	}
	return fmt.Sprintf("profile URL %s refused (%s): %s", e.URL, e.Reason, e.Detail)
}

// StatusError is an answer with an error status.
type StatusError struct {
	URL    string // without user info, query and fragment
	Status int
	// RetryAfter is how long the server told us to wait; zero where it did not.
	RetryAfter time.Duration
	Limits     Limits
	// Detail is what the body says, in either of the API's two forms, fit for a
	// log: one line, at most 300 characters.
	Detail string

	// keySent says that the request carried the API key.
	keySent bool
}

// Error implements error.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("GET %s: status %d", e.URL, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		s += " " + text
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.stops() {
		s += ": the API key is wrong, revoked or not allowed to do this: check JOBO_API_KEY, or set COMPANY_SEND_KEY=false"
	}
	return s
}

// stops reports whether every other company would be answered in the same way.
func (e *StatusError) stops() bool {
	return e.keySent && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// ProfileError is an answer that arrived whole and is not the profile that was
// asked for. It would come again.
type ProfileError struct {
	// Reason is ReasonBadProfile or ReasonWrongCompany.
	Reason schemas.DeadLetterReason
	URL    string // without user info, query and fragment
	// Detail says what was found, fit for a log.
	Detail string
	// Status is the HTTP status of the answer.
	Status int
}

// Error implements error.
func (e *ProfileError) Error() string {
	return fmt.Sprintf("profile at %s refused (%s): %s", e.URL, e.Reason, e.Detail)
}

// bad is a ProfileError without its URL and status, and with words as the server
// sent them: exchange adds the ones and cleans the others.
func bad(format string, args ...any) *ProfileError {
	return &ProfileError{Reason: schemas.ReasonBadProfile, Detail: fmt.Sprintf(format, args...)}
}

// addressError is a dial that was refused.
type addressError struct{ address string }

func (e *addressError) Error() string {
	return e.address + " is not a public address: it is not connected to"
}

// answeredError carries what the headers of an answer that failed said about the
// request limits; it adds nothing to the message.
type answeredError struct {
	err    error
	limits Limits
}

func (e *answeredError) Error() string { return e.err.Error() }
func (e *answeredError) Unwrap() error { return e.err }

// LimitsOf returns what the answer that err is about said of the request limits.
// The zero Limits means that there was no answer or that it did not say.
func LimitsOf(err error) Limits {
	var e *answeredError
	if errors.As(err, &e) {
		return e.limits
	}
	return Limits{}
}
