package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

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
	// checkpoint, and Because what it was taken from: the copy, or else the newest
	// row. Zero means that nothing tells.
	Proposed time.Time `json:"proposed_watermark,omitzero"`
	Because  string    `json:"proposed_because,omitempty"`
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
	var unread error
	if f.kafkaErr == nil {
		r.Proposed, r.Because, unread = d.propose(ctx, f)
	}
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
	return errors.Join(err, f.errs(), unread)
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

// propose returns a watermark for a stream that Kafka has no checkpoint of, and
// what it was taken from.
func (d *desk) propose(ctx context.Context, f facts) (at time.Time, because string, err error) {
	switch {
	case f.kafka.Found:
		return time.Time{}, "", nil
	case !f.copied.Watermark.IsZero():
		return f.copied.Watermark, "Redis has it", nil
	}
	row, err := d.newest(ctx)
	if at = idTime(row.RunID); at.IsZero() {
		return at, "", err
	}
	// A run that was cut off has not published all that changed before it began.
	return at, "run " + row.RunID + ", which published the newest row, was begun then: right if it reached its end", nil
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
		l.add("proposal", "producer state reset --watermark %s", stamp(r.Proposed))
		l.add("", "%s", r.Because)
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
