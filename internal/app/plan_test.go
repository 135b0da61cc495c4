package app

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestPlanOfTheFirstBackfill(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	text := b.plan(t, environment{"CREDITS_MAX_PER_DAY": "5000", "FEED_RATE_LIMIT": "2/m", "BACKFILL_WINDOWS": "4"})
	contains(t, text, "the first backfill", "rows          not known", "each 1,000 rows cost 50000 credits (USD 50.00)", "20 pages",
		"covers 100 rows (5000 credits are left)", "wallet        not known", "4 windows", "would be created", "nothing was bought")
	if n := b.missing(t); n != 3 {
		t.Errorf("got %d topics missing after a plan, want all 3", n)
	}
}

func TestPlanOfARunInTheMiddle(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", nil) // 2500 credits: a page
	at := b.progress(t, b.env)
	text := b.plan(t, nil)
	contains(t, text, "resumes backfill "+at.RunID+" at page 2, after cursor", "50 rows are bought, none of them again", "rows          not known")
	b.noCursor(t, text)
	b.hold(t)
	contains(t, b.plan(t, nil), "held by the-other-one, which makes this run")
}

func TestPlanOfWindowsInTheMiddle(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	more := environment{"BACKFILL_WINDOWS": "3", "BATCH_SIZE": "10"}
	b.pause(t, "250", more)
	at := b.progress(t, b.env)
	contains(t, b.plan(t, more), "resumes backfill "+at.RunID, "in 3 windows")
}

func TestPlanOfAnIncrementalRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130, Balance: 100_000})
	b.sync(t, nil)
	at := b.progress(t, b.env)
	text := b.plan(t, environment{"SYNC_OVERLAP": "15m", "FEED_RATE_LIMIT": "1/h", "CREDITS_MIN_BALANCE": "90000"})
	contains(t, text, "incremental: buys what changed after "+stamp(at.Watermark.Add(-15*time.Minute)), "SYNC_OVERLAP=15m",
		"at most 130, on 3 pages", "no run has bought changes yet", "at most 6500 credits (USD 6.50)", "at least 2.00 hours, by 1/h",
		"pauses after 70 rows (3500 credits are left); CREDITS_MIN_BALANCE=90000 stays; 93500 credits at ")
	b.feed.UpdateRandom(9)
	b.sync(t, nil)
	contains(t, b.plan(t, nil), "rows an hour in the last 1 runs")
}

// What a plan says is held against the run that follows.
func TestRunPausesWhereThePlanSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 230})
	b.sync(t, nil)
	var out bytes.Buffer
	yes := func(string) (bool, error) { return true, nil }
	if err := StateReset(t.Context(), b.config(t, nil), ResetWish{Backfill: true}, yes, &out); err != nil {
		t.Fatal(err)
	}
	before := b.feed.Ledger().Rows
	limits := environment{"CREDITS_MAX_PER_RUN": "9000", "CREDITS_MAX_PER_DAY": "18550"} // 11500 are spent
	text := b.plan(t, limits)
	contains(t, text, "about 230, on 5 pages: the last backfill bought 230 rows", "with state reset --backfill",
		"pauses after 180 rows (9000 credits are left); CREDITS_MAX_PER_RUN=9000",
		"pauses after 141 rows (7050 credits are left); CREDITS_MAX_PER_DAY=18550", "budget month  no limit")
	_, err := Sync(t.Context(), mustParse(t, b.env.with(limits), "sync"), zap.NewNop())
	var paused *producer.PausedError
	if !errors.As(err, &paused) || paused.By != checkpoint.BoundDay || b.feed.Ledger().Rows-before != 141 {
		t.Errorf("got %v after %d rows, want a pause by the day's budget after 141", err, b.feed.Ledger().Rows-before)
	}
	contains(t, b.plan(t, limits), "resumes backfill", "141 rows are bought", "about 89, on 2 pages", "pauses after 0 rows (0 credits are left); CREDITS_MAX_PER_DAY")
}

func TestPlanOfARefusalShowsTheWays(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	contains(t, b.plan(t, environment{"FILTER_IS_AGENCY": "true"}), "exit code 4", "the filters changed", "state reset --keep-watermark", "3000 credits")
	// The progress topic is lost, the rows are there.
	other := stream()["PROGRESS_TOPIC"]
	contains(t, b.plan(t, environment{"PROGRESS_TOPIC": other}), "exit code 4", "no checkpoint", "state reset --backfill")
	ahead := b.progress(t, b.env)
	ahead.Seq, ahead.Op = ahead.Seq+1, "not-committed"
	b.rewind(t, ahead)
	contains(t, b.plan(t, nil), "exit code 4", "Redis is ahead of Kafka")
	b.stack.Redis.FlushAll()
	contains(t, b.plan(t, nil), "incremental", "credits at "+stamp(ahead.CommittedAt))
}

func TestPlanOfACursorThatIsTooOld(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.sync(t, nil)
	b.feed.UpdateRandom(100)
	b.pause(t, "250", nil)
	at := b.progress(t, b.env)
	at.CursorIssuedAt = time.Now().Add(-30 * 24 * time.Hour)
	p, err := assembleWriter(t.Context(), b.config(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(t.Context())
	if _, err := p.loop.Reset(t.Context(), producer.Reset{Import: []schemas.Progress{at}}); err != nil {
		t.Fatal(err)
	}
	p.loop.Release(t.Context())
	contains(t, b.plan(t, nil), "begins its scan again", "is too old: 50 rows are bought again")
}

func TestPlanWithoutItsServersIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	for name, more := range map[string]environment{
		"kafka": {"KAFKA_BROKERS": closedAddress(t)}, "redis": {"REDIS_URL": "redis://" + closedAddress(t)},
		"topics that are missing": {"TOPICS_CREATE": "false"},
	} {
		var out bytes.Buffer
		if err := Plan(t.Context(), b.config(t, more), &out); exitCode(err) != ExitFailed || out.Len() > 0 {
			t.Errorf("without %s: got %v and %q, want a failure and no plan", name, err, out.String())
		}
	}
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to stop")
	cancel(why)
	if err := Plan(ended, b.config(t, nil), new(bytes.Buffer)); !errors.Is(err, why) {
		t.Errorf("got %v after the stop, want %v", err, why)
	}
}
