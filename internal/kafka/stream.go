package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// TransactionTimeout is how long the cluster keeps a transaction open whose
// writer fell silent. Readers stand still behind it that long at the most: a
// successor's Fence ends it at once.
const TransactionTimeout = time.Minute

// Stream names what one feed writes: its topics and its transactional id.
type Stream struct {
	Cluster *Cluster
	// Feed is the stream's name, the key of its progress.
	Feed string
	// Sites, Progress and DeadLetters are the topics as Ensure found them.
	Sites, Progress, DeadLetters Topic
}

// TransactionalID is the same for every instance that serves the feed: that is
// what makes a new one fence an old one.
func (s *Stream) TransactionalID() string { return "feed-producer." + s.Feed }

// Fence begins a new epoch. When it returns, no transaction that an older
// instance had open can become visible any more, and what older instances send
// from now on is refused. It knows nothing of leases, the last caller wins: so
// ask who holds the lease before and after it.
func (s *Stream) Fence(ctx context.Context) (*Session, error) {
	limits := map[string]int{s.Sites.Name: s.Sites.MaxMessageBytes, s.Progress.Name: s.Progress.MaxMessageBytes, s.DeadLetters.Name: s.DeadLetters.MaxMessageBytes}
	opts := append([]kgo.Opt{
		kgo.TransactionalID(s.TransactionalID()),
		kgo.TransactionTimeout(TransactionTimeout),
		// A page is complete when it is handed over: waiting for more to fill a
		// batch with would only keep the transaction open.
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(codecs()...),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return batchBytes(limits[topic]) }),
		// Retries and delivery time stay unlimited: giving up on a record that
		// may have been written would make the outcome unknown for nothing. The
		// wait is bounded by Commit's context instead.
	}, s.Cluster.opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka client for feed %q: %w", s.Feed, err)
	}
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("fence transactional id %s: %w", s.TransactionalID(), classify(err))
	}
	return &Session{stream: s, client: client}, nil
}

// codecs are what batches are compressed with, the first that the cluster takes.
//
// Compression is most of what publishing costs. Rows of 930 bytes with their
// headers on Kafka 4.3, 800 to a transaction, in CPU seconds of this process per
// million rows and bytes a row on disk: none 3.6 s and 1362 bytes, snappy 5.5 and
// 411, lz4 8.0 and 407, zstd at level 1 9.8 and 283, zstd as the library has it
// 12.2 and 278. Snappy saves half of the time for 130 MB more a million rows.
func codecs() []kgo.CompressionCodec {
	return []kgo.CompressionCodec{kgo.SnappyCompression(), kgo.NoCompression()}
}

// batchBytes is how large a batch may get for a topic that takes limit bytes.
// The library's own default is a little below Kafka's and good for either.
func batchBytes(limit int) int32 {
	const libraryDefault = 1000012
	if limit <= 0 {
		return libraryDefault
	}
	return int32(min(limit, 100<<20))
}

// headroom is what a batch and a record's headers add to a row, generously.
const headroom = 4 << 10

// MaxRow is the size in bytes of the largest row that the career-sites topic
// takes as a record.
func (s *Stream) MaxRow() int { return s.Sites.MaxValue() }

// MaxDeadLetter is the same for the dead-letters topic.
func (s *Stream) MaxDeadLetter() int { return s.DeadLetters.MaxValue() }

// MaxValue is the size in bytes of the largest value that a topic takes as a
// record.
func (t Topic) MaxValue() int { return t.MaxMessageBytes - headroom }

// Foreign looks for a committed record on the career-sites topic that no
// stream with a known progress has written, and returns it; nil means that there
// is none. It reads until it finds one, so it is for a stream that has no
// progress itself.
func (s *Stream) Foreign(ctx context.Context, known map[string]bool) (*kgo.Record, error) {
	spans, err := s.Cluster.spans(ctx, s.Sites.Name)
	if err != nil {
		return nil, err
	}
	var found *kgo.Record
	for _, part := range spans {
		err := s.Cluster.read(ctx, part, func(r *kgo.Record) bool {
			if !known[header(r, schemas.HeaderFeed)] {
				found = r
			}
			return found == nil
		})
		if err != nil || found != nil {
			return found, err
		}
	}
	return nil, nil //nolint:nilnil // nothing found is the answer, not a failure
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
