package enricher

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

// Place is one partition of a topic.
type Place struct {
	Topic     string
	Partition int32
}

// Position is what is committed for a partition: everything before Offset is
// done. Epoch is the leader's, -1 where it is not known. Metadata says which
// records after Offset are done too; see tracker.
type Position struct {
	Offset   int64
	Epoch    int32
	Metadata string
}

// Broker is the Kafka cluster.
type Broker interface {
	// Join begins a membership of the group. assigned and revoked are called on
	// another goroutine, at any time until Close returns. What is assigned is
	// paused: Resume begins to fetch it. With lost the partitions are another
	// member's already. current is asked before a commit: false means that a
	// revocation was not taken in yet, and nothing must be committed.
	Join(ctx context.Context, assigned func([]Place), revoked func(parts []Place, lost bool), current func() bool) (Group, error)
	// Tail calls each with the committed records of a partition from an offset to
	// its end, and returns the offset after the last of them.
	Tail(ctx context.Context, at Place, from int64, each func(*kgo.Record) error) (int64, error)
	// Slot is the partition that a key belongs to where there are n of them.
	Slot(key []byte, n int32) int32
}

// Group is one membership of the consumer group, which ends with the first error
// of Commit. Poll and Commit never run at the same time.
type Group interface {
	// Poll returns what there is, at most so many records, and nothing when ctx
	// ends. After a commit that was aborted records come a second time.
	Poll(ctx context.Context, most int) ([]*kgo.Record, error)
	// Commit publishes records and positions in one transaction. False means that
	// nothing of it was published, because partitions moved meanwhile, and that
	// the membership goes on; an error that the outcome is unknown and it is spent.
	Commit(ctx context.Context, records []*kgo.Record, positions map[Place]Position) (committed bool, err error)
	// Committed returns the positions of those partitions that have one.
	Committed(ctx context.Context, parts []Place) (map[Place]Position, error)
	// Pause fetches no more of these partitions until Resume. What was fetched
	// before may still be polled.
	Pause(parts []Place)
	Resume(parts []Place)
	// Close leaves the group.
	Close(ctx context.Context)
}

// Memory knows which version of a company was fetched. It is a cache of what the
// topics say: what it lost is read there again.
type Memory interface {
	Recall(ctx context.Context, ids []string) (map[string]checkpoint.Known, error)
	Remember(ctx context.Context, known ...checkpoint.Known) error
	Marks(ctx context.Context) (checkpoint.Marks, error)
	SetMarks(ctx context.Context, marks checkpoint.Marks) error
}

// Fetcher asks for profiles.
type Fetcher interface {
	// URL returns what is asked for, or a *company.RefusedError.
	URL(id, detailsURL string) (string, error)
	// Get is one try.
	Get(ctx context.Context, id, url, etag string) (company.Answer, error)
}

// Limiter says when a request may start, for all replicas together.
type Limiter interface {
	// Take returns when one may start. done is called with what the answer's
	// headers said when it is over.
	Take(ctx context.Context) (done func(ratelimit.Report), err error)
	// Until holds every replica back until t.
	Until(ctx context.Context, t time.Time)
}

// Format makes values of profiles. It is safe for concurrent use.
type Format interface {
	// Encode returns the value for a profile, or why it has none.
	Encode(profile []byte) ([]byte, error)
	// ContentType and DataSchema are the headers content-type and ce_dataschema.
	ContentType() string
	DataSchema() string
}

// Selector says which career sites are chosen.
type Selector interface {
	Match(value []byte) (bool, error)
}
