// Package checkpointtest holds what every store of checkpoints must pass: a
// conformance suite, and a model that random sequences of calls are compared
// with. It is for tests alone.
package checkpointtest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// Store is what a store does; see checkpoint.Redis for the contract.
type Store interface {
	Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (uint64, error)
	Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error
	Release(ctx context.Context, owner string, token uint64) error
	Held(ctx context.Context, owner string, token uint64) error
	Get(ctx context.Context) (schemas.Progress, error)
	Put(ctx context.Context, p schemas.Progress) error
	Repair(ctx context.Context, owner string, token uint64, p schemas.Progress) error
}

// Harness is a store that holds nothing yet, and what can happen to its server.
type Harness struct {
	Store Store
	// Feed is the feed whose state Store keeps.
	Feed string
	// Wipe loses all state.
	Wipe func()
	// Advance lets a time pass for the lease, without a wait.
	Advance func(time.Duration)
	// Snapshot returns a function that brings back the state as it is now. The
	// copy must not be spoilt.
	Snapshot func() (restore func())
	// Spoil replaces the state within the copy and leaves its other fields; nil
	// puts a value of another type in place of the copy.
	Spoil func(state []byte)
}

// Run runs the conformance suite. open returns a Harness of its own for each
// call, and cleans up with t.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"the first token is above the floor":                     firstToken,
		"a second owner is told who holds the lease":             secondOwner,
		"an owner that asks again gets its token again":          askAgain,
		"a released lease goes to the next with a higher token":  released,
		"an expired lease goes to the next with a higher token":  expired,
		"a renewed lease runs for its whole time again":          renewed,
		"a lease is neither renewed nor held by another":         notTheirs,
		"a release by another leaves the lease alone":            releaseByAnother,
		"the floor keeps tokens growing after all was lost":      floorAfterWipe,
		"the floor keeps tokens growing after a roll-back":       floorAfterRollback,
		"large tokens stay exact":                                largeTokens,
		"impossible leases are refused":                          impossibleLeases,
		"an empty store has no copy":                             noCopy,
		"what is put is what is got":                             putGet,
		"the same operation may be put twice":                    putTwice,
		"a writer of an earlier take-over is fenced":             putFenced,
		"an older page is stale":                                 putStale,
		"a new writer behind the copy is stale":                  putBehind,
		"large sequence numbers stay exact":                      largeSeq,
		"what get would call corrupt is not put":                 putImpossible,
		"a copy of another type is reported":                     wrongType,
		"a copy with broken JSON is reported, and put over":      brokenJSON,
		"a copy that contradicts itself is reported":             contradiction,
		"a copy of another feed is reported":                     otherFeed,
		"repair replaces whatever is there":                      repairReplaces,
		"repair with nothing published removes the copy":         repairRemoves,
		"repair without the lease changes nothing":               repairWithoutLease,
		"repair may run twice":                                   repairTwice,
		"a call under a context that has ended does not succeed": endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Progress returns a whole progress record of feed, as of the page that has
// this fence and sequence number. Its Op is another for each pair.
func Progress(feed string, fence, seq uint64) schemas.Progress {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	return schemas.Progress{
		V: schemas.ProgressVersion, Feed: feed,
		Fence: fence, Seq: seq, Op: fmt.Sprintf("op-%d-%d", fence, seq),
		RunID: "run-1", Mode: schemas.Incremental, RunStartedAt: at, Phase: schemas.Paging,
		UpdatedAfter: at.Add(-time.Hour), Filters: json.RawMessage(`{"industries":["fintech","b\u0026b"]}`), Fingerprint: "f1",
		Cursor: `c|"{}` + "\u00e9\n", CursorIssuedAt: at.Add(time.Minute), BatchSize: 50,
		Watermark: at.Add(-time.Hour + time.Nanosecond),
		Pages:     int64(seq), Rows: int64(seq) * 50, DeadLetters: 1, Credits: int64(seq) * 2500, Restarts: 1, UnknownTries: 2,
		CommittedAt: at.Add(time.Duration(seq%1000) * time.Second),
	}
}
