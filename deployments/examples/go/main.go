// Command careersites keeps a local SQLite table of the newest version of each
// company.
//
// It reads the career-sites topic and writes one row for each company id. What has
// been read is remembered in the table's own database, so a kill at any moment
// neither loses nor repeats a record. The progress topic says up to when the table
// is complete.
//
// Settings are in the environment, see README.md. --until-complete exits with 0 as
// soon as the table is complete, for cron jobs and tests.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// settings are what the environment says.
type settings struct {
	brokers               []string
	careerSites, progress string // topics
	table                 string // file
	group                 string
	batch                 int // records in one transaction
	untilComplete         bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once, which is no harm either
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "careersites:", err)
		os.Exit(1)
	}
}

func load() (settings, error) {
	s := settings{
		brokers:     strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ","),
		careerSites: cmp.Or(os.Getenv("CAREER_SITES_TOPIC"), schemas.CareerSitesTopic),
		progress:    cmp.Or(os.Getenv("PROGRESS_TOPIC"), schemas.ProgressTopic),
		table:       cmp.Or(os.Getenv("TABLE"), "companies.db"),
		group:       cmp.Or(os.Getenv("GROUP_ID"), "example-go"),
	}
	var err error
	if s.batch, err = strconv.Atoi(cmp.Or(os.Getenv("BATCH_SIZE"), "500")); err != nil || s.batch < 1 {
		return s, fmt.Errorf("BATCH_SIZE=%q: want a number from 1", os.Getenv("BATCH_SIZE"))
	}
	flag.BoolVar(&s.untilComplete, "until-complete", false, "exit as soon as the table is complete")
	flag.Parse()
	return s, nil
}

func run(ctx context.Context) error {
	s, err := load()
	if err != nil {
		return err
	}
	table, err := open(s.table)
	if err != nil {
		return err
	}
	defer table.close()
	read, err := table.positions(ctx, s.careerSites)
	if err != nil {
		return err
	}
	count, err := table.count(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d companies, read up to %v\n", s.table, count, read)

	c, err := connect(ctx, s, read)
	if err != nil {
		return err
	}
	defer c.client.Close()
	return c.follow(ctx, table)
}

// consumer is the table's reader. One goroutine uses it.
type consumer struct {
	settings
	client    *kgo.Client
	admin     *kadm.Client
	positions map[string]map[int32]int64 // the next offset, by topic and partition
	complete  completion
	values    *values
}

// connect starts to read the career sites where the table ends, and the progress
// topic, which is small, from its beginning.
func connect(ctx context.Context, s settings, read map[int32]int64) (*consumer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.brokers...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // rows of aborted pages stay out
		// The markers that end transactions: without them nobody could tell that the
		// end of a partition is reached.
		kgo.KeepControlRecords(),
		// An offset that the topic does not have means that it is another topic.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return nil, err
	}
	values, err := newValues()
	if err != nil {
		client.Close()
		return nil, err
	}
	c := &consumer{settings: s, client: client, admin: kadm.NewClient(client), values: values}
	starts, err := c.admin.ListStartOffsets(ctx, s.careerSites, s.progress)
	if err = cmp.Or(err, starts.Error()); err != nil {
		client.Close()
		return nil, fmt.Errorf("topics %s and %s: %w", s.careerSites, s.progress, err)
	}
	// Assigned, not a group's: this table holds all partitions, whoever else reads.
	assigned := make(map[string]map[int32]kgo.Offset)
	c.positions = make(map[string]map[int32]int64)
	starts.Each(func(o kadm.ListedOffset) {
		at := o.Offset
		if next, ok := read[o.Partition]; ok && o.Topic == s.careerSites {
			at = next
		}
		if assigned[o.Topic] == nil {
			assigned[o.Topic], c.positions[o.Topic] = make(map[int32]kgo.Offset), make(map[int32]int64)
		}
		assigned[o.Topic][o.Partition] = kgo.NewOffset().At(at)
		c.positions[o.Topic][o.Partition] = at
	})
	client.AddConsumePartitions(assigned)
	return c, nil
}

// follow moves what comes into the table until ctx ends, or until it is complete
// where that was asked for.
func (c *consumer) follow(ctx context.Context, table *table) error {
	for !c.untilComplete || !c.complete.done() {
		fetches := c.client.PollRecords(ctx, c.batch)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
		if err := c.take(ctx, table, fetches.Records()); err != nil {
			return err
		}
		count, err := table.count(ctx)
		if err != nil {
			return err
		}
		c.complete.check(c.positions, count)
	}
	return nil
}

// take applies records and where they end in one transaction.
func (c *consumer) take(ctx context.Context, table *table, records []*kgo.Record) error {
	moved := make(map[int32]int64)
	err := table.transaction(ctx, func(tx *transaction) error {
		for _, r := range records {
			if r.Topic == c.careerSites {
				moved[r.Partition] = r.Offset + 1
			}
			if r.Attrs.IsControl() {
				continue
			}
			if err := c.record(ctx, tx, r); err != nil {
				return fmt.Errorf("key %q at %s/%d offset %d: %w", r.Key, r.Topic, r.Partition, r.Offset, err)
			}
		}
		return tx.move(ctx, c.careerSites, moved)
	})
	if err != nil {
		return err
	}
	for _, r := range records {
		c.positions[r.Topic][r.Partition] = r.Offset + 1
	}
	c.reportLag(ctx, moved)
	return nil
}

func (c *consumer) record(ctx context.Context, tx *transaction, r *kgo.Record) error {
	if r.Topic == c.progress {
		return c.complete.progress(r.Value, c.careerSites, func() (kadm.ListedOffsets, error) {
			// The high watermarks, which this call lists. Not the last stable offsets: rows
			// that belong to a progress record may stand behind those for a moment longer.
			return c.admin.ListEndOffsets(ctx, c.careerSites, c.progress)
		})
	}
	switch kind := header(r, schemas.HeaderType); {
	case kind != "" && kind != schemas.TypeCareerSite:
		return nil // later versions of the contract may add types: not ours
	case r.Value == nil:
		return tx.delete(ctx, string(r.Key), r.Offset) // a tombstone
	}
	text, site, err := c.values.decode(ctx, r)
	if err != nil {
		return err
	}
	return tx.upsert(ctx, r, text, site)
}

// reportLag commits to Kafka what the table has, for those who watch the group's lag.
// Nothing is ever resumed from it, so a commit that fails is no harm.
func (c *consumer) reportLag(ctx context.Context, moved map[int32]int64) {
	var offsets kadm.Offsets
	for partition, next := range moved {
		offsets.Add(kadm.Offset{Topic: c.careerSites, Partition: partition, At: next, LeaderEpoch: -1})
	}
	if len(moved) == 0 {
		return
	}
	if err := c.admin.CommitAllOffsets(ctx, c.group, offsets); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "careersites: commit for monitoring:", err)
	}
}

// header returns the value of a record's header, empty where it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
