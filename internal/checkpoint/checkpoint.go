package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// What both stores answer besides success and *UnavailableError.
var (
	// ErrLost means that the lease is not, or no longer, this owner's under
	// this token.
	ErrLost = errors.New("lease lost")
	// ErrNotFound means that there is no copy of the checkpoint.
	ErrNotFound = errors.New("no copy of the checkpoint")
	// ErrFenced means that a writer of a later take-over wrote the copy.
	ErrFenced = errors.New("fenced by a later take-over")
	// ErrStale means that the copy is at this sequence number already, or
	// further, with another operation.
	ErrStale = errors.New("the copy is as far or further")
)

// maxExact is the largest integer that the number type of Lua, a float64,
// compares exactly. Fences and sequence numbers stay below it by far: they grow
// by one with a take-over and with a page.
const maxExact = 1<<53 - 1

// BusyError says that another owner holds the lease.
type BusyError struct {
	// Owner and Token are the holder's.
	Owner string
	Token uint64
	// TTL is what is left of the lease. Negative: it never expires, so no
	// instance of this program set it.
	TTL time.Duration
}

// Error implements error.
func (e *BusyError) Error() string {
	if e.TTL < 0 {
		return fmt.Sprintf("lease held by %q without an expiry: it was set by hand, delete it to go on", e.Owner)
	}
	return fmt.Sprintf("lease held by another instance, %s (token %d), %.1f s left", e.Owner, e.Token, e.TTL.Seconds())
}

// ConflictError says that a Put came too late, and what stands there. It
// matches ErrFenced or ErrStale.
type ConflictError struct {
	// Err is ErrFenced or ErrStale.
	Err error
	// Fence, Seq and Op are those of the copy.
	Fence, Seq uint64
	Op         string
}

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("put checkpoint: %v: it stands at fence %d, seq %d, op %s", e.Err, e.Fence, e.Seq, e.Op)
}

// Unwrap returns ErrFenced or ErrStale.
func (e *ConflictError) Unwrap() error { return e.Err }

// CorruptError says that a key holds what this package did not write. A copy of
// the checkpoint is mended by Repair. Any of a feed's keys may be deleted,
// because nothing is lost with it; a key of the budgets takes counts with it.
type CorruptError struct {
	// Key is the Redis key.
	Key string
	// Reason says what is wrong with its value.
	Reason string
	// Loses says what is lost when the key is deleted; empty means nothing.
	Loses string
}

// Error implements error.
func (e *CorruptError) Error() string {
	if e.Loses != "" {
		return fmt.Sprintf("key %s is corrupt: %s (mend or delete it; %s)", e.Key, e.Reason, e.Loses)
	}
	return fmt.Sprintf("key %s is corrupt: %s (it is safe to delete it)", e.Key, e.Reason)
}

// keys are the Redis keys of one feed.
type keys struct{ lease, fence, checkpoint string }

// feedKeys returns the keys of feed. The braces are part of the names: Redis
// Cluster then puts all of a feed's keys on one node, as scripts need.
func feedKeys(feed string) (keys, error) {
	if feed == "" || strings.ContainsAny(feed, "{}") {
		return keys{}, fmt.Errorf("feed name %q: must not be empty or contain braces", feed)
	}
	prefix := "jobo:{" + feed + "}:"
	return keys{lease: prefix + "lease", fence: prefix + "fence", checkpoint: prefix + "checkpoint"}, nil
}

// leaseValue is what the lease key holds. It fails on an owner that the
// scripts could not tell from the token.
func leaseValue(owner string, token uint64) (string, error) {
	if owner == "" || strings.Contains(owner, "|") {
		return "", fmt.Errorf("lease owner %q: must not be empty or contain '|'", owner)
	}
	return owner + "|" + strconv.FormatUint(token, 10), nil
}

// checkAcquire says what is wrong with the arguments of an Acquire.
func checkAcquire(owner string, ttl time.Duration, floor uint64) error {
	if _, err := leaseValue(owner, 0); err != nil {
		return err
	}
	if floor >= maxExact {
		return fmt.Errorf("lease floor %d: must be below 2^53-1", floor)
	}
	return checkTTL(ttl)
}

// checkTTL says what is wrong with ttl. Redis counts in milliseconds.
func checkTTL(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("lease ttl %s: must be at least 1ms", ttl)
	}
	return nil
}

// encode returns p as the copy keeps it. It refuses what Get would call
// corrupt, so that a mistake shows with its author.
func encode(feed string, p schemas.Progress) ([]byte, error) {
	if p.Feed != feed {
		return nil, fmt.Errorf("progress of feed %q does not belong to the checkpoint of feed %q", p.Feed, feed)
	}
	if p.Fence > maxExact || p.Seq > maxExact {
		return nil, fmt.Errorf("progress of feed %q: fence %d and seq %d must be below 2^53", feed, p.Fence, p.Seq)
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("progress of feed %q cannot be stored: %w", feed, err)
	}
	return p.Encode()
}

// stored is a copy as it was read, not yet checked.
type stored struct {
	fence, seq, op string
	state          []byte
}

// decode checks a copy that was read from key: whole, of this feed, and one
// with itself.
func (s stored) decode(feed, key string) (schemas.Progress, error) {
	corrupt := func(format string, args ...any) (schemas.Progress, error) {
		return schemas.Progress{}, &CorruptError{Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	if s.fence == "" || s.seq == "" || s.op == "" || len(s.state) == 0 {
		return corrupt("fence, seq, op or state is missing")
	}
	p, err := schemas.DecodeProgress(s.state)
	if err != nil {
		return corrupt("field state: %v", err)
	}
	if p.Feed != feed {
		return corrupt("field state is of feed %q", p.Feed)
	}
	if s.fence != strconv.FormatUint(p.Fence, 10) || s.seq != strconv.FormatUint(p.Seq, 10) || s.op != p.Op {
		return corrupt("fields say fence %s, seq %s, op %s; state says %d, %d, %s", s.fence, s.seq, s.op, p.Fence, p.Seq, p.Op)
	}
	return p, nil
}

// isZero reports whether nothing was published yet.
func isZero(p schemas.Progress) bool { return p.Seq == 0 && p.Op == "" }
