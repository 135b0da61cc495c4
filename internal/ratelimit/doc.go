// Package ratelimit keeps requests within rolling windows: never more than N in
// any minute, hour or day, wherever that minute begins. A token bucket of the
// same rate would let up to twice as many through in one window.
//
// A consumer needs one method:
//
//	type Limiter interface { Wait(ctx context.Context) error }
//
// # What a restart forgets
//
// A Limiter begins empty: what an earlier process sent within the last window is
// not known to it. After a restart the server may therefore answer one 429. It
// bills nothing, it says how long to wait, and Until holds every request back
// until then, so the limit is met again after that one answer.
package ratelimit
