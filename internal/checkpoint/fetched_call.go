package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// fetchedPrefix begins the keys of what was fetched, of whatever feed. The
	// braces keep them on one node of a cluster.
	fetchedPrefix = "jobo:{companies}:fetched:"
	// fetchedBuckets is how many hashes share the companies. Redis keeps a hash
	// of up to 512 fields in a listpack: with a million companies there are 244 in
	// each. Another number would look for them in other hashes.
	fetchedBuckets = 4096
	// fetchedBatch is how many companies go into one call. It keeps the server
	// busy for about 4 ms, and the call may take 300.
	fetchedBatch = 1000
)

// bucket is the key of the hash that a company is in.
func (f *RedisFetched) bucket(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return f.prefix + strconv.FormatUint(uint64(h.Sum32()%fetchedBuckets), 10)
}

// result is the reply to one of several commands.
type result[T any] interface{ Result() (T, error) }

// eachBucket asks the buckets of ids, all in one round trip, and tells use of
// each reply. A bucket that is no hash has none.
func eachBucket[T any](
	ctx context.Context, f *RedisFetched, ids []string,
	ask func(p redis.Pipeliner, key string, ids []string) result[T],
	use func(key string, ids []string, value T),
) error {
	buckets := map[string][]string{}
	for _, id := range ids {
		key := f.bucket(id)
		buckets[key] = append(buckets[key], id)
	}
	replies := make(map[string]result[T], len(buckets))
	_, err := f.store.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for key, ids := range buckets {
			replies[key] = ask(p, key, ids)
		}
		return nil
	})
	if err != nil && !isWrongType(err) {
		return unavailable(f.store.addr, err)
	}
	for key, reply := range replies {
		value, err := reply.Result()
		switch {
		case err == nil:
			use(key, buckets[key], value)
		case isWrongType(err):
			f.found.add(1, key, "")
		default:
			return unavailable(f.store.addr, err)
		}
	}
	return nil
}

// run calls a script that answers how many values it could not read, and the
// key and the field of the last one.
func (f *RedisFetched) run(ctx context.Context, script *redis.Script, keys []string, args []any) error {
	reply, err := script.Run(ctx, f.store.client, keys, args...).StringSlice()
	if err != nil {
		return unavailable(f.store.addr, err)
	}
	if len(reply) != 3 {
		return fmt.Errorf("unexpected reply %q", reply)
	}
	n, err := strconv.ParseInt(reply[0], 10, 64)
	if err != nil {
		return fmt.Errorf("reply %q: %w", reply, err)
	}
	f.found.add(n, reply[1], reply[2])
	return nil
}

// isWrongType reports whether a key holds another type than asked for.
func isWrongType(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.HasPrefix(reply.Error(), "WRONGTYPE")
}

// corruption counts what could not be read.
type corruption struct {
	mu   sync.Mutex
	n    int64
	last error
}

// add counts n values; the last is in field of the hash at key, or is the whole
// key, which is no hash.
func (c *corruption) add(n int64, key, field string) {
	if n == 0 {
		return
	}
	reason, loses := "not a hash", "the companies in it may be fetched once more"
	if field != "" {
		reason = fmt.Sprintf("field %q cannot be read", field)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	c.last = &CorruptError{Key: key, Reason: reason, Loses: loses}
}

func (c *corruption) get() (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, c.last
}
