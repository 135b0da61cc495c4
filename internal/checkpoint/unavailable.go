package checkpoint

import (
	"errors"
	"strings"
)

// UnavailableError says that the server did not do what it was asked to, for a
// reason of its own: what happened, where, and what to look at, in one line.
// Whether the call took effect is unknown; every call may be made again.
type UnavailableError struct {
	// Addr is the server, host:port or the path of its socket. The first of
	// several is the one that the URL names first.
	Addr string
	// Reason is what happened, Fix what mends it.
	Reason, Fix string
	// Temporary reports whether it may pass by itself. It does not with a wrong
	// password, a missing right, or a certificate that is not trusted; the
	// stores mark those with retry.Permanent.
	Temporary bool
	// Err is what the client returned. It may be nil.
	Err error
}

// Error implements error. It names no password: the client's own errors carry
// none, and the URL is not part of the text.
func (e *UnavailableError) Error() string {
	msg := "redis at " + e.Addr + ": " + e.Reason
	if e.Fix != "" {
		msg += "; " + e.Fix
	}
	if e.Err != nil {
		// The client puts what several servers said on as many lines.
		msg += " (" + strings.Join(strings.Fields(e.Err.Error()), " ") + ")"
	}
	return msg
}

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// IsDown reports whether err means that Redis is away or refuses to work,
// rather than that it gave an answer.
func IsDown(err error) bool {
	var u *UnavailableError
	return errors.As(err, &u)
}
