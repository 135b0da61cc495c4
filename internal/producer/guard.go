package producer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// guard refuses to go on from a state in which buying would spend money that
// nobody agreed to (invariant 6).
func (l *Loop) guard(ctx context.Context, copied copied, newest schemas.Progress, found bool, others []string) error {
	switch {
	case !found && copied.spoiled != nil:
		return l.refuseLost(ctx, copied, fmt.Sprintf("Redis holds something in its place (%v)", copied.spoiled))
	case !found && copied.Seq > 0:
		return l.refuseLost(ctx, copied, fmt.Sprintf("Redis holds one (run %s, page %d, committed %s)", copied.RunID, copied.Pages, copied.CommittedAt.Format(time.RFC3339)))
	case !found:
		where, err := l.log.Foreign(ctx, others)
		if err == nil && where != "" {
			return l.refuseLost(ctx, copied, fmt.Sprintf("the topic holds rows (%s)", where))
		}
		return err
	case copied.Newer(newest):
		return l.refuse(ctx, newest, fmt.Sprintf("Redis is ahead of Kafka for feed %q: Redis has page %d of run %s (fence %d, seq %d), the progress topic ends at page %d of run %s (fence %d, seq %d): Kafka has lost what it had acknowledged, or this is another cluster",
			l.opts.Feed, copied.Pages, copied.RunID, copied.Fence, copied.Seq, newest.Pages, newest.RunID, newest.Fence, newest.Seq),
			free("if KAFKA_BROKERS or REDIS_URL names the wrong server: set it right", ""),
			free("if Kafka was restored from a backup: restore what is missing of its topics", ""),
			l.wayHere(newest, copied.Progress, "accept the loss, go on where Kafka is, and buy again what lies between"),
			wayWatermark(newest.Watermark, "accept the loss, and buy what changed since the watermark that Kafka still has"))
	case newest.Topic != "" && newest.Topic != l.opts.Topics.Sites:
		return l.refuse(ctx, newest, fmt.Sprintf("feed %q publishes to topic %s and is now given %s, which lacks what was published so far", l.opts.Feed, newest.Topic, l.opts.Topics.Sites),
			free("go on as before", "CAREER_SITES_TOPIC="+newest.Topic+" producer sync"),
			free("if the rows were copied to "+l.opts.Topics.Sites+" already: move the stream to it", moveCommand))
	case newest.TopicID != "" && l.opts.Topics.SitesID != "" && newest.TopicID != l.opts.Topics.SitesID:
		return l.refuse(ctx, newest, fmt.Sprintf("topic %s is not the one that feed %q was published to (id %s, now %s): it was deleted and created again, or this is another cluster", newest.Topic, l.opts.Feed, newest.TopicID, l.opts.Topics.SitesID),
			free("if KAFKA_BROKERS names the wrong cluster: set it right", ""),
			free("if the rows were copied to the new topic already: go on with it", moveCommand))
	case newest.Fingerprint != l.opts.fingerprint:
		filters, _ := l.opts.Filters.Canonical()
		return l.refuse(ctx, newest, fmt.Sprintf("the filters changed: feed %q was begun with %s and is now given %s; its watermark says nothing about companies that only the new ones select", l.opts.Feed, newest.Filters, filters),
			free("set the FILTER_ settings back to what they were", ""),
			wayKeep(newest, "use the new filters from now on: companies that only they select come when they change next"),
			Way{
				What: "leave this stream as it is, and give the new selection one of its own", Command: "FEED_NAME=another-name producer sync",
				Cost: fmt.Sprintf("a backfill of all that it selects, %s a row", feed.Price(l.money.price)),
			})
	}
	return l.guardTopic(ctx, newest)
}

// guardTopic refuses a checkpoint that is older than the rows of its stream: the
// progress topic was rolled back, and what lies between would be bought again.
func (l *Loop) guardTopic(ctx context.Context, newest schemas.Progress) error {
	if l.begun {
		return nil // it was compared when this call of Sync began
	}
	// A stream that was quiet for long beside a busy one on the same topic takes
	// time to find. It is not found then, and nothing contradicts the checkpoint.
	within, cancel := context.WithTimeout(ctx, l.opts.TakeOver/4)
	defer cancel()
	row, err := l.log.Newest(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		l.logger.Debug("the newest row of the stream was not found in time", zap.Error(err))
		return nil
	}
	if err != nil || !behind(newest, row) {
		return err
	}
	return l.refuse(ctx, newest, fmt.Sprintf("topic %s is ahead of the checkpoint of feed %q: its newest row is of page %d of run %s, the progress topic ends at page %d of run %s: the progress topic has lost what it had acknowledged",
		l.opts.Topics.Sites, l.opts.Feed, row.Page, row.RunID, newest.Pages, newest.RunID),
		free("restore what is missing of the progress topic, or set PROGRESS_TOPIC right", ""),
		l.wayHere(newest, schemas.Progress{RunID: row.RunID, Pages: row.Page}, "go on from the checkpoint, and buy again what lies between; rows that are in the topic unchanged are not published again"),
		wayWatermark(newest.Watermark, "buy what changed since the watermark that is left; rows that are in the topic unchanged are not published again"))
}

// behind reports whether a checkpoint is older than a row of its stream.
func behind(at schemas.Progress, row Published) bool {
	if row.RunID == "" {
		return false
	}
	if row.RunID == at.RunID {
		return row.Page > at.Pages
	}
	_, bad := ulid.ParseStrict(row.RunID)
	return bad == nil && len(at.RunID) == len(row.RunID) && row.RunID > at.RunID // run ids sort by time, see newRunID
}

// refuseLost is the refusal for a stream whose progress is gone.
func (l *Loop) refuseLost(ctx context.Context, copied copied, evidence string) error {
	ways := []Way{
		free("if KAFKA_BROKERS, PROGRESS_TOPIC, CAREER_SITES_TOPIC, REDIS_URL or FEED_NAME is not what it was: set it right", ""),
		free("if the progress topic was lost: restore it, or a file that \"producer state export\" wrote", "producer state import FILE --yes"),
	}
	switch row, err := l.log.Newest(ctx); {
	case err != nil:
		return err
	case !copied.Watermark.IsZero():
		ways = append(ways, wayWatermark(copied.Watermark, "trust the watermark that Redis has, and buy what changed since"))
	case row.RunID != "":
		ways = append(ways, wayWatermark(runStart(row.RunID), "if the run that published the newest row, begun then, reached its end: buy what changed since it began"))
	}
	return l.refuse(ctx, copied.Progress, fmt.Sprintf("the progress topic has no checkpoint of feed %q, but %s: starting from nothing would buy every row again", l.opts.Feed, evidence), ways...)
}

// refuse makes the error that ends the loop before anything more is bought. The
// last way is always to buy everything again.
func (l *Loop) refuse(ctx context.Context, at schemas.Progress, found string, ways ...Way) error {
	what := "buy everything again"
	rows, known := BackfillRows(at)
	if !known {
		what += " (no backfill is known to have reached its end: at least what the topic has)"
		size, err := l.log.Size(ctx)
		if rows = size; err != nil {
			rows = unlimited
		}
	}
	again := Way{What: what, Command: "producer state reset --backfill --yes", Rows: rows, Credits: rows * l.money.price}
	ways = slices.DeleteFunc(append(ways, again), func(w Way) bool { return w.What == "" })
	for i := range ways {
		if ways[i].Rows < 0 && rows > 0 { // more than all of them nobody can be asked for
			ways[i].Credits = again.Credits
		}
	}
	return retry.Permanent(&RefusedError{Found: found, Ways: ways, Bought: l.result.Pages > 0 || l.result.Dropped > 0})
}

// BackfillRows is how many rows the last backfill bought, which is how many
// another one is expected to. False means that none is known to have reached its
// end.
func BackfillRows(at schemas.Progress) (rows int64, known bool) {
	for _, run := range slices.Backward(at.History) {
		if run.Mode == schemas.Backfill {
			return run.Rows + run.Unchanged + run.DeadLetters, true
		}
	}
	return 0, false
}

func free(what, command string) Way { return Way{What: what, Command: command} }

// wayWatermark proposes to go on from a watermark; a zero one is no way.
func wayWatermark(at time.Time, what string) Way {
	if at.IsZero() {
		return Way{}
	}
	return Way{What: what, Command: "producer state reset --watermark " + at.UTC().Format(time.RFC3339) + " --yes", Rows: unlimited}
}

// wayKeep proposes to keep the watermark; a stream that has none has no such way.
func wayKeep(at schemas.Progress, what string) Way {
	if at.Watermark.IsZero() {
		return Way{}
	}
	return Way{What: what, Command: "producer state reset --keep-watermark --yes", Rows: unlimited}
}

// moveCommand writes the state that Kafka has once more, for the topic and the
// servers that are set now.
const moveCommand = "producer state export | producer state import --yes"

// wayHere proposes to go on from a checkpoint although something is ahead of it.
func (l *Loop) wayHere(at, ahead schemas.Progress, what string) Way {
	w := Way{What: what, Command: moveCommand, Rows: unlimited}
	if ahead.RunID == at.RunID && ahead.Pages > at.Pages {
		w.Rows = (ahead.Pages - at.Pages) * int64(max(at.BatchSize, 1))
		w.Credits = w.Rows * l.money.price
	}
	return w
}

// runStart is when a run was begun, by its id; zero for an id of another form.
func runStart(runID string) time.Time {
	id, err := ulid.ParseStrict(runID)
	if err != nil {
		return time.Time{}
	}
	return id.Timestamp().UTC()
}

// newRunID returns an id that sorts after the run before it, even if this
// machine's clock is behind the one that named that.
func newRunID(before string) string {
	id := ulid.Make()
	if last, err := ulid.ParseStrict(before); err == nil && id.Compare(last) <= 0 {
		_ = id.SetTime(last.Time() + 1) // fails in the year 10889
	}
	return id.String()
}
