package company

import (
	"errors"
	"net/http"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// Verdict says what an error of Get or URL means for the company.
type Verdict int

// The verdicts.
const (
	// Again means that it may pass.
	Again Verdict = iota
	// Slow means that there were too many requests: none should be made before
	// the wait is over. It says nothing about the company.
	Slow
	// Dead means that no further try can help.
	Dead
	// Stop means that no request can succeed: the API key is refused.
	Stop
)

// String implements fmt.Stringer.
func (v Verdict) String() string { return [...]string{"again", "slow", "dead", "stop"}[v] }

// Judge says what err means, for Dead also why, and for Again and Slow how long
// the server asked to wait, at most retry.MaxAfter; zero where it did not say.
// Errors that are not of this package, such as that of a context that ended, are
// Again.
func Judge(err error) (v Verdict, reason schemas.DeadLetterReason, wait time.Duration) {
	var (
		status  *StatusError
		refused *RefusedError
		profile *ProfileError
	)
	switch {
	case errors.As(err, &refused):
		return Dead, refused.Reason, 0
	case errors.As(err, &profile):
		return Dead, profile.Reason, 0
	case !errors.As(err, &status):
		return Again, "", 0
	case status.Status == http.StatusTooManyRequests:
		return Slow, "", status.RetryAfter
	case passes(status.Status):
		return Again, "", status.RetryAfter
	case status.stops():
		return Stop, "", 0
	case status.Status == http.StatusNotFound:
		return Dead, schemas.ReasonNotFound, 0
	case status.Status == http.StatusGone:
		return Dead, schemas.ReasonGone, 0
	}
	return Dead, schemas.ReasonStatus, 0
}

// passes reports whether the same request may be answered better later.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, // the server or a proxy gave up reading
		http.StatusTooEarly,        // asks for the same request again
		http.StatusTooManyRequests: // the request limits
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported: // it will never do it
		return false
	}
	// All of 5xx, also those that no RFC knows: proxies and content networks
	// answer 520 and more while the server behind them is away.
	return status/100 == 5
}
