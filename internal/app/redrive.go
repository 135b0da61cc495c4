package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/careerstream/careerstream/schemas"
)

// Redrive puts the enricher's dead letters back as requests, and prints how many
// for which reason. The dead letters stay where they are.
//
// Each company is asked for once, for the newest of its dead letters that wish
// names; those that have waited longest come first. One that was fetched since is
// left out, so that to redrive twice does nothing twice. The profile is asked for
// where the dead letter says, or, where that URL is not allowed, at the API's own
// address.
func Redrive(ctx context.Context, c Enricher, wish RedriveWish, out io.Writer) error {
	d, err := openEnrichDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	if err := errors.Join(d.kafkaErr, d.redisErr); err != nil {
		return err
	}
	r, err := newRedriving(d, wish)
	if err != nil {
		return err
	}
	defer r.client.Close()
	if err := r.read(ctx); err != nil {
		return err
	}
	chosen, err := r.choose(ctx)
	if err != nil {
		return err
	}
	if !wish.DryRun && len(chosen) > 0 {
		if err := r.publish(ctx, chosen); err != nil {
			return err
		}
	}
	var l lines
	r.lines(&l, chosen)
	if err := l.print(out); err != nil {
		return fmt.Errorf("print what was redriven: %w", err)
	}
	return nil
}

// publish asks for the companies, whatever is known of them.
func (r *redriving) publish(ctx context.Context, chosen []deadCompany) error {
	p, err := newPublisher(ctx, r.desk.c, r.desk.cluster)
	if err != nil {
		return err
	}
	for _, dead := range chosen {
		err = p.add(ctx, schemas.CompanyRequest{ID: dead.id, DetailsURL: dead.details, Reason: "redrive: " + string(dead.reason), Force: true})
		if err != nil {
			break
		}
	}
	if err == nil {
		err = p.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w (%d of %d requests were published before)", err, p.published, len(chosen))
	}
	return nil
}

// lines are what was done, or would be, for people.
func (r *redriving) lines(l *lines, chosen []deadCompany) {
	reasons := make(map[schemas.DeadLetterReason]int)
	for _, dead := range chosen {
		reasons[dead.reason]++
	}
	what := "redriven"
	if r.wish.DryRun {
		what = "to redrive"
	}
	l.add(what, "%d companies", len(chosen))
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		l.add("", "%s: %d", reason, reasons[reason])
	}
	if r.since > 0 {
		l.add("left out", "%d that were fetched since", r.since)
	}
	if r.nameless > 0 {
		l.add("left out", "%d dead letters that do not say which company was meant", r.nameless)
	}
	if r.later > 0 {
		l.add("left out", "%d beyond --limit: the next call begins with them, once these are fetched", r.later)
	}
	if r.wish.DryRun {
		l.add("", "nothing was changed")
	}
}
