package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Since calls each with the committed records of a topic whose timestamp is since
// or later (all, if since is zero), to where the topic ends now, partition by
// partition and in order within each, until it returns false. Of each partition it
// looks at the last most offsets at the most; zero means all of them. Timestamps
// have milliseconds; what since has below them does not count. What stands in an
// open transaction is waited for, which ctx must allow for.
func (c *Cluster) Since(ctx context.Context, topic string, since time.Time, most int64, each func(*kgo.Record) bool) error {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return err
	}
	since = since.Truncate(time.Millisecond)
	if since.UnixMilli() > 0 { // to brokers, what is below zero is no time
		if err := c.skip(ctx, spans, since); err != nil {
			return err
		}
	}
	more := true
	for i := 0; i < len(spans) && more; i++ {
		part := spans[i]
		if most > 0 {
			part.start = max(part.start, part.end-most)
		}
		err := c.read(ctx, part, func(r *kgo.Record) bool {
			// Timestamps are the writers' and need not grow with the offsets.
			if !r.Timestamp.Before(since) {
				more = each(r)
			}
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}
