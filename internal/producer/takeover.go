package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// takeOver begins an epoch. The order of its lines is the proof.
func (l *Loop) takeOver(ctx context.Context, lease Lease) (_ Session, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.opts.TakeOver, fmt.Errorf("take-over not finished within %s", l.opts.TakeOver))
	defer cancel()
	// Fencing is open to everybody, the last one wins: without the lease it
	// would throw out the instance that has it.
	if err := lease.Confirm(ctx); err != nil {
		return nil, err
	}
	session, err := l.log.Fence(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			session.Close()
		}
	}()
	// The lease may have run out while the fence was on its way. Going on would
	// mean two instances that fence each other, at a page each time.
	if err := lease.Confirm(ctx); err != nil {
		return nil, err
	}
	// The copy is read before its original, so that it can only be older.
	copied, err := l.copied(ctx)
	if err != nil {
		return nil, err
	}
	// Invariant 3: read after the fence, so that it is final.
	newest, found, others, err := session.Progress(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.guard(ctx, copied, newest, found, others); err != nil {
		// What stands there may be the work of an instance that took over between
		// these reads: that is no contradiction.
		if lost := lease.Confirm(ctx); lost != nil {
			return nil, lost
		}
		return nil, err
	}
	if found {
		if err := l.checkpoints.Repair(ctx, lease.Owner(), lease.Token(), newest); err != nil {
			return nil, err
		}
	}
	l.fence = max(lease.Token(), newest.Fence+1)
	if err := l.settle(ctx, session, lease, newest); err != nil {
		return nil, err
	}
	return session, l.resume(newest)
}

// copied is what Redis holds: its zero value means nothing, spoiled that it is
// something that nobody can read.
type copied struct {
	schemas.Progress
	spoiled error
}

func (l *Loop) copied(ctx context.Context) (copied, error) {
	progress, err := l.checkpoints.Get(ctx)
	var corrupt *checkpoint.CorruptError
	switch {
	case errors.Is(err, checkpoint.ErrNotFound):
		return copied{}, nil
	case errors.As(err, &corrupt):
		return copied{spoiled: corrupt}, nil
	}
	return copied{Progress: progress}, err
}

// guard refuses to go on from a state in which buying would spend money that
// nobody agreed to (invariant 6).
func (l *Loop) guard(ctx context.Context, copied copied, newest schemas.Progress, found bool, others []string) error {
	switch {
	case !found && copied.spoiled != nil:
		return l.refuseLost(fmt.Sprintf("Redis holds something in its place (%v)", copied.spoiled))
	case !found && copied.Seq > 0:
		return l.refuseLost(fmt.Sprintf("Redis holds one (run %s, page %d, committed %s)", copied.RunID, copied.Pages, copied.CommittedAt.Format(time.RFC3339)))
	case !found:
		where, err := l.log.Foreign(ctx, others)
		if err == nil && where != "" {
			return l.refuseLost(fmt.Sprintf("the topic holds rows (%s)", where))
		}
		return err
	case copied.Newer(newest):
		return l.refuse(fmt.Sprintf("Redis is ahead of Kafka for feed %q: Redis has page %d of run %s (fence %d, seq %d), the progress topic ends at page %d of run %s (fence %d, seq %d): Kafka has lost what it had acknowledged, or this is another cluster",
			l.opts.Feed, copied.Pages, copied.RunID, copied.Fence, copied.Seq, newest.Pages, newest.RunID, newest.Fence, newest.Seq),
			"if KAFKA_BROKERS or REDIS_URL names the wrong server: set it right, which costs nothing",
			"if Kafka was restored from a backup: restore what is missing of its topics, or delete the Redis key of the checkpoint to accept the loss; the pages in between are then bought again")
	case newest.Topic != "" && newest.Topic != l.opts.Topics.Sites:
		return l.refuse(fmt.Sprintf("feed %q publishes to topic %s and is now given %s, which lacks what was published so far", l.opts.Feed, newest.Topic, l.opts.Topics.Sites),
			"set CAREER_SITES_TOPIC back to "+newest.Topic+", which costs nothing",
			"give the other topic a stream of its own with FEED_NAME: it begins with a backfill of every row that it selects, at the feed's price for each")
	case newest.TopicID != "" && l.opts.Topics.SitesID != "" && newest.TopicID != l.opts.Topics.SitesID:
		return l.refuse(fmt.Sprintf("topic %s is not the one that feed %q was published to (id %s, now %s): it was deleted and created again, or this is another cluster", newest.Topic, l.opts.Feed, newest.TopicID, l.opts.Topics.SitesID),
			"if KAFKA_BROKERS names the wrong cluster: set it right, which costs nothing",
			"to buy everything again on purpose: use a new FEED_NAME, at the feed's price for each row")
	case newest.Fingerprint != l.opts.fingerprint:
		filters, _ := l.opts.Filters.Canonical()
		return l.refuse(fmt.Sprintf("the filters changed: feed %q was begun with %s and is now given %s; its watermark says nothing about companies that only the new ones select", l.opts.Feed, newest.Filters, filters),
			"set the FILTER_ settings back to what they were, which costs nothing",
			"give the new selection a stream of its own with FEED_NAME: it begins with a backfill of every row that it selects, at the feed's price for each")
	}
	return nil
}

// refuseLost is the refusal for a stream whose progress is gone.
func (l *Loop) refuseLost(evidence string) error {
	return l.refuse(fmt.Sprintf("the progress topic has no checkpoint of feed %q, but %s: starting from nothing would buy every row again", l.opts.Feed, evidence),
		"if KAFKA_BROKERS, PROGRESS_TOPIC, CAREER_SITES_TOPIC, REDIS_URL or FEED_NAME is not what it was: set it right, which costs nothing",
		"if the progress topic was lost: restore it",
		"to buy everything again on purpose: use a new FEED_NAME with a new, empty CAREER_SITES_TOPIC")
}

// refuse makes the error that ends the loop before anything more is bought.
func (l *Loop) refuse(found string, ways ...string) error {
	return retry.Permanent(&RefusedError{Found: found, Ways: ways, Bought: l.result.Pages > 0 || l.result.Dropped > 0})
}

// settle finds out what became of the page in hand (invariant 4).
func (l *Loop) settle(ctx context.Context, session Session, lease Lease, newest schemas.Progress) error {
	switch {
	case l.held == nil:
		return nil
	case newest.Op == l.held.next.Op:
		l.logger.Info("the page was committed, only the answer was lost", zap.String("run_id", newest.RunID), zap.Int64("page", newest.Pages))
		l.committed(ctx, newest)
		return nil
	case newest.Op == l.held.after:
		// Nobody has moved on: it is still the next page, and it is paid for.
		return l.publish(ctx, session, lease)
	}
	// Another instance has moved on and bought the page itself. Publishing it now
	// could put an older version after a newer one (invariant 5).
	l.drop("a page that was bought here is dropped: another instance has moved on")
	return nil
}

// drop gives up the page in hand and says what that costs.
func (l *Loop) drop(why string) {
	l.logger.Warn(why, zap.String("run_id", l.held.next.RunID), zap.Int64("page", l.held.next.Pages), zap.Int64("credits_wasted", l.held.page.Cost()))
	l.result.Dropped += l.held.page.Cost()
	l.held = nil
}

// resume goes on from the newest checkpoint: in the middle of its run, or with a
// new one. What stands in l.at and is not committed yet is kept as long as it
// follows that very checkpoint (invariant 7: a run's start stays what it was).
func (l *Loop) resume(newest schemas.Progress) error {
	if !l.begun || l.at.Seq <= newest.Seq && l.at.Op != newest.Op {
		if newest.RunID != l.at.RunID || newest.Restarts != l.at.Restarts {
			l.scan = feed.Scan{}
		}
		l.at = newest
	}
	if l.at.Phase != schemas.Paging && !l.begun {
		run, err := l.opts.begin(l.at, time.Now())
		if err != nil {
			return retry.Permanent(err)
		}
		l.at, l.scan = run, feed.Scan{}
	}
	l.begun = true
	return nil
}
