package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/careerstream/careerstream/schemas"
)

// completion knows from the progress topic up to when the table is complete.
//
// A progress record is committed in one transaction with rows, but the brokers make
// that visible partition by partition: it may be read before the rows are. So "done"
// counts once everything is read that was in the topics when it was seen.
type completion struct {
	waiting map[string]goal // by feed
	reached bool
}

// goal is a point in the feed's time, and what has to be read to be there.
type goal struct {
	watermark time.Time
	ends      kadm.ListedOffsets
}

// progress reads the value of a progress record; ends lists where the topics end now.
func (c *completion) progress(value []byte, topic string, ends func() (kadm.ListedOffsets, error)) error {
	if value == nil {
		return nil
	}
	p, err := schemas.DecodeProgress(value)
	if err != nil {
		return err
	}
	// A window is a part of a backfill, and says nothing about the whole.
	if p.Phase != schemas.Done || p.Window != 0 || cmp.Or(p.Topic, topic) != topic {
		return nil
	}
	listed, err := ends()
	if err = cmp.Or(err, listed.Error()); err != nil {
		return fmt.Errorf("ends of the topics: %w", err)
	}
	if c.waiting == nil {
		c.waiting = make(map[string]goal)
	}
	c.waiting[p.Feed] = goal{watermark: p.Watermark, ends: listed}
	return nil
}

// check says so where positions have come to what was waited for.
func (c *completion) check(positions map[string]map[int32]int64, companies int) {
	for feed, g := range c.waiting {
		behind := false
		g.ends.Each(func(o kadm.ListedOffset) {
			behind = behind || positions[o.Topic][o.Partition] < o.Offset
		})
		if !behind {
			fmt.Printf("complete up to %s: %d companies (feed %s)\n", g.watermark.Format(time.RFC3339Nano), companies, feed)
			delete(c.waiting, feed)
			c.reached = true
		}
	}
}

// done reports whether a feed is complete, and no other one is waited for.
func (c *completion) done() bool { return c.reached && len(c.waiting) == 0 }
