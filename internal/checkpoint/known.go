package checkpoint

import (
	"fmt"
	"time"
)

// DefaultNotFoundTTL is how long a company that was not found is remembered.
const DefaultNotFoundTTL = 24 * time.Hour

// Outcome is how the fetch of a company ended.
type Outcome string

// The outcomes.
const (
	// Profile means that a profile was published.
	Profile Outcome = "profile"
	// Missing means that the server has no such company (404, 410). It is
	// forgotten after FetchedOptions.NotFoundTTL.
	Missing Outcome = "missing"
	// Dead means any other dead letter.
	Dead Outcome = "dead"
)

// Known is what is remembered of a company.
type Known struct {
	// ID is the company's.
	ID string
	// Version is the one that was fetched: updated_at of the career site, as
	// 2006-01-02T15:04:05.000000000Z. Empty means not known, and is before all
	// others.
	Version string
	// Newest is the newest version that was seen, in the form of Version and
	// never before it. Empty means that none was.
	Newest string
	// At is when the fetch ended, UTC, in milliseconds.
	At time.Time
	// Outcome is how. An argument of Remember that has none, and no Version, At
	// and ETag, tells of Newest alone.
	Outcome Outcome
	// ETag is the server's, opaque. Empty means that it gave none, or one that is
	// too long to be kept (over 256 bytes).
	ETag string
}

// Marks say how far the topics are remembered: all records below the offset
// are. The keys are "TOPIC/PARTITION", with the id of the topic where a topic
// that was made anew under its name must not be taken for the old one; what is
// kept of topics that are gone is for the caller to ignore.
type Marks map[string]int64

// FetchedOptions say what is remembered.
type FetchedOptions struct {
	// NotFoundTTL is for how long after Known.At a Missing company is known. Zero
	// or less means DefaultNotFoundTTL.
	NotFoundTTL time.Duration
	// Scope is the identity of the topic that the profiles are in: what was
	// published to one is not in another. Empty is a scope, too.
	Scope string
}

// prefix begins the keys.
func (o FetchedOptions) prefix() string {
	if o.Scope == "" {
		return fetchedPrefix
	}
	return fetchedPrefix + o.Scope + ":"
}

// ttl is NotFoundTTL or what stands for it.
func (o FetchedOptions) ttl() time.Duration {
	if o.NotFoundTTL <= 0 {
		return DefaultNotFoundTTL
	}
	return o.NotFoundTTL
}

// check says which mark is impossible. Lua counts to 2^53.
func (m Marks) check() error {
	for name, offset := range m {
		if name == "" || offset < 0 || offset > maxExact {
			return fmt.Errorf("mark %q at %d: must have a name, and be from 0 to 2^53-1", name, offset)
		}
	}
	return nil
}
