package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// stateFormat is the first member of a file with a stream's state.
const stateFormat = "careerstream-state/1"

// stateFile is a stream's state on its way to another cluster.
type stateFile struct {
	Format     string    `json:"format"`
	ExportedAt time.Time `json:"exported_at"`
	Feed       string    `json:"feed"`
	// Records are progress records as they were committed: the stream's, and those
	// of its windows while it pages them. They hold cursors.
	Records []json.RawMessage `json:"records"`
}

// StateReport is what Kafka and Redis have as a stream's checkpoint. Cursors are
// replaced by digests: the file of StateExport has them.
type StateReport struct {
	Feed string `json:"feed"`
	// Kafka has the stream's record and those of its windows; empty where there is
	// none. KafkaError says why it could not be asked.
	Kafka      []schemas.Progress `json:"kafka"`
	KafkaError string             `json:"kafka_error,omitempty"`
	// Redis is its copy of the stream's record; nil where there is none.
	Redis      *schemas.Progress `json:"redis,omitempty"`
	RedisError string            `json:"redis_error,omitempty"`
	Agreement  string            `json:"agreement,omitempty"`
	// Proposed is a watermark for "state reset --watermark" where Kafka has no
	// checkpoint: that of the copy, or else the start of the run that published
	// the newest row. Zero means that nothing tells.
	Proposed time.Time `json:"proposed_watermark,omitzero"`
}

// StateShow prints the checkpoint as Kafka and Redis have it, as json or as a
// table. Where one of them is away it shows what the other one has, and returns
// why.
func StateShow(ctx context.Context, c Producer, format string, out io.Writer) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	f := d.look(ctx)
	r := StateReport{Feed: c.FeedName, Kafka: []schemas.Progress{}, Agreement: f.agreement()}
	for _, record := range f.records() {
		r.Kafka = append(r.Kafka, veiled(record))
	}
	if f.copied.Seq > 0 {
		copied := veiled(f.copied)
		r.Redis = &copied
	}
	proposed, missing := d.propose(ctx, f)
	r.Proposed = proposed
	if f.kafkaErr != nil {
		r.KafkaError = f.kafkaErr.Error()
	}
	if f.redisErr != nil {
		r.RedisError = f.redisErr.Error()
	}
	if format == "json" {
		err = writeJSON(out, r)
	} else {
		err = r.table(out)
	}
	return errors.Join(err, f.errs(), missing)
}

// records are those that Kafka has of the stream and of the run that it is in, the
// stream's first.
func (f facts) records() []schemas.Progress {
	if !f.kafka.Found {
		return nil
	}
	own := f.kafka.Own
	all := []schemas.Progress{own}
	for i := 1; i <= own.Windows; i++ {
		if w, ok := f.kafka.Windows[i]; ok && w.RunID == own.RunID {
			all = append(all, w)
		}
	}
	return all
}

// veiled is p without what can be bought with.
func veiled(p schemas.Progress) schemas.Progress {
	if p.Cursor != "" {
		p.Cursor = "digest " + feed.Cursor(p.Cursor).String()
	}
	return p
}

// propose returns a watermark for a stream that Kafka has no checkpoint of.
func (d *desk) propose(ctx context.Context, f facts) (time.Time, error) {
	if f.kafkaErr != nil || f.kafka.Found {
		return time.Time{}, nil
	}
	if !f.copied.Watermark.IsZero() {
		return f.copied.Watermark, nil
	}
	row, err := d.newest(ctx)
	return idTime(row.RunID), err
}

func (r StateReport) table(out io.Writer) error {
	var l lines
	l.add("feed", "%s", r.Feed)
	switch {
	case r.KafkaError != "":
		l.add("kafka", "not known: %s", r.KafkaError)
	case len(r.Kafka) == 0:
		l.add("kafka", "no checkpoint")
	}
	for _, p := range r.Kafka {
		what := "kafka"
		if p.Window > 0 {
			what = fmt.Sprintf("window %d", p.Window)
		}
		recordLines(&l, what, p)
	}
	switch {
	case r.Redis != nil:
		recordLines(&l, "redis", *r.Redis)
	case r.RedisError != "":
		l.add("redis", "not known: %s", r.RedisError)
	default:
		l.add("redis", "no copy")
	}
	if r.Agreement != "" {
		l.add("", "%s%s", r.Agreement, advice(r.Agreement))
	}
	if !r.Proposed.IsZero() {
		l.add("proposal", "producer state reset --watermark %s buys what changed since then", stamp(r.Proposed))
	}
	return l.print(out)
}

func recordLines(l *lines, what string, p schemas.Progress) {
	l.add(what, "%s", describeRun(p))
	l.add("", "fence %d, seq %d, op %s, committed %s", p.Fence, p.Seq, p.Op, stamp(p.CommittedAt))
	if p.Cursor != "" {
		l.add("", "cursor: %s of %s", p.Cursor, stamp(p.CursorIssuedAt))
	}
	if p.Window == 0 {
		l.add("", "filters %s, topic %s", p.Filters, p.Topic)
	}
}

// StateExport writes the state of the stream to out, for StateImport on another
// cluster. It holds cursors, which are worth money to whoever has the API key. To
// warn it says what the reader should know. It fails where Kafka has no
// checkpoint, and does without Redis.
func StateExport(ctx context.Context, c Producer, out, warn io.Writer) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	f := d.look(ctx)
	switch {
	case f.kafkaErr != nil:
		return f.kafkaErr
	case !f.kafka.Found:
		return fmt.Errorf("topic %s has no checkpoint of feed %q: there is nothing to export; check FEED_NAME and PROGRESS_TOPIC", c.Topics.Progress, c.FeedName)
	}
	file := stateFile{Format: stateFormat, ExportedAt: f.at, Feed: c.FeedName}
	for _, record := range f.records() {
		value, err := record.Encode()
		if err != nil {
			return err
		}
		file.Records = append(file.Records, value)
	}
	if f.holder.Held && f.kafka.Own.Phase == schemas.Paging {
		fmt.Fprintf(warn, "warning: %s is at work on this run: what it buys from now on is bought again by the importing side; stop it and export again\n", f.holder.Owner)
	}
	if err := writeJSON(out, file); err != nil {
		return fmt.Errorf("write the state of feed %q: %w", c.FeedName, err)
	}
	return nil
}

// maxStateFile bounds what is read of a file: records of 64 windows have less
// than a hundredth of it.
const maxStateFile = 16 << 20

// readState reads what StateExport wrote and checks that it is the state of feed.
func readState(in io.Reader, feedName string) ([]schemas.Progress, error) {
	const want = `expected the file that "producer state export" wrote`
	data, err := io.ReadAll(io.LimitReader(in, maxStateFile))
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	var file stateFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read the state: %w: %s", err, want)
	}
	if file.Format != stateFormat {
		return nil, fmt.Errorf("read the state: format is %q, this program reads %q: %s", file.Format, stateFormat, want)
	}
	if file.Feed != feedName {
		return nil, fmt.Errorf("the file has the state of feed %q, and FEED_NAME is %q: set FEED_NAME=%s to import it", file.Feed, feedName, file.Feed)
	}
	records := make([]schemas.Progress, len(file.Records))
	for i, raw := range file.Records {
		if records[i], err = schemas.DecodeProgress(raw); err != nil {
			return nil, fmt.Errorf("read the state: record %d: %w: %s", i+1, err, want)
		}
	}
	if !slices.ContainsFunc(records, func(p schemas.Progress) bool { return p.Window == 0 }) {
		return nil, fmt.Errorf("read the state: it has no record of the stream itself: %s", want)
	}
	return records, nil
}
