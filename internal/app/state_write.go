package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// errUnchanged is the answer to a no.
var errUnchanged = errors.New("not confirmed: nothing was changed")

// StateReset writes how the stream goes on, fenced like any checkpoint, after it
// has shown what is there, what will be and what that costs, and confirm said
// yes. It buys nothing itself. It returns *checkpoint.BusyError where another
// instance holds the lease.
func StateReset(ctx context.Context, c Producer, wish ResetWish, confirm Confirm, out io.Writer) error {
	reset := producer.Reset{Backfill: wish.Backfill, KeepWatermark: wish.KeepWatermark}
	if wish.Watermark != nil {
		reset.Watermark = wish.Watermark.UTC()
	}
	return rewrite(ctx, c, reset, confirm, out)
}

// StateImport writes what StateExport wrote on another cluster as the state of
// this stream, in the same way as StateReset.
func StateImport(ctx context.Context, c Producer, in io.Reader, confirm Confirm, out io.Writer) error {
	records, err := readState(in, c.FeedName)
	if err != nil {
		return err
	}
	return rewrite(ctx, c, producer.Reset{Import: records}, confirm, out)
}

// rewrite shows, asks and writes.
func rewrite(ctx context.Context, c Producer, wish producer.Reset, confirm Confirm, out io.Writer) error {
	question, err := preview(ctx, c, wish, out)
	if err != nil {
		return err
	}
	yes, err := confirm(question)
	if err != nil {
		return err
	}
	if !yes {
		return errUnchanged
	}
	p, err := assembleWriter(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	written, err := p.loop.Reset(ctx, wish)
	if written.Seq > 0 {
		fmt.Fprintf(out, "written: %s (fence %d, seq %d)\n", describeRun(written), written.Fence, written.Seq)
	}
	return err
}

// assembleWriter wires a loop that can write state and buy nothing: it has no
// feed, and needs no API key. Missing topics are created.
func assembleWriter(ctx context.Context, c Producer) (*parts, error) {
	p := &parts{log: zap.NewNop()}
	return p, p.wire(ctx, c, sights{}, nil)
}

// preview prints what is there, what will be and what the next run then costs,
// and returns the question to ask.
func preview(ctx context.Context, c Producer, wish producer.Reset, out io.Writer) (string, error) {
	d, err := openDesk(ctx, c)
	if err != nil {
		return "", err
	}
	defer d.close()
	f := d.look(ctx)
	if err := f.errs(); err != nil {
		return "", err
	}
	records, err := d.size(ctx)
	if err != nil {
		return "", err
	}
	v := &rewriting{c: c, facts: f, wish: wish, records: records}
	v.at, _ = f.stands()
	proposed, because, err := d.propose(ctx, f)
	if err != nil {
		return "", err
	}
	var l lines
	l.add("now", "%s", describeRun(f.kafka.Own))
	if text := f.agreement(); text != "agree" {
		l.add("", "%s", text)
	}
	if !proposed.IsZero() {
		l.add("", "proposed watermark: %s (%s)", stamp(proposed), because)
	}
	if h := f.holder; h.Held {
		l.add("lease", "held by %s: stop it first, or this waits for it and ends with exit code %d", h.Owner, ExitBusy)
	}
	question, err := v.lines(&l)
	if err != nil {
		return "", err
	}
	if err := l.print(out); err != nil {
		return "", fmt.Errorf("print what will be: %w", err)
	}
	return question, nil
}

// rewriting is a state that is about to be written.
type rewriting struct {
	c       Producer
	facts   facts
	wish    producer.Reset
	at      schemas.Progress // what is known of the stream, from Kafka or else Redis
	records int64            // on the career-sites topic, at the most
}

// lines say what will be, and return the question to ask.
func (v *rewriting) lines(l *lines) (string, error) {
	if len(v.wish.Import) > 0 {
		v.imported(l)
		return "write this state?", nil
	}
	own, price := v.facts.kafka.Own, rowPrice(v.c.Budget, v.at)
	if own.Phase == schemas.Paging && own.Seq > 0 {
		l.add("given up", "%s %s at page %d: its %d rows stay in the topic", own.Mode, own.RunID, own.Pages, bought(own))
	}
	var e estimate
	switch {
	case v.wish.Backfill:
		l.add("then", "the next run is a backfill: everything is bought again")
		e = estimateBackfill(v.at, v.records)
	case v.wish.KeepWatermark && own.Watermark.IsZero():
		return "", fmt.Errorf("feed %q has no watermark to keep: no run of it has reached its end; use --backfill, or --watermark TIME", v.c.FeedName)
	case v.wish.KeepWatermark:
		filters, err := v.c.Filters.Canonical()
		if err != nil {
			return "", err
		}
		l.add("then", "the next run buys what changed since the watermark %s", stamp(own.Watermark))
		l.add("filters", "%s instead of %s: companies that only the new ones select come when they change next", filters, own.Filters)
		l.add("topic", "%s", v.c.Topics.CareerSites)
		e = v.since(own.Watermark)
	default:
		l.add("then", "the next run buys what changed since %s", stamp(v.wish.Watermark))
		if !own.Watermark.IsZero() && v.wish.Watermark.After(own.Watermark) {
			l.add("warning", "what changed from %s until then is not bought, and is lost", stamp(own.Watermark))
		}
		e = v.since(v.wish.Watermark)
	}
	expected(l, v.c, e, price)
	return "write this state? The next run spends what is said above", nil
}

func (v *rewriting) since(watermark time.Time) estimate {
	return estimateIncremental(v.at, watermark.Add(-v.c.Overlap), v.facts.at, 0, v.records, v.c.Overlap)
}

// imported says what comes of an import.
func (v *rewriting) imported(l *lines) {
	var own schemas.Progress
	for _, r := range v.wish.Import {
		if r.Window == 0 {
			own = r
		}
	}
	l.add("then", "%s, exported as of %s", describeRun(own), stamp(own.CommittedAt))
	now := v.facts.kafka.Own
	if now.Seq > 0 && now.RunID > own.RunID || now.RunID == own.RunID && now.Pages > own.Pages {
		l.add("warning", "what is here is newer: what it has bought since is bought again")
	}
	if v.records == 0 && (bought(own) > 0 || !own.Watermark.IsZero()) {
		l.add("warning", "topic %s is empty: this moves the state of the stream and not its rows; copy those too", v.c.Topics.CareerSites)
	}
	next := planned{c: v.c, facts: v.facts, at: own, records: v.records}
	var e estimate
	switch {
	case own.Phase == schemas.Done && own.Watermark.IsZero():
		e = estimateBackfill(own, v.records)
	case own.Phase == schemas.Done:
		e = estimateIncremental(own, own.Watermark.Add(-v.c.Overlap), v.facts.at, 0, v.records, v.c.Overlap)
	default:
		next.facts.kafka.Own, next.facts.kafka.Found = own, true
		e = next.estimate()
	}
	expected(l, v.c, e, rowPrice(v.c.Budget, own))
}

// idTime is the instant in an id that sorts by time; zero for one of another form.
func idTime(id string) time.Time {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return parsed.Timestamp().UTC()
}
