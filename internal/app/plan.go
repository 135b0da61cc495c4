package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// Plan prints what the next run would do and why, what it is expected to cost,
// and whether the budgets and the wallet cover that. It buys nothing, changes
// nothing and creates no topic. That the next run would refuse is an answer too
// and no error; that Kafka or Redis is away is one, as it is for a run.
func Plan(ctx context.Context, c Producer, out io.Writer) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	f := d.look(ctx)
	if err := f.errs(); err != nil {
		return err
	}
	at, _, err := d.rehearse(ctx, f)
	var refused *producer.RefusedError
	if errors.As(err, &refused) {
		_, err := fmt.Fprintf(out, "the next run buys nothing, it ends with exit code %d: %v\n", ExitRefused, refused)
		return err
	}
	if err != nil {
		return err
	}
	records, err := d.size(ctx)
	if err != nil {
		return err
	}
	if at.Balance != nil {
		at.CommittedAt = f.kafka.Own.CommittedAt // when that was known
	}
	p := &planned{c: c, facts: f, at: at, records: records}
	var l lines
	p.lines(&l, d.missing)
	if err := l.print(out); err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	return nil
}

// planned is a run that was not begun.
type planned struct {
	c       Producer
	facts   facts
	at      schemas.Progress // what it goes on from
	records int64            // on the career-sites topic, at the most
}

// resumes reports whether the run was begun before.
func (p *planned) resumes() bool { return p.facts.kafka.Found && p.at.RunID == p.facts.kafka.Own.RunID }

// again reports whether the run's scan begins again, so that what it has bought
// is bought once more.
func (p *planned) again() bool { return p.resumes() && p.at.Restarts > p.facts.kafka.Own.Restarts }

// estimate is how many rows the run buys from now on.
func (p *planned) estimate() estimate {
	switch {
	case p.at.Mode == schemas.Incremental && p.again():
		return estimateIncremental(p.at, p.at.UpdatedAfter, p.facts.at, 0, p.records, p.c.Overlap)
	case p.at.Mode == schemas.Incremental && p.resumes():
		return estimateIncremental(p.at, p.at.UpdatedAfter, p.at.RunStartedAt, bought(p.at), p.records, p.c.Overlap)
	case p.at.Mode == schemas.Incremental:
		return estimateIncremental(p.at, p.at.UpdatedAfter, p.facts.at, 0, p.records, p.c.Overlap)
	case p.resumes():
		return estimateRest(p.at, p.records)
	}
	return estimateBackfill(p.at, p.records)
}
