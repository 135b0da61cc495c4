//go:build unix

package main_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// records returns every committed record of a topic, in order within each
// partition, as a consumer gets them that shares no code with the program.
func (b *bed) records(topic string) []*kgo.Record {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	// Not the last stable offset: a broker answers a commit before it has written
	// the markers that make the transaction visible.
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		b.t.Fatalf("end of topic %s: %v", topic, err)
	}
	from, left := make(map[int32]kgo.Offset), make(map[int32]int64)
	for partition, end := range ends[topic] {
		if end.Offset > 0 {
			from[partition], left[partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(b.brokers, ",")...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last offset of a partition is a marker
		kgo.FetchMaxWait(100*time.Millisecond),
	)
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	var out []*kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.t.Fatalf("read topic %s, %d partitions left: %v", topic, len(left), err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
		})
	}
	return out
}

// checkpoints returns every record of this stream's progress and of its windows',
// in the order in which they were committed.
func (b *bed) checkpoints() []schemas.Progress {
	b.t.Helper()
	var out []schemas.Progress
	for _, r := range b.records(b.progress()) {
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil {
			b.t.Fatalf("progress at offset %d: %v", r.Offset, err)
		}
		key := b.name
		if p.Window > 0 {
			key += fmt.Sprintf("/window-%d", p.Window)
		}
		if string(r.Key) != key || p.Feed != b.name {
			b.t.Errorf("progress at offset %d is of feed %q under key %q, want %q", r.Offset, p.Feed, r.Key, key)
		}
		out = append(out, p)
	}
	return out
}

// chain returns every checkpoint of this stream, oldest first.
func (b *bed) chain() []schemas.Progress {
	b.t.Helper()
	return slices.DeleteFunc(b.checkpoints(), func(p schemas.Progress) bool { return p.Window > 0 })
}

// newest returns the last checkpoint.
func (b *bed) newest() schemas.Progress {
	b.t.Helper()
	chain := b.chain()
	if len(chain) == 0 {
		b.t.Fatal("the progress topic is empty")
	}
	return chain[len(chain)-1]
}

// header returns the value of a header, "" where there is none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
