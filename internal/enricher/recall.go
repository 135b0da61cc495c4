package enricher

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// recentMost is how many companies are remembered in process.
const recentMost = 20_000

// recall is what is known of companies: what the shared memory says, and what
// this process has committed since it last could tell the memory.
type recall struct {
	memory Memory
	// notFound is how long a company that is missing is known to be.
	notFound time.Duration
	// recent is the newest of what this process did, in two halves: when the young
	// one is full it becomes the old one, whose entries are then gone.
	young, old map[string]checkpoint.Known
	// epoch is the memory's when the slots were prepared; see EpochMark.
	epoch int64
	// behind says that the memory lacks something that the topics have: it was
	// away, or is a new one. The slots have to be read again.
	behind bool
	// away is when the memory last did not answer, and why.
	away time.Time
	why  error
	// told are the marks that it was given last.
	told checkpoint.Marks
}

func newRecall(m Memory, notFound time.Duration) *recall {
	return &recall{memory: m, notFound: notFound, young: make(map[string]checkpoint.Known)}
}

// of returns what is known of companies. The error is about the shared memory:
// the answer is then what this process itself did.
func (r *recall) of(ctx context.Context, ids []string) (map[string]checkpoint.Known, error) {
	var known map[string]checkpoint.Known
	err := r.why
	if time.Since(r.away) > awayPause {
		if known, err = r.memory.Recall(ctx, ids); err != nil {
			err = r.failed(err)
		}
	}
	if known == nil {
		known = make(map[string]checkpoint.Known)
	}
	for _, id := range ids {
		mine, ok := r.young[id]
		if !ok {
			mine, ok = r.old[id]
		}
		if mine.Outcome == checkpoint.Missing && time.Since(mine.At) > r.notFound {
			continue
		}
		if shared, found := known[id]; ok && (!found || supersedes(mine, shared)) {
			known[id] = mine
		}
	}
	return known, err
}

// keep remembers something in this process.
func (r *recall) keep(k checkpoint.Known) {
	if len(r.young) >= recentMost/2 {
		r.old, r.young = r.young, make(map[string]checkpoint.Known)
	}
	if before, ok := r.young[k.ID]; ok {
		k.Newest = max(k.Newest, before.Newest)
	}
	r.young[k.ID] = k
}

// tell repeats to the memory all that this process still knows: what it was not
// there for. The topics do not say which versions were seen and not chosen.
func (r *recall) tell(ctx context.Context) error {
	for _, half := range []map[string]checkpoint.Known{r.old, r.young} {
		for chunk := range slices.Chunk(slices.Collect(maps.Values(half)), warmChunk) {
			if err := r.memory.Remember(ctx, chunk...); err != nil {
				return r.failed(err)
			}
		}
	}
	return nil
}

// supersedes reports whether a is the later word about a company than b.
func supersedes(a, b checkpoint.Known) bool {
	if a.Version != b.Version {
		return a.Version > b.Version
	}
	return a.At.After(b.At)
}

// saw tells the memory of versions that were seen and not chosen.
func (r *recall) saw(ctx context.Context, seen []checkpoint.Known) error {
	if len(seen) == 0 || r.behind { // it is told when it catches up
		return nil
	}
	if err := r.memory.Remember(ctx, seen...); err != nil {
		return r.failed(err)
	}
	return nil
}

// note is what the memory is told of a transaction, beside the work.
type note struct {
	known []checkpoint.Known
	// behind, epoch and told are recall's when the transaction began.
	behind bool
	epoch  int64
	told   checkpoint.Marks

	// What came of it: the marks that the memory was given, whether it lacks
	// something that the topics have, and why it could not be told.
	marks checkpoint.Marks
	lacks bool
	err   error
}

func (r *recall) note(batch []settled) note {
	n := note{behind: r.behind, epoch: r.epoch, told: r.told}
	for _, s := range batch {
		if s.known != nil {
			n.known = append(n.known, *s.known)
		}
	}
	return n
}

// tell gives the memory what is known, and the offsets of the records in the
// companies topic up to which nothing is missing. Where it is behind it learns all
// of it when it catches up.
func (n *note) tell(ctx context.Context, memory Memory, topics Topics, records []*kgo.Record) {
	if n.behind || len(n.known) == 0 {
		return
	}
	if n.err = memory.Remember(ctx, n.known...); n.err != nil {
		return
	}
	marks := make(checkpoint.Marks)
	for _, r := range records {
		if r.Topic == topics.Companies {
			mark := MarkOf(n.epoch, topics.Companies, topics.CompaniesID, r.Partition)
			marks[mark] = max(marks[mark], r.Offset+1)
		}
	}
	if len(marks) == 0 {
		return
	}
	// A mark says that nothing is missing before it: the last one has to be there.
	has, err := memory.Marks(ctx)
	if n.err = err; err != nil {
		return
	}
	if n.lacks = missing(has, n.epoch, n.told); n.lacks {
		return
	}
	if n.err = memory.SetMarks(ctx, marks); n.err == nil {
		n.marks = marks
	}
}

// noted takes in what came of a note. The error says why the memory was not told.
func (r *recall) noted(n note) error {
	for _, k := range n.known {
		r.keep(k)
	}
	if n.err != nil {
		return r.failed(n.err)
	}
	if n.epoch != r.epoch {
		r.behind = true // it caught up meanwhile, from before or after this
		return nil
	}
	r.behind = r.behind || n.lacks
	if r.told == nil {
		r.told = make(checkpoint.Marks)
	}
	maps.Copy(r.told, n.marks)
	return nil
}

// EpochMark is the mark whose offset is no offset: a number that the memory is
// given when it is new. All other marks carry it in their names, so what a memory
// was told before it was lost says nothing to anybody after that, however late it
// arrives.
const EpochMark = "epoch"

// epochOf returns the memory's epoch and its marks. A memory that has none is
// given one.
func epochOf(ctx context.Context, memory Memory) (int64, checkpoint.Marks, error) {
	marks, err := memory.Marks(ctx)
	if err != nil || marks[EpochMark] != 0 {
		return marks[EpochMark], marks, err
	}
	if err := memory.SetMarks(ctx, checkpoint.Marks{EpochMark: 1 + rand.Int64N(1<<52)}); err != nil { //nolint:gosec // it has to be another one, not a secret one
		return 0, nil, err
	}
	marks, err = memory.Marks(ctx) // another replica may have been faster
	return marks[EpochMark], marks, err
}

// lacks reports whether there is something in the topics that the memory was not
// told: it was away, or it is another one than when the slots were prepared.
func (r *recall) lacks(ctx context.Context) (bool, error) {
	marks, err := r.memory.Marks(ctx)
	if err != nil {
		return false, r.failed(err)
	}
	r.behind = r.behind || missing(marks, r.epoch, r.told)
	return r.behind, nil
}

// missing reports whether the marks of a memory are not those that it was told.
func missing(marks checkpoint.Marks, epoch int64, told checkpoint.Marks) bool {
	if marks[EpochMark] != epoch {
		return true
	}
	for name, offset := range told {
		if marks[name] < offset {
			return true // a replica of Redis that had not got the last writes may have taken over
		}
	}
	return false
}

// failed notes that the memory does not answer, for awayPause.
func (r *recall) failed(err error) error {
	r.behind, r.away, r.why = true, time.Now(), err
	return err
}

// awayPause is how long a memory that does not answer is not asked again: each
// question takes until it times out.
const awayPause = time.Second

// MarkOf names a partition in the marks. A topic that is created anew has another
// identity, and nothing of it is known.
func MarkOf(epoch int64, topic, id string, partition int32) string {
	if id != "" {
		topic = id
	}
	return strconv.FormatInt(epoch, 36) + "/" + topic + "/" + strconv.Itoa(int(partition))
}
