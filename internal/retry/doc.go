// Package retry is the one policy by which requests are tried again: exponential
// backoff with full jitter, a server's told wait first, never longer than the
// context allows.
//
// The operation decides what a failure means:
//
//   - an ordinary error is tried again after a random part of the interval,
//     which grows with each one;
//   - After(err, d) is tried again after d, as the server asked: it uses up a
//     try, and the interval stays as it is;
//   - Permanent(err) ends it.
//
// Whatever ends it, Do returns an *Error that says how many tries there were
// and why there were no more, and that errors.Is and errors.As see through.
package retry
