//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// publish puts records on a topic, as some program would that is not this one.
func (b *bed) publish(records ...*kgo.Record) {
	b.t.Helper()
	if err := b.kafka.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// show publishes the newest version of companies to the career-sites topic.
func (b *bed) show(ids ...string) {
	b.t.Helper()
	var records []*kgo.Record
	for _, id := range ids {
		row, ok := b.api.Row(id)
		if !ok {
			b.t.Fatalf("company %s does not exist", id)
		}
		records = append(records, &kgo.Record{Topic: b.sites(), Key: []byte(id), Value: row.Bytes})
		if selected(id) {
			b.events++
		}
	}
	b.publish(records...)
}

// change gives companies a new version and publishes it.
func (b *bed) change(ids ...string) {
	b.t.Helper()
	if err := b.api.Update(ids...); err != nil {
		b.t.Fatal(err)
	}
	b.show(ids...)
}

// ask publishes a request.
func (b *bed) ask(r schemas.CompanyRequest) {
	b.t.Helper()
	value, err := json.Marshal(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.publish(&kgo.Record{Topic: b.requests(), Key: []byte(r.ID), Value: value})
}

// ids returns those of all companies, in order, and which of them are selected.
func (b *bed) ids() (all, chosen []string) {
	for id := range b.api.Truth() {
		all = append(all, id)
		if selected(id) {
			chosen = append(chosen, id)
		}
	}
	slices.Sort(all)
	slices.Sort(chosen)
	return all, chosen
}

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

// header returns the value of a header, "" where there is none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// caughtUp waits until a group has done all that stands on the topics that it
// reads.
func (b *bed) caughtUp(group string, replicas ...*process) {
	b.t.Helper()
	b.until("all to be done", func() bool { return b.rest(group) == 0 }, replicas...)
}

// rest is how many offsets a group has not done; -1 where the brokers did not say.
func (b *bed) rest(group string) (n int64) {
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	ends, err := b.admin.ListEndOffsets(ctx, b.reads()...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return -1
	}
	done, err := b.admin.FetchOffsets(ctx, group)
	if err != nil {
		return -1
	}
	ends.Each(func(end kadm.ListedOffset) {
		at := int64(0)
		if o, ok := done.Lookup(end.Topic, end.Partition); ok {
			at = max(o.At, 0)
		}
		// What the program itself writes ends with a transaction's marker, which no
		// consumer gets to see.
		if behind := end.Offset - at; behind > 1 || behind == 1 && (end.Topic == b.sites() || end.Topic == b.requests()) {
			n += behind
		}
	})
	return n
}

// rewind lets a group that has no members begin again at the start.
func (b *bed) rewind(group string) {
	b.t.Helper()
	offsets := make(kadm.Offsets)
	for _, topic := range b.reads() {
		for partition := range int32(6) {
			offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: 0, LeaderEpoch: -1})
		}
	}
	if err := b.admin.CommitAllOffsets(b.t.Context(), group, offsets); err != nil {
		b.t.Fatalf("rewind group %s: %v", group, err)
	}
}

// members is how many members the group has, -1 while it is dealt anew.
func (b *bed) members() int {
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	groups, err := b.admin.DescribeGroups(ctx, b.name)
	if err != nil || groups[b.name].State != "Stable" {
		return -1
	}
	return len(groups[b.name].Members)
}
