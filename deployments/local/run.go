package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// changes is how many rows change between two syncs, and appears how many are new.
const changes, appears = 20, 5

// chaosChanges is enough of them for a few pages, and so for a few faults.
const chaosChanges = 3 * simulator.MaxBatch

// run starts the stack and syncs: once, or every interval until ctx ends. With
// chaos once is twice: a voided cursor can only be had once in a run, and there
// are two ways to void one.
func run(ctx context.Context, o options, out, logs io.Writer) error {
	rows := o.Rows
	if rows == 0 {
		rows = -1 // none, where zero is the simulator's default
	}
	// Plain rows take one line each: somebody wants to read them.
	source := simulator.Options{Rows: rows, Seed: o.Seed, Latency: o.Latency, Plain: true}
	var c *chaos
	change, syncs := changes, 1
	if o.Chaos {
		c = newChaos(o.Seed, out)
		source.Trace = c.watch
		change, syncs = chaosChanges, 2
	}
	stack, err := devstack.Start(ctx, devstack.Options{KafkaPort: o.KafkaPort, RedisPort: o.RedisPort, FeedPort: o.FeedPort, Feed: source})
	if err != nil {
		return err
	}
	defer stack.Close()
	welcome(out, stack)
	config := configure(stack)
	log := config.Log.New(logs)
	due := stack.Feed.Len()
	for n := 1; ; n++ {
		if stopped, err := syncThrough(ctx, stack, c, due, config, log); stopped || err != nil {
			return err
		}
		if o.Once && n == syncs {
			return summarise(ctx, out, stack, config, c)
		}
		if !o.Once {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(o.Interval):
			}
		}
		due = len(stack.Feed.UpdateRandom(change)) + len(stack.Feed.Insert(appears))
	}
}

// syncThrough syncs, and again where chaos says so, until one sync is through or
// it was told to stop. About that many rows are due.
func syncThrough(ctx context.Context, stack *devstack.Stack, c *chaos, due int, config app.Producer, log *zap.Logger) (stopped bool, _ error) {
	if err := c.arm(stack.Feed, due); err != nil {
		return false, err
	}
	for tries := 1; ; tries++ {
		result, err := app.Sync(ctx, config, log)
		if result.Stopped || ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
			return true, nil
		}
		if !c.again(err, tries) {
			return false, err
		}
	}
}

// configure points the producer at the stack. The request limits are those of
// the paid plan, so that what one sees is what one gets, and the lease is short,
// so that a restart need not wait.
func configure(stack *devstack.Stack) app.Producer {
	return app.Producer{
		FeedName: "career-sites",
		Feed:     feed.Config{BaseURL: stack.Feed.URL(), Key: secret.New(simulator.DefaultAPIKey)},
		Limits:   ratelimit.Windows{{N: 120, Per: time.Minute}, {N: 5000, Per: time.Hour}, {N: 50_000, Per: 24 * time.Hour}},
		Overlap:  15 * time.Minute,
		Kafka:    kafka.Config{Brokers: stack.Brokers()},
		RedisURL: secret.New(stack.RedisURL()),
		LeaseTTL: 5 * time.Second,
		Topics: app.Topics{
			CareerSites: schemas.CareerSitesTopic, Progress: schemas.ProgressTopic, DeadLetters: schemas.DeadLettersTopic,
			Create: true, Partitions: 6, Replication: -1,
		},
	}
}

// welcome says where things are and how to look at them.
func welcome(out io.Writer, stack *devstack.Stack) {
	for _, moved := range stack.Moved {
		fmt.Fprintln(out, moved)
	}
	broker := strings.Join(stack.Brokers(), ",")
	host, port, _ := strings.Cut(stack.Redis.Addr(), ":")
	fmt.Fprintf(out, `
Career sites into Kafka, all in this process. Nothing is kept when it ends.

  Kafka  %s   Redis  %s   simulated feed  %s (%d sites)

Look at it from another terminal:
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed -f '%%k %%s\n'
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed
  redis-cli -h %s -p %s hgetall 'jobo:{career-sites}:checkpoint'
  curl -s %s/admin/ledger
  curl -s %s/api/career-sites/feed -H 'X-Api-Key: %s' -H 'Content-Type: application/json' -d '{"batch_size": 1}'

`, broker, stack.Redis.Addr(), stack.Feed.URL(), stack.Feed.Len(),
		broker, schemas.CareerSitesTopic, broker, schemas.ProgressTopic, host, port,
		stack.Feed.URL(), stack.Feed.URL(), simulator.DefaultAPIKey)
}
