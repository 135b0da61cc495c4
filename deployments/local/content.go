package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/kafka"
)

// content is what a reader of committed records finds in a compacted topic.
type content struct {
	next                [partitions]int64 // offsets to read on from
	records, duplicates int
	seen                map[string]bool
	newest              map[string]string // by key
}

func newContent() *content {
	return &content{seen: make(map[string]bool), newest: make(map[string]string)}
}

// read takes in what the topic has that was not read before. Who wants to see every
// record reads often: compaction takes away what a newer one supersedes.
func (c *content) read(ctx context.Context, cluster *kafka.Cluster, topic string) error {
	for p := range c.next {
		next, err := cluster.Tail(ctx, topic, int32(p), c.next[p], func(r *kgo.Record) error {
			c.take(r)
			return nil
		})
		c.next[p] = next
		if err != nil {
			return err
		}
	}
	return nil
}

// take counts a record. A duplicate is a value that was there before: rows and
// profiles say themselves of which version they are.
func (c *content) take(r *kgo.Record) {
	c.records++
	value := string(r.Value)
	if c.seen[value] {
		c.duplicates++
	}
	c.seen[value] = true
	c.newest[string(r.Key)] = value
}

// lacks counts what of want is missing or out of date.
func (c *content) lacks(want map[string]string) (n int) {
	for key, value := range want {
		if c.newest[key] != value {
			n++
		}
	}
	return n
}
