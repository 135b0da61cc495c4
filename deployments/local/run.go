package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
)

// changes is how many rows change between two syncs, and appears how many are new.
const changes, appears = 20, 5

// chaosChanges is enough of them for a few pages, and so for a few faults.
const chaosChanges = 3 * simulator.MaxBatch

// run starts the stack and syncs, with the enricher beside it: once, or every
// interval until ctx ends. With chaos once is twice: a voided cursor can only be
// had once in a run, and there are two ways to void one.
func run(ctx context.Context, o options, out, logs io.Writer) error {
	choice, err := selection.Parse(o.Select)
	if err != nil {
		return fmt.Errorf("--select can't be understood:\n%w", err)
	}
	rows := o.Rows
	if rows == 0 {
		rows = -1 // none, where zero is the simulator's default
	}
	// Plain rows take one line each: somebody wants to read them.
	source := simulator.Options{Rows: rows, Seed: o.Seed, Latency: o.Latency, Plain: true}
	var c *chaos
	if o.Chaos {
		c = newChaos(o.Seed, out)
		source.Trace = c.watch
	}
	stack, err := devstack.Start(ctx, devstack.Options{KafkaPort: o.KafkaPort, RedisPort: o.RedisPort, FeedPort: o.FeedPort, Feed: source})
	if err != nil {
		return err
	}
	defer stack.Close()
	welcome(out, stack, choice)
	if err := c.spoil(stack.Feed, choice); err != nil {
		return err
	}
	log := app.Log{}.New(logs)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	p := pipeline{stack: stack, config: configure(stack), chaos: c, out: out, log: log.Named("producer")}
	p.enricher = startEnricher(ctx, stack, configureEnricher(stack, choice, c), c, log.Named("enricher"), fail)
	err = p.run(ctx, o)
	return cmp.Or(p.enricher.end(), err)
}

// pipeline is what works on a stack.
type pipeline struct {
	stack    *devstack.Stack
	config   app.Producer
	enricher *enrichment
	chaos    *chaos // nil: none
	out      io.Writer
	log      *zap.Logger // the producer's
}

// run syncs, and ends without an error when ctx does.
func (p *pipeline) run(ctx context.Context, o options) error {
	change, syncs := changes, 1
	if p.chaos != nil {
		change, syncs = chaosChanges, 2
	}
	due := p.stack.Feed.Len()
	for n := 1; ; n++ {
		if stopped, err := syncThrough(ctx, p.stack, p.chaos, due, p.config, p.log); stopped || err != nil {
			return err
		}
		if err := p.enricher.follow(ctx, p.out, n == 1, o.Once); err != nil {
			return unlessStopped(ctx, err)
		}
		if o.Once && n == syncs {
			if err := p.enricher.end(); err != nil {
				return err
			}
			return p.summarise(ctx)
		}
		if !o.Once {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(o.Interval):
			}
		}
		due = len(p.stack.Feed.UpdateRandom(change)) + len(p.stack.Feed.Insert(appears))
	}
}

// unlessStopped is err, but none where it only says that ctx has ended.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// syncThrough syncs, and again where chaos says so, until one sync is through or
// it was told to stop. About that many rows are due.
func syncThrough(ctx context.Context, stack *devstack.Stack, c *chaos, due int, config app.Producer, log *zap.Logger) (stopped bool, _ error) {
	if err := c.arm(stack.Feed, due); err != nil {
		return false, err
	}
	for tries := 1; ; tries++ {
		result, err := app.Sync(ctx, config, log)
		if result.Stopped || err != nil && unlessStopped(ctx, err) == nil {
			return true, nil
		}
		if !c.again(err, tries) {
			return false, err
		}
	}
}
