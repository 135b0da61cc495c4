package kafka_test

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

func TestMain(m *testing.M) {
	// The tests wait for brokers more than they compute, so there may be more of
	// them than processors. A -parallel on the command line still decides.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds everything that a test waits for. No test passes or fails by
// how much of it was used.
const patience = 20 * time.Second

func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// bundle is a broker, the package under test connected to it, and a stream
// whose topics exist.
type bundle struct {
	t       testing.TB
	fake    *kfake.Cluster // nil where the broker is a real one
	brokers []string
	cluster *kafka.Cluster
	stream  *kafka.Stream
}

// setup prefers the real broker in KAFKA_BROKERS, on which each test has names
// of its own.
func setup(t testing.TB) *bundle {
	t.Helper()
	b := connect(t, kfake.NumBrokers(1))
	b.ensure()
	return b
}

// connect is setup without topics. The options are for kfake, which has three
// brokers without them.
func connect(t testing.TB, opts ...kfake.Opt) *bundle {
	t.Helper()
	if addresses := os.Getenv("KAFKA_BROKERS"); addresses != "" {
		return join(&bundle{t: t, brokers: strings.Split(addresses, ",")})
	}
	return connectFake(t, opts...)
}

// setupFake is for tests that need a broker which fails when told to.
func setupFake(t testing.TB, opts ...kfake.Opt) *bundle {
	t.Helper()
	b := connectFake(t, opts...)
	// Created behind Ensure's back: that is what it waits for a quarter of a
	// second for, and there are many of these tests.
	for _, spec := range []kafka.Spec{b.stream.Sites.Spec, b.stream.Progress.Spec, b.stream.DeadLetters.Spec} {
		policy := "delete"
		if spec.Compacted {
			policy = "compact"
		}
		if err := b.fake.CreateTopic(spec.Name, max(spec.Partitions, 1), map[string]string{"cleanup.policy": policy}); err != nil {
			t.Fatalf("create %s: %v", spec.Name, err)
		}
	}
	b.ensure()
	return b
}

func connectFake(t testing.TB, opts ...kfake.Opt) *bundle {
	t.Helper()
	fake := startFake(t, opts...)
	return join(&bundle{t: t, fake: fake, brokers: fake.ListenAddrs()})
}

func startFake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatalf("start kfake: %v", err)
	}
	t.Cleanup(fake.Close)
	return fake
}

func join(b *bundle) *bundle {
	b.t.Helper()
	b.cluster = open(b.t, kafka.Config{Brokers: b.brokers})
	name := unique()
	b.stream = &kafka.Stream{
		Cluster: b.cluster, Feed: name,
		Sites:       kafka.Topic{Spec: kafka.Spec{Name: name + ".sites", Partitions: 3, Compacted: true}},
		Progress:    kafka.Topic{Spec: kafka.Spec{Name: name + ".progress", Compacted: true, Single: true}},
		DeadLetters: kafka.Topic{Spec: kafka.Spec{Name: name + ".dead-letters"}},
	}
	return b
}

// unique is a name for a topic, a feed and with it a transactional id.
func unique() string { return "test-" + strings.ToLower(rand.Text()[:12]) }

func open(t testing.TB, config kafka.Config) *kafka.Cluster {
	t.Helper()
	cluster, err := kafka.Open(within(t, patience), config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// ensure creates the stream's topics.
func (b *bundle) ensure() {
	b.t.Helper()
	s := b.stream
	topics, err := b.cluster.Ensure(within(b.t, patience), true, s.Sites.Spec, s.Progress.Spec, s.DeadLetters.Spec)
	if err != nil {
		b.t.Fatalf("Ensure: %v", err)
	}
	s.Sites, s.Progress, s.DeadLetters = topics[s.Sites.Name], topics[s.Progress.Name], topics[s.DeadLetters.Name]
}

// sibling is another feed that shares the topics.
func (b *bundle) sibling(suffix string) *kafka.Stream {
	other := *b.stream
	other.Feed += suffix
	return &other
}

// fence begins an epoch that ends with the test at the latest.
func (b *bundle) fence(s *kafka.Stream) *kafka.Session {
	b.t.Helper()
	session, err := s.Fence(within(b.t, patience))
	if err != nil {
		b.t.Fatalf("Fence: %v", err)
	}
	b.t.Cleanup(session.Close)
	return session
}

// commit writes a page of three rows that must become visible.
func (b *bundle) commit(session *kafka.Session, feed string, seq uint64) {
	b.t.Helper()
	if err := session.Commit(within(b.t, patience), b.rows(feed, 3), pages(page(feed, seq)), allow); err != nil {
		b.t.Fatalf("Commit of page %d: %v", seq, err)
	}
}

// rows are n companies with keys that no other call uses.
func (b *bundle) rows(feed string, n int) []*kgo.Record {
	prefix := unique()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{
			Topic:   b.stream.Sites.Name,
			Key:     fmt.Appendf(nil, "%s-%d", prefix, i),
			Value:   fmt.Appendf(nil, `{"id":"%s-%d"}`, prefix, i),
			Headers: []kgo.RecordHeader{{Key: schemas.HeaderFeed, Value: []byte(feed)}},
		}
	}
	return records
}

// page is the progress after page seq.
func page(feed string, seq uint64) schemas.Progress {
	return schemas.Progress{
		V: schemas.ProgressVersion, Feed: feed, Fence: 1, Seq: seq, Op: fmt.Sprintf("op-%d", seq),
		RunID: "run-1", Mode: schemas.Backfill, Phase: schemas.Paging, Filters: []byte("{}"), Fingerprint: "none",
		RunStartedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Cursor: fmt.Sprintf("cursor-%d", seq), BatchSize: 50,
	}
}

// pages are the progress records of one transaction.
func pages(p ...schemas.Progress) []schemas.Progress { return p }

// allow is the gate of a writer whose lease is in order.
func allow() error { return nil }

// client is somebody else's client: a consumer, another producer, an operator.
func (b *bundle) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	base := []kgo.Opt{kgo.SeedBrokers(b.brokers...), kgo.MetadataMinAge(20 * time.Millisecond), kgo.DisableClientMetrics()}
	client, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		b.t.Fatalf("client: %v", err)
	}
	b.t.Cleanup(client.Close)
	return client
}

func (b *bundle) admin() *kadm.Client {
	b.t.Helper()
	return kadm.NewClient(b.client())
}

// produce writes records without a transaction, as a stranger would.
func (b *bundle) produce(records ...*kgo.Record) {
	b.t.Helper()
	if err := b.client(kgo.ProducerLinger(0)).ProduceSync(within(b.t, patience), records...).FirstErr(); err != nil {
		b.t.Fatalf("produce %d records: %v", len(records), err)
	}
}

// transaction writes records in a transaction of somebody else's, and commits or
// aborts it.
func (b *bundle) transaction(how kgo.TransactionEndTry, records ...*kgo.Record) {
	b.t.Helper()
	client := b.client(kgo.TransactionalID(unique()), kgo.ProducerLinger(0))
	b.open(client, records...)
	if err := client.EndTransaction(within(b.t, patience), how); err != nil {
		b.t.Fatalf("end a transaction: %v", err)
	}
}

// visible returns what a read_committed consumer sees of topic, which it reads
// to its end. It fails the test where an open transaction stands in the way.
func (b *bundle) visible(topic string) []*kgo.Record {
	b.t.Helper()
	ends, err := b.admin().ListEndOffsets(within(b.t, patience), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		b.t.Fatalf("end of %s: %v", topic, err)
	}
	left := map[int32]int64{}
	from := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition], from[o.Partition] = o.Offset, kgo.NewOffset().AtStart()
		}
	})
	if len(left) == 0 {
		return nil
	}
	// Markers are wanted too: they tell the end of a partition whose last records
	// were aborted.
	consumer := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	ctx := within(b.t, patience)
	var records []*kgo.Record
	for len(left) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			b.t.Fatalf("a read_committed consumer of %s does not get to its end (offsets left: %v): %v", topic, left, err)
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
	return records
}

// wantVisible checks how many rows and how many progress records readers see.
func (b *bundle) wantVisible(rows, progress int) {
	b.t.Helper()
	if got := len(b.visible(b.stream.Sites.Name)); got != rows {
		b.t.Errorf("visible rows: got %d, want %d", got, rows)
	}
	if got := len(b.visible(b.stream.Progress.Name)); got != progress {
		b.t.Errorf("visible progress records: got %d, want %d", got, progress)
	}
}

// wantProgress checks what a new epoch of s finds; seq 0 means nothing.
func (b *bundle) wantProgress(s *kafka.Stream, seq uint64) *kafka.Session {
	b.t.Helper()
	session := b.fence(s)
	own, found, _, err := session.Progress(within(b.t, patience))
	if err != nil {
		b.t.Fatalf("Progress of %s: %v", s.Feed, err)
	}
	if found != (seq != 0) || own.Seq != seq {
		b.t.Fatalf("Progress of %s: got page %d, found %t; want page %d", s.Feed, own.Seq, found, seq)
	}
	return session
}

// wantIn checks that an error's text has every one of parts.
func wantIn(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %q, want %q in it", err, part)
		}
	}
}

// listen is a server that hands each connection to serve and closes it after.
func listen(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// alteration is one setting in kadm's terms.
func alteration(name, value string) []kadm.AlterConfig {
	return []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}
}

// eventually asks until is says yes: for what a real broker answers a moment
// before it is so.
func (b *bundle) eventually(what string, is func() bool) {
	b.t.Helper()
	ctx := within(b.t, patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("%s: not so after %s", what, patience)
		}
	}
}

// lossy starts a broker behind a wire.
func lossy(t testing.TB) (*bundle, *devstack.Wire) {
	t.Helper()
	wire := devstack.NewWire()
	listen := func(network, address string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(t.Context(), network, address)
	}
	return setupFake(t, kfake.NumBrokers(1), kfake.ListenFn(wire.Listen(listen))), wire
}
