package enricher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// warmChunk is how many entries go to the memory at once.
const warmChunk = 500

// warm makes the memory know all that stands in the companies topic of some
// slots, and in the dead letters. It reads what was written since the marks: a
// process that died between a commit and its note left that, and a memory that is
// new has no marks at all.
func (l *Loop) warm(ctx context.Context, slots []int32) (epoch int64, _ error) {
	epoch, marks, err := epochOf(ctx, l.memory)
	if err != nil {
		return 0, err
	}
	t := l.o.Topics
	reached := make(checkpoint.Marks, len(slots)+int(t.Letters))
	read := func(at Place, id string, known func(*kgo.Record) (checkpoint.Known, bool)) error {
		mark := MarkOf(epoch, at.Topic, id, at.Partition)
		end, err := l.warmFrom(ctx, at, marks[mark], known)
		reached[mark] = end
		return err
	}
	for _, slot := range slots {
		if err := read(Place{t.Companies, slot}, t.CompaniesID, knownCompany); err != nil {
			return 0, err
		}
	}
	for p := range t.Letters {
		if err := read(Place{t.DeadLetters, p}, t.DeadLettersID, knownDeadLetter); err != nil {
			return 0, err
		}
	}
	if err := l.memory.SetMarks(ctx, reached); err != nil {
		return 0, err
	}
	if marks, err = l.memory.Marks(ctx); err == nil && marks[EpochMark] != epoch {
		err = errors.New("the memory was lost while it was told what was fetched")
	}
	return epoch, err
}

func (l *Loop) warmFrom(ctx context.Context, at Place, from int64, known func(*kgo.Record) (checkpoint.Known, bool)) (int64, error) {
	var chunk []checkpoint.Known
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := l.memory.Remember(ctx, chunk...)
		chunk = chunk[:0]
		return err
	}
	var told error // by the memory, through the reader
	end, err := l.broker.Tail(ctx, at, from, func(r *kgo.Record) error {
		l.beat()
		if k, ok := known(r); ok {
			chunk = append(chunk, k)
		}
		if len(chunk) >= warmChunk {
			told = flush()
		}
		return told
	})
	switch {
	case told != nil:
		return from, told
	case err != nil:
		return from, &unreadError{fmt.Errorf("read %s/%d to learn what was fetched: %w", at.Topic, at.Partition, err)}
	}
	return end, flush()
}

// knownCompany is what a record of the companies topic says.
func knownCompany(r *kgo.Record) (checkpoint.Known, bool) {
	k := checkpoint.Known{ID: string(r.Key), Outcome: checkpoint.Profile, At: r.Timestamp}
	for _, h := range r.Headers {
		switch h.Key {
		case schemas.HeaderSiteVersion:
			k.Version = versionOf(string(h.Value))
		case schemas.HeaderFetchedAt:
			if at, err := time.Parse(time.RFC3339Nano, string(h.Value)); err == nil {
				k.At = at
			}
		case schemas.HeaderETag:
			k.ETag = string(h.Value)
		}
	}
	return k, k.ID != ""
}

// knownDeadLetter is what a dead letter of the enricher says; those of others say
// nothing about a profile.
func knownDeadLetter(r *kgo.Record) (checkpoint.Known, bool) {
	var reason schemas.DeadLetterReason
	from := origin{partition: -1, offset: -1}
	k := checkpoint.Known{ID: string(r.Key), At: r.Timestamp}
	for _, h := range r.Headers {
		text := string(h.Value)
		switch h.Key {
		case schemas.HeaderReason:
			reason = schemas.DeadLetterReason(text)
		case schemas.HeaderSiteVersion:
			k.Version = versionOf(text)
		case schemas.HeaderTime:
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				k.At = at
			}
		case schemas.HeaderOriginTopic:
			from.topic = text
		case schemas.HeaderOriginPartition:
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				from.partition = int32(n)
			}
		case schemas.HeaderOriginOffset:
			from.offset, _ = strconv.ParseInt(text, 10, 64)
		}
	}
	if from.partition < 0 {
		return k, false // the producer's have none
	}
	return outcomeOf(k, reason, from)
}

// outcomeOf completes what is known of a dead letter. One about a record that is
// none is kept under the record's place: its company, if it names one, has
// nothing to do with it.
func outcomeOf(k checkpoint.Known, reason schemas.DeadLetterReason, from origin) (checkpoint.Known, bool) {
	switch reason {
	case schemas.ReasonBadRequest, schemas.ReasonBadSite:
		k.ID, k.Version = from.name(), ""
		k.Outcome = checkpoint.Dead
	case schemas.ReasonNotFound, schemas.ReasonGone:
		k.Outcome = checkpoint.Missing
	default:
		k.Outcome = checkpoint.Dead
	}
	return k, k.ID != ""
}

// name is the origin as the id of something that is remembered. No company has an
// id with a control character.
func (o origin) name() string {
	return "\x01" + o.topic + "/" + strconv.Itoa(int(o.partition)) + "@" + strconv.FormatInt(o.offset, 10)
}

// warmTries is how often a memory that is away is asked before the slots are
// worked on without it.
const warmTries = 5

// prepare makes slots ready to be worked on: the memory knows what was fetched,
// and the committed positions are known. It runs on a goroutine of its own.
func (l *Loop) prepare(ctx context.Context, group Group, parts map[Place]*part) readied {
	places := slices.Collect(maps.Keys(parts))
	slots := l.slotsOf(places)
	out := readied{parts: parts}
	var err error
	var unread *unreadError
	for try := 1; try <= warmTries; try++ {
		out.epoch, err = l.warm(ctx, slots)
		if err == nil || ctx.Err() != nil {
			break
		}
		if errors.As(err, &unread) {
			try = 0 // without the topics there is nothing that could be done
			l.view.fail(time.Now(), err)
		}
		wait(ctx, time.Duration(max(try, 1))*200*time.Millisecond)
	}
	out.blind = err
	if out.positions, err = group.Committed(ctx, places); err != nil {
		out.err = fmt.Errorf("committed positions: %w", err)
	}
	out.ended = ctx.Err() != nil
	return out
}

// unreadError says that a topic could not be read.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }
func (e *unreadError) Unwrap() error { return e.err }

// readied is what prepare found. blind is why the memory could not be asked: the
// slots are then worked on by their positions alone.
//
// The parts are those that it was begun for: one that went and came back is another.
type readied struct {
	parts     map[Place]*part
	epoch     int64
	positions map[Place]Position
	blind     error
	err       error
	ended     bool // it was given up
}

// wait waits, and returns false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
