package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// span is a stretch of one partition, from its first offset to the one before end.
type span struct {
	topic      string
	id         kadm.TopicID
	partition  int32
	start, end int64
	// bytes is how much to fetch at a time; zero means 8 MiB.
	bytes int32
}

// spans returns, for each partition of topic, all that it holds now. The end is
// the high watermark and not the last stable offset: a record that was
// committed may stand behind another stream's open transaction.
func (c *Cluster) spans(ctx context.Context, topic string) ([]span, error) {
	for {
		details, err := c.admin.ListTopics(ctx, topic)
		if err == nil {
			err = details.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, classify(err))
		}
		all, err := c.offsets(ctx, details[topic])
		if err == nil {
			return all, nil
		}
		if !passes(err) {
			return nil, fmt.Errorf("offsets of topic %s: %w", topic, classify(err))
		}
		if ended := pause(ctx); ended != nil {
			return nil, fmt.Errorf("offsets of topic %s: %w (last answer: %w)", topic, ended, err)
		}
	}
}

// offsets asks the leaders of a topic's partitions once for where they start and
// end.
func (c *Cluster) offsets(ctx context.Context, topic kadm.TopicDetail) ([]span, error) {
	starts, err := c.admin.ListStartOffsets(ctx, topic.Topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	ends, err := c.admin.ListEndOffsets(ctx, topic.Topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	var all []span
	for _, p := range topic.Partitions.Sorted() {
		start, _ := starts.Lookup(topic.Topic, p.Partition)
		end, _ := ends.Lookup(topic.Topic, p.Partition)
		all = append(all, span{topic: topic.Topic, id: topic.ID, partition: p.Partition, start: start.Offset, end: end.Offset})
	}
	return all, nil
}

// skip moves the starts of spans, which are those of one topic, to where the
// first record with a timestamp of since or later stands.
//
// That there is none is believed of a partition only if its newest timestamp
// says so too: Kafka looks into the first segment that promises such a record
// and no further. Where the cleaner took away what was aborted there, an empty
// batch still has its timestamp, and the answer is none whatever comes after.
func (c *Cluster) skip(ctx context.Context, spans []span, since time.Time) error {
	if len(spans) == 0 {
		return nil
	}
	topic := spans[0].topic
	firsts, err := c.ask(ctx, topic, func() (kadm.ListedOffsets, error) {
		return c.admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic)
	})
	if err != nil {
		return err
	}
	newest, err := c.ask(ctx, topic, func() (kadm.ListedOffsets, error) {
		return c.admin.ListMaxTimestampOffsets(ctx, topic)
	})
	if err != nil && !errors.Is(err, kerr.UnsupportedVersion) { // below Kafka 3.0 nobody knows
		return err
	}
	for i, part := range spans {
		first, found := firsts.Lookup(topic, part.partition)
		none := !found || first.Timestamp < 0
		last, known := newest.Lookup(topic, part.partition)
		if none && (!known || last.Timestamp >= since.UnixMilli()) {
			continue
		}
		spans[i].start = max(part.start, first.Offset)
	}
	return nil
}

// ask lists offsets of a topic, and tries again what may pass until ctx ends.
func (c *Cluster) ask(ctx context.Context, topic string, list func() (kadm.ListedOffsets, error)) (kadm.ListedOffsets, error) {
	for {
		offsets, err := list()
		if err == nil {
			err = offsets.Error()
		}
		if err == nil {
			return offsets, nil
		}
		if !passes(err) {
			return nil, fmt.Errorf("offsets of topic %s: %w", topic, classify(err))
		}
		if ended := pause(ctx); ended != nil {
			return nil, fmt.Errorf("offsets of topic %s: %w (last answer: %w)", topic, ended, err)
		}
	}
}

// read calls each with every committed record of s, in order, until it returns
// false. It returns nil only when it came to the end of s or each had enough.
//
// It fetches by hand rather than with a consumer, because it must know that it
// came to the end: the tail of a compacted partition may hold nothing but
// markers, aborted records or gaps, and only the offset that follows the last
// batch tells that apart from a broker that has not answered yet. Where a
// transaction is open it waits for its end, which ctx must allow for.
func (c *Cluster) read(ctx context.Context, s span, each func(*kgo.Record) bool) error {
	for at := s.start; at < s.end; {
		records, next, err := c.fetch(ctx, s, at)
		if err != nil {
			return fmt.Errorf("read %s/%d at offset %d: %w", s.topic, s.partition, at, err)
		}
		for _, r := range records {
			if r.Offset < s.end && !each(r) {
				return nil
			}
		}
		at = next
	}
	return nil
}

// fetch asks the leader for committed records from at on and returns them with
// the offset to go on from, which is at itself where there is nothing yet. What
// may pass is tried again until ctx ends.
func (c *Cluster) fetch(ctx context.Context, s span, at int64) ([]*kgo.Record, int64, error) {
	for {
		records, next, err := c.fetchOnce(ctx, s, at)
		if err == nil {
			return records, next, nil
		}
		if !passes(err) {
			return nil, at, classify(err)
		}
		if ended := pause(ctx); ended != nil {
			return nil, at, fmt.Errorf("%w (last answer: %w)", ended, err)
		}
	}
}

// passes reports whether err may be gone at the next try: the leader moved, or
// the connection to it broke. The connection is shared, and a reader whose
// context ends takes it from all the others.
func passes(err error) bool {
	var network *net.OpError
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.As(err, &network)
}

// pause waits as long as the client keeps what it knows of the cluster: asking
// sooner gets the same answer. It returns why ctx ended, if it did.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(metadataAge):
		return nil
	}
}

func (c *Cluster) fetchOnce(ctx context.Context, s span, at int64) ([]*kgo.Record, int64, error) {
	metadata, err := c.admin.Metadata(ctx, s.topic)
	if err != nil {
		return nil, at, err
	}
	partition := metadata.Topics[s.topic].Partitions[s.partition]
	if partition.Err != nil {
		return nil, at, partition.Err
	}
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis = 500
	request.MinBytes = 1
	request.MaxBytes = 32 << 20
	request.IsolationLevel = 1 // read_committed
	request.SessionEpoch = -1  // no fetch session: each request stands alone
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = s.topic, s.id
	want := kmsg.NewFetchRequestTopicPartition()
	want.Partition, want.FetchOffset, want.PartitionMaxBytes = s.partition, at, cmp.Or(s.bytes, 8<<20)
	topic.Partitions = append(topic.Partitions, want)
	request.Topics = append(request.Topics, topic)

	response, err := request.RequestWith(ctx, c.client.Broker(int(partition.Leader)))
	if err != nil {
		return nil, at, err
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, at, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, at, fmt.Errorf("the broker answered for %d topics where one was asked for", len(response.Topics))
	}
	options := kgo.ProcessFetchPartitionOpts{Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: s.topic, Partition: s.partition}
	fetched, next := kgo.ProcessFetchPartition(options, &response.Topics[0].Partitions[0], c.unpack, nil)
	return fetched.Records, next, fetched.Err
}

// ReadCommitted calls each with the key and value of every committed record that
// topic holds now, in order within each partition.
func (c *Cluster) ReadCommitted(ctx context.Context, topic string, each func(key, value []byte)) error {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return err
	}
	for _, s := range spans {
		err := c.read(ctx, s, func(r *kgo.Record) bool {
			each(r.Key, r.Value)
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Visible waits until all that the stream's topics hold now can be read by
// read_committed readers: a broker answers a commit first and writes the markers
// that end the transaction a moment later. It fails when ctx ends before that,
// which another stream's open transaction may bring about.
func (s *Stream) Visible(ctx context.Context) error {
	for _, topic := range []string{s.Sites.Name, s.Progress.Name, s.DeadLetters.Name} {
		spans, err := s.Cluster.spans(ctx, topic)
		if err != nil {
			return err
		}
		for hidden := true; hidden; {
			stable, err := s.Cluster.admin.ListCommittedOffsets(ctx, topic)
			if err != nil {
				return fmt.Errorf("stable offsets of topic %s: %w", topic, classify(err))
			}
			hidden = slices.ContainsFunc(spans, func(part span) bool {
				at, ok := stable.Lookup(topic, part.partition)
				return !ok || at.Err != nil || at.Offset < part.end
			})
			if hidden {
				if err := pause(ctx); err != nil {
					return fmt.Errorf("topic %s has records in open transactions: %w", topic, err)
				}
			}
		}
	}
	return nil
}
