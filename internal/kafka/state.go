package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// State is what the progress topic says of a stream.
type State struct {
	// Own is the stream's newest progress; Found says that there is one.
	Own   schemas.Progress
	Found bool
	// Windows are the newest records of the windows that Own.Windows counts, by
	// their number; one that has none is absent.
	Windows map[int]schemas.Progress
	// Others are all other streams that have a progress, in alphabetical order.
	// They are looked for only where Found is false.
	Others []string
}

// Read returns what is committed on the progress topic now. Unlike a Session
// it ends nobody's epoch and waits for nobody's transaction, so a page that is
// being committed may be missing: it is for looking, not for taking over.
func (s *Stream) Read(ctx context.Context) (State, error) {
	t, err := s.tail(ctx)
	if err != nil {
		return State{}, err
	}
	if err := t.stop(ctx); err != nil {
		return State{}, err
	}
	var state State
	if state.Own, state.Found, state.Others, err = t.progress(ctx); err != nil {
		return State{}, err
	}
	state.Windows, err = t.windows(ctx, state.Own.Windows)
	return state, err
}

// firstLook is how many records of the progress topic are read first. The newest
// record of a stream is nearly always among them; where it is not, the tail
// grows until it is the whole topic.
const firstLook = 256

// tail is the newest value of each key in the last part of the progress topic.
// It grows towards the start, and reads nothing twice.
type tail struct {
	stream *Stream
	whole  span
	from   int64 // the first offset that was read; whole.end at first
	// values has nil for a tombstone: somebody withdrew the stream's progress, and
	// what stands before it does not count.
	values map[string][]byte
}

// tail returns an empty tail that ends where the progress topic ends now.
func (s *Stream) tail(ctx context.Context) (*tail, error) {
	spans, err := s.Cluster.spans(ctx, s.Progress.Name)
	if err != nil {
		return nil, err
	}
	if len(spans) != 1 {
		return nil, fmt.Errorf("topic %s has %d partitions and must have 1", s.Progress.Name, len(spans))
	}
	return &tail{stream: s, whole: spans[0], from: spans[0].end, values: map[string][]byte{}}, nil
}

// stop moves the end of a tail that is still empty to where the oldest open
// transaction begins.
func (t *tail) stop(ctx context.Context) error {
	stable, err := t.stream.Cluster.admin.ListCommittedOffsets(ctx, t.whole.topic)
	if err == nil {
		err = stable.Error()
	}
	if err != nil {
		return fmt.Errorf("stable offset of topic %s: %w", t.whole.topic, classify(err))
	}
	at, ok := stable.Lookup(t.whole.topic, t.whole.partition)
	if !ok {
		return fmt.Errorf("stable offset of topic %s: the broker names none", t.whole.topic)
	}
	t.whole.end = min(t.whole.end, at.Offset)
	t.from = t.whole.end
	return nil
}

// grow reads the tail back until every key is in it, or until it is the whole
// topic.
func (t *tail) grow(ctx context.Context, keys ...string) error {
	return t.growWhile(ctx, func() bool { return slices.ContainsFunc(keys, t.missing) })
}

// all makes the tail the whole topic.
func (t *tail) all(ctx context.Context) error {
	return t.growWhile(ctx, func() bool { return true })
}

func (t *tail) missing(key string) bool {
	_, ok := t.values[key]
	return !ok
}

func (t *tail) growWhile(ctx context.Context, wanting func() bool) error {
	for t.from > t.whole.start && wanting() {
		part := t.whole
		part.start, part.end = t.next(), t.from
		older := map[string][]byte{}
		err := t.stream.Cluster.read(ctx, part, func(r *kgo.Record) bool {
			older[string(r.Key)] = r.Value
			return true
		})
		if err != nil {
			return err
		}
		for key, value := range older {
			if t.missing(key) {
				t.values[key] = value
			}
		}
		t.from = part.start
	}
	return nil
}

// next is where the tail begins after it has grown: 256 records before the end
// of the topic, then 16 times as many, and so on.
func (t *tail) next() int64 {
	size := int64(firstLook)
	for t.whole.end-size >= t.from {
		size *= 16
	}
	return max(t.whole.start, t.whole.end-size)
}

// progress is what Session.Progress returns.
func (t *tail) progress(ctx context.Context) (own schemas.Progress, found bool, others []string, err error) {
	feed := t.stream.Feed
	if err := t.grow(ctx, feed); err != nil {
		return own, false, nil, err
	}
	if own, found, err = t.decode(feed); err != nil || found {
		return own, found, nil, err
	}
	// A tombstone may have ended the search early, and the others count too.
	if err := t.all(ctx); err != nil {
		return own, false, nil, err
	}
	return own, false, t.others(), nil
}

// windows is what Session.Windows returns.
func (t *tail) windows(ctx context.Context, n int) (map[int]schemas.Progress, error) {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = schemas.Progress{Feed: t.stream.Feed, Window: i + 1}.Key()
	}
	if err := t.grow(ctx, keys...); err != nil {
		return nil, err
	}
	windows := make(map[int]schemas.Progress, n)
	for i, key := range keys {
		p, found, err := t.decode(key)
		if err != nil {
			return nil, err
		}
		if found {
			windows[i+1] = p
		}
	}
	return windows, nil
}

// decode returns the progress in the newest record of key.
func (t *tail) decode(key string) (schemas.Progress, bool, error) {
	value := t.values[key]
	if value == nil {
		return schemas.Progress{}, false, nil
	}
	p, err := schemas.DecodeProgress(value)
	if err != nil {
		return schemas.Progress{}, false, fmt.Errorf("newest progress of feed %q on %s: %w", key, t.whole.topic, err)
	}
	return p, true, nil
}

// others returns the streams in the tail. A window's record is none of its own:
// its stream has one beside it, or was withdrawn.
func (t *tail) others() []string {
	var feeds []string
	for key, value := range t.values {
		if value != nil && !strings.Contains(key, "/window-") {
			feeds = append(feeds, key)
		}
	}
	slices.Sort(feeds)
	return feeds
}
