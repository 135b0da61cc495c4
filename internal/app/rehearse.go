package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// rehearsal is the loop's own decision about the next run, taken on ports that
// write nothing and sell nothing: the loop takes over from what is committed, is
// guarded as ever, begins or resumes its run, and gets as far as its first
// request. What it would do is therefore never another thing than what it does.
type rehearsal struct {
	d     *desk
	facts facts

	mu      sync.Mutex
	queries []feed.Query // what was asked for: one page of each scan
}

// errRehearsed is the end of a rehearsal: the first request was about to be made.
var errRehearsed = errors.New("this far and no further")

// rehearse returns the record that the next run would go on from. Its error may
// be a *producer.RefusedError.
func (d *desk) rehearse(ctx context.Context, f facts) (schemas.Progress, []feed.Query, error) {
	r := &rehearsal{d: d, facts: f}
	options := loopOptions(d.c, d.stream)
	options.Retry = retry.Policy{Tries: 1}
	loop, err := producer.New(options, r, r, r, rehearsedAccount{}, nil)
	if err != nil {
		return schemas.Progress{}, nil, err
	}
	result, err := loop.Sync(ctx)
	if errors.Is(err, errRehearsed) {
		err = nil
	}
	return result.Progress, r.queries, err
}

var (
	_ producer.Pager       = (*rehearsal)(nil)
	_ producer.Log         = (*rehearsal)(nil)
	_ producer.Checkpoints = (*rehearsal)(nil)
	_ producer.Session     = rehearsedSession{}
	_ producer.Lease       = rehearsedLease{}
	_ producer.Account     = rehearsedAccount{}
)

// Page notes what is asked for, and sells nothing.
func (r *rehearsal) Page(_ context.Context, q feed.Query) (feed.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries = append(r.queries, q)
	return feed.Page{Credits: feed.Unknown, Balance: feed.Unknown}, errRehearsed
}

// Fence ends nobody's epoch.
func (r *rehearsal) Fence(context.Context) (producer.Session, error) {
	return rehearsedSession{r.facts.kafka}, nil
}

// Foreign reads the topic, if there is one.
func (r *rehearsal) Foreign(ctx context.Context, known []string) (string, error) {
	if r.d.lacks(r.d.stream.Sites.Name) {
		return "", nil
	}
	return journal{r.d.stream}.Foreign(ctx, known)
}

// Newest reads the topic, if there is one.
func (r *rehearsal) Newest(ctx context.Context) (producer.Published, error) {
	return r.d.newest(ctx)
}

// Recent finds nothing: what was published lately decides what is published
// again, and not what is bought.
func (*rehearsal) Recent(context.Context, time.Time, func(producer.Published) bool) error { return nil }

// Size reads the topic, if there is one.
func (r *rehearsal) Size(ctx context.Context) (int64, error) { return r.d.size(ctx) }

// Hold takes nothing from whoever holds the lease.
func (*rehearsal) Hold(context.Context, uint64) (producer.Lease, error) {
	return rehearsedLease{}, nil
}

// Get returns what Redis had when the facts were gathered.
func (r *rehearsal) Get(context.Context) (schemas.Progress, error) {
	switch {
	case r.facts.spoiled != nil:
		return schemas.Progress{}, r.facts.spoiled
	case r.facts.copied.Seq == 0:
		return schemas.Progress{}, checkpoint.ErrNotFound
	}
	return r.facts.copied, nil
}

// Put writes nothing.
func (*rehearsal) Put(context.Context, schemas.Progress) error { return nil }

// Repair writes nothing.
func (*rehearsal) Repair(context.Context, string, uint64, schemas.Progress) error { return nil }

// rehearsedSession reads what is committed and commits nothing.
type rehearsedSession struct{ state kafka.State }

func (s rehearsedSession) Progress(context.Context) (own schemas.Progress, found bool, others []string, err error) {
	return s.state.Own, s.state.Found, s.state.Others, nil
}

func (s rehearsedSession) Windows(context.Context, int) (map[int]schemas.Progress, error) {
	return s.state.Windows, nil
}

func (rehearsedSession) Commit(context.Context, []*kgo.Record, []schemas.Progress, func() error) error {
	return nil
}
func (rehearsedSession) Close() {}

// rehearsedLease is held by nobody and never lost.
type rehearsedLease struct{}

func (rehearsedLease) Alive() error                  { return nil }
func (rehearsedLease) Confirm(context.Context) error { return nil }
func (rehearsedLease) Lost() <-chan struct{}         { return nil }
func (rehearsedLease) Owner() string                 { return "plan" }
func (rehearsedLease) Token() uint64                 { return 0 }
func (rehearsedLease) Release(context.Context) error { return nil }

// rehearsedAccount allows everything and reserves nothing: what the budgets allow
// is said beside the plan.
type rehearsedAccount struct{}

func (rehearsedAccount) Reserve(_ context.Context, ask checkpoint.Ask) (checkpoint.Grant, error) {
	return checkpoint.Grant{Rows: ask.Rows}, nil
}

func (rehearsedAccount) Settle(context.Context, time.Time, int64, ...schemas.Purchase) error {
	return nil
}
func (rehearsedAccount) Lose(context.Context, string, string, int64) error { return nil }
func (rehearsedAccount) Open(context.Context, string) ([]checkpoint.Reservation, error) {
	return nil, nil
}
