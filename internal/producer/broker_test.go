package producer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

func keysOf[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// The names that all tests of the loop use.
const (
	feedName    = "career-sites"
	sitesTopic  = "sites"
	stateTopic  = "progress"
	deadTopic   = "dead-letters"
	patience    = 10 * time.Minute // of virtual time: nothing waits that long
	maxMessage  = 1 << 20
	sitesShards = 3
)

// broker is a Kafka on a network in memory, so that it works in a bubble of
// testing/synctest, and the stream under test on it.
type broker struct {
	t      testing.TB
	fake   *kfake.Cluster
	wire   *devstack.Wire
	dial   kgo.Opt
	stream *kafka.Stream
}

// startBroker makes the topics, too. Everything ends with the test.
func startBroker(t testing.TB) *broker {
	t.Helper()
	var network kfake.VirtualNetwork
	b := &broker{t: t, wire: devstack.NewWire(), dial: kgo.Dialer(network.DialContext)}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(b.wire.Listen(network.Listen)))
	if err != nil {
		t.Fatalf("start kfake: %v", err)
	}
	t.Cleanup(fake.Close)
	b.fake = fake
	for name, partitions := range map[string]int32{sitesTopic: sitesShards, stateTopic: 1, deadTopic: 1} {
		if err := fake.CreateTopic(name, partitions, nil); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
	}
	b.stream = b.open(feedName)
	return b
}

// open connects one more stream to the broker's topics.
func (b *broker) open(name string) *kafka.Stream {
	b.t.Helper()
	cluster, err := kafka.Open(b.t.Context(), kafka.Config{
		Brokers: []string{"localhost:9092"},
		// Compressors are pooled by the library across clients, and what one
		// bubble made must not be used in another.
		Options: []kgo.Opt{b.dial, kgo.ProducerBatchCompression(kgo.NoCompression())},
	})
	if err != nil {
		b.t.Fatalf("open the cluster: %v", err)
	}
	b.t.Cleanup(cluster.Close)
	topic := func(name string, partitions int32) kafka.Topic {
		return kafka.Topic{Spec: kafka.Spec{Name: name}, Partitions: partitions, MaxMessageBytes: maxMessage}
	}
	return &kafka.Stream{
		Cluster: cluster, Feed: name,
		Sites: topic(sitesTopic, sitesShards), Progress: topic(stateTopic, 1), DeadLetters: topic(deadTopic, 1),
	}
}

// client is somebody else's: a consumer, another program.
func (b *broker) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	base := []kgo.Opt{kgo.SeedBrokers("localhost:9092"), b.dial, kgo.MetadataMinAge(10 * time.Millisecond), kgo.DisableClientMetrics(), kgo.ProducerBatchCompression(kgo.NoCompression())}
	client, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		b.t.Fatalf("client: %v", err)
	}
	return client
}

// visible returns what a read_committed consumer sees of a topic, up to its end.
// It is not the reader of the package under test.
func (b *broker) visible(topic string) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeoutCause(b.t.Context(), patience, errors.New("a read_committed consumer does not get to the end of "+topic))
	defer cancel()
	admin := b.client()
	defer admin.Close()
	ends, err := kadm.NewClient(admin).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("end of %s: %w", topic, err)
	}
	left, from := map[int32]int64{}, map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition], from[o.Partition] = o.Offset, kgo.NewOffset().AtStart()
		}
	})
	// Markers are wanted too: they tell the end of a partition whose last records
	// were aborted.
	consumer := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	defer consumer.Close()
	var records []*kgo.Record
	for len(left) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, errors.Join(err, context.Cause(ctx)))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
		})
	}
	return records, nil
}

// chain returns the committed checkpoints of the feed, oldest first.
func (b *broker) chain(name string) ([]schemas.Progress, error) {
	records, err := b.visible(stateTopic)
	if err != nil {
		return nil, err
	}
	var chain []schemas.Progress
	for _, r := range records {
		if string(r.Key) != name {
			continue
		}
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil {
			return nil, fmt.Errorf("progress at offset %d: %w", r.Offset, err)
		}
		chain = append(chain, p)
	}
	return chain, nil
}

// header returns a record's header, empty where it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// journal is a stream as the loop wants to see it.
type journal struct{ *kafka.Stream }

var _ producer.Log = journal{}

// Fence implements producer.Log.
func (j journal) Fence(ctx context.Context) (producer.Session, error) {
	session, err := j.Stream.Fence(ctx)
	if err != nil {
		return nil, err
	}
	return session, nil
}

// Foreign implements producer.Log.
func (j journal) Foreign(ctx context.Context, known []string) (string, error) {
	streams := make(map[string]bool, len(known))
	for _, name := range known {
		streams[name] = true
	}
	record, err := j.Stream.Foreign(ctx, streams)
	if err != nil || record == nil {
		return "", err
	}
	return fmt.Sprintf("%s/%d at offset %d", record.Topic, record.Partition, record.Offset), nil
}

// Newest implements producer.Log.
func (j journal) Newest(ctx context.Context) (producer.Published, error) {
	record, err := j.Stream.Newest(ctx)
	if err != nil || record == nil {
		return producer.Published{}, err
	}
	return published(record), nil
}

// Recent implements producer.Log.
func (j journal) Recent(ctx context.Context, since time.Time, each func(producer.Published) bool) error {
	return j.Stream.Recent(ctx, since, func(r *kgo.Record) bool { return each(published(r)) })
}

func published(r *kgo.Record) producer.Published {
	page, _ := strconv.ParseInt(header(r, schemas.HeaderPage), 10, 64)
	updated, _ := time.Parse(time.RFC3339Nano, header(r, schemas.HeaderTime))
	return producer.Published{ID: string(r.Key), Value: r.Value, RunID: header(r, schemas.HeaderRunID), Page: page, UpdatedAt: updated}
}

// options are those that every loop in these tests begins with.
func options(s *kafka.Stream) producer.Options {
	return producer.Options{
		Feed: s.Feed, BatchSize: 3,
		Topics: producer.Topics{
			Sites: sitesTopic, DeadLetters: deadTopic, MaxRow: s.MaxRow(), MaxDeadLetter: s.MaxDeadLetter(),
			Source: "https://feed.example/api/career-sites/feed",
		},
	}
}
