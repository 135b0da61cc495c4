package checkpoint

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisFetched is the memory of which version of each company was fetched. It
// may be lost: it is a cache of what the topics say. So a value in it that
// cannot be read is no error: it counts as not known, Corrupt tells of it, and
// Remember and SetMarks overwrite it.
//
// Its methods may be called from any goroutine. Each may fail with an
// *UnavailableError, after which the call may be made again.
type RedisFetched struct {
	store  *Redis
	prefix string
	ttl    time.Duration
	now    func() time.Time
	found  corruption
}

// Fetched returns the memory of what was fetched, which all feeds on one server
// share. It asks nothing of the server.
func (s *Redis) Fetched(o FetchedOptions) *RedisFetched {
	return &RedisFetched{store: s, prefix: o.prefix(), ttl: o.ttl(), now: time.Now}
}

// Recall returns what is known of companies; one that is not in the answer is
// not known. It is one round trip for a thousand of them.
func (f *RedisFetched) Recall(ctx context.Context, ids []string) (map[string]Known, error) {
	known, oldest := make(map[string]Known, len(ids)), oldestMissing(f.now(), f.ttl)
	for batch := range slices.Chunk(ids, fetchedBatch) {
		err := eachBucket(ctx, f, batch, func(p redis.Pipeliner, key string, ids []string) result[[]any] {
			return p.HMGet(ctx, key, ids...)
		}, func(key string, ids []string, values []any) {
			for i, value := range values {
				text, ok := value.(string)
				if !ok {
					continue // nil: there is none
				}
				p, ok := unpack(text)
				switch {
				case !ok:
					f.found.add(1, key, ids[i])
				case !p.expired(oldest):
					known[ids[i]] = p.known(ids[i])
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("recall %d companies: %w", len(ids), err)
		}
	}
	return known, nil
}

// Remember notes what was fetched. Of two entries of a company the one with the
// later Version stays, and of two with the same the one with the later At; the
// one that stands stays where they are equal. Newest goes forward only, with
// whatever entry it comes, and to the Version of an entry at least. An entry
// that has Newest alone moves that of a company that is known, and nothing else.
//
// An entry that is Missing for longer than NotFoundTTL is none: it gives way to
// any other, and one that comes so late tells of Newest alone. The clock is the
// caller's, because Known.At is of such a clock, too; where two of them differ,
// the entry lives by that much longer or shorter.
//
// It is one round trip for a thousand entries, and fails before the first one if
// one is impossible.
func (f *RedisFetched) Remember(ctx context.Context, known ...Known) error {
	oldest := oldestMissing(f.now(), f.ttl)
	entries, err := packAll(known, oldest)
	if err != nil {
		return fmt.Errorf("remember: %w", err)
	}
	for batch := range slices.Chunk(entries, fetchedBatch) {
		keys, args := make([]string, len(batch)), []any{oldest, newestVersion}
		for i, e := range batch {
			keys[i] = f.bucket(e.id)
			args = append(args, e.id, e.text())
		}
		if err := f.run(ctx, f.store.script.remember, keys, args); err != nil {
			return fmt.Errorf("remember %d companies: %w", len(known), err)
		}
	}
	return nil
}

// Forget makes companies unknown. One that is not known stays so.
func (f *RedisFetched) Forget(ctx context.Context, ids ...string) error {
	for batch := range slices.Chunk(ids, fetchedBatch) {
		err := eachBucket(ctx, f, batch, func(p redis.Pipeliner, key string, ids []string) result[int64] {
			return p.HDel(ctx, key, ids...)
		}, func(string, []string, int64) {})
		if err != nil {
			return fmt.Errorf("forget %d companies: %w", len(ids), err)
		}
	}
	return nil
}

// Marks returns all marks.
func (f *RedisFetched) Marks(ctx context.Context) (Marks, error) {
	key := f.prefix + "marks"
	h, err := f.store.client.HGetAll(ctx, key).Result()
	if err != nil {
		if isWrongType(err) {
			f.found.add(1, key, "")
			return Marks{}, nil
		}
		return nil, fmt.Errorf("get marks: %w", unavailable(f.store.addr, err))
	}
	marks := make(Marks, len(h))
	for name, text := range h {
		// The same numbers as in scripts/mark.lua, or one that it never passes
		// would never be seen.
		offset, err := strconv.ParseUint(text, 10, 53)
		if err != nil || len(text) > 16 {
			f.found.add(1, key, name)
			continue
		}
		marks[name] = int64(offset)
	}
	return marks, nil
}

// SetMarks moves marks forward; one that is further stays. What they say must
// have been remembered before: a server that loses its last writes then loses
// the marks first.
func (f *RedisFetched) SetMarks(ctx context.Context, marks Marks) error {
	if err := marks.check(); err != nil {
		return fmt.Errorf("set marks: %w", err)
	}
	if len(marks) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(marks))
	for name, offset := range marks {
		args = append(args, name, offset)
	}
	if err := f.run(ctx, f.store.script.mark, []string{f.prefix + "marks"}, args); err != nil {
		return fmt.Errorf("set %d marks: %w", len(marks), err)
	}
	return nil
}

// Corrupt returns how many values could not be read since this memory was
// opened, and a *CorruptError about the last of them; nil if there was none. One
// that is met again is counted again.
func (f *RedisFetched) Corrupt() (n int64, last error) { return f.found.get() }
