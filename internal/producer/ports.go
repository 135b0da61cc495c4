package producer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// Pager buys pages.
type Pager interface {
	// Page returns the page after q.Cursor, judged good as a whole. When ctx
	// ends it makes no further request, but finishes the one that is under way.
	Page(ctx context.Context, q feed.Query) (feed.Page, error)
}

// Format makes values of rows. It is safe for concurrent use.
type Format interface {
	// Encode returns the value for a row, the same for the same row, or why it has
	// none.
	Encode(row []byte) ([]byte, error)
	// ContentType and DataSchema are the headers content-type and ce_dataschema.
	ContentType() string
	DataSchema() string
}

// Log is the stream's place in Kafka.
type Log interface {
	// Fence begins a new epoch: after it nothing of an older one can commit.
	Fence(ctx context.Context) (Session, error)
	// Foreign returns where on the career-sites topic a committed row stands
	// that none of the known streams wrote; empty means nowhere.
	Foreign(ctx context.Context, known []string) (string, error)
	// Newest returns the newest committed row of this stream on the career-sites
	// topic; its zero value means that there is none.
	Newest(ctx context.Context) (Published, error)
	// Recent calls each with the committed rows of this stream that were published
	// at since or later (all, if since is zero), in their order within each
	// partition, until it returns false.
	Recent(ctx context.Context, since time.Time, each func(Published) bool) error
	// Size returns how many records the career-sites topic holds at the most.
	Size(ctx context.Context) (int64, error)
}

// Published is a row as it stands on the career-sites topic.
type Published struct {
	ID    string
	Value []byte
	// RunID and Page say which page it came with, Page counting from 1 in the
	// run's order of publication.
	RunID string
	Page  int64
	// UpdatedAt is the row's own, zero where it has none that can be read.
	UpdatedAt time.Time
}

// Session writes in one epoch. It is spent after the first error of Commit.
type Session interface {
	// Progress returns the newest committed progress of the stream. Where there
	// is none, found is false and others are all the streams that have one.
	Progress(ctx context.Context) (own schemas.Progress, found bool, others []string, err error)
	// Windows returns the newest committed records of the stream's windows 1 to n
	// by their number.
	Windows(ctx context.Context, n int) (map[int]schemas.Progress, error)
	// Commit writes rows and progress in one transaction, unless gate, asked
	// last of all, objects. After an error the outcome is unknown.
	Commit(ctx context.Context, rows []*kgo.Record, progress []schemas.Progress, gate func() error) error
	Close()
}

// Lease is the right to buy pages, which one process holds at a time.
type Lease interface {
	// Alive answers from this process's own clock, Confirm asks the server. Nil
	// means that the lease is held.
	Alive() error
	Confirm(ctx context.Context) error
	// Lost is closed when the lease is lost for good.
	Lost() <-chan struct{}
	// Owner names the holder, Token grows with every holder.
	Owner() string
	Token() uint64
	// Release gives the lease up, so that another process need not wait.
	Release(ctx context.Context) error
}

// Checkpoints is the copy of the progress that operators and replicas look at,
// and the lease beside it.
type Checkpoints interface {
	// Hold takes the lease, and waits for one that nobody renews to run out.
	// floor is a token that the new one has to exceed.
	Hold(ctx context.Context, floor uint64) (Lease, error)
	// Get returns checkpoint.ErrNotFound or *checkpoint.CorruptError where there
	// is nothing that can be used.
	Get(ctx context.Context) (schemas.Progress, error)
	// Put moves the copy forward; it refuses to move it back.
	Put(ctx context.Context, p schemas.Progress) error
	// Repair makes the copy what p is, whatever was there, as long as the lease
	// is held under owner and token.
	Repair(ctx context.Context, owner string, token uint64, p schemas.Progress) error
}

// Account is the money of one API key, which all processes share that use it.
// See checkpoint.Ask for the terms of a reservation.
type Account interface {
	// Reserve reserves what a page may cost, or as much of it as is allowed.
	Reserve(ctx context.Context, ask checkpoint.Ask) (checkpoint.Grant, error)
	// Settle closes reservations: each cost what it says. balance is the wallet as
	// the feed just said, negative where it did not.
	Settle(ctx context.Context, at time.Time, balance int64, purchases ...schemas.Purchase) error
	// Lose notes that a page was paid for and can't be published, and why.
	Lose(ctx context.Context, id, reason string, credits int64) error
	// Open returns the reservations of a stream that are not settled.
	Open(ctx context.Context, feed string) ([]checkpoint.Reservation, error)
}
