package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// tailBytes is how much of a partition Tail fetches at a time: what it unpacks to
// may be several times as large, and is there as a whole.
const tailBytes = 1 << 20

// Tail calls each with the committed records of a partition from offset from on,
// or from its start where from is below it, to where the partition ends now, in
// order. What stands in an open transaction is waited for, which ctx must allow
// for. next is the offset to go on from another time: the end, or, where each or a
// broker failed, one below which everything was handed over. A from above the end,
// as of a topic that was created anew, reads nothing, and next is the end.
func (c *Cluster) Tail(ctx context.Context, topic string, partition int32, from int64, each func(*kgo.Record) error) (next int64, err error) {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return from, err
	}
	for _, s := range spans {
		if s.partition != partition {
			continue
		}
		s.start, s.bytes = max(s.start, from), tailBytes
		next = min(s.start, s.end)
		var failed error
		err := c.read(ctx, s, func(r *kgo.Record) bool {
			if failed = each(r); failed == nil {
				next = r.Offset + 1
			}
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return next, err
		}
		return s.end, nil
	}
	return from, fmt.Errorf("topic %s has no partition %d", topic, partition)
}

// Slot returns the partition that Kafka's default partitioner gives key in a topic
// with n partitions: 32-bit murmur2 of it without its sign, modulo n. n is at
// least 1. A record without a key goes anywhere; here it is one with an empty key.
func Slot(key []byte, n int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % n
}

// murmur2 is org.apache.kafka.common.utils.Utils.murmur2. The library has it too,
// behind a partitioner that is costly to make and not safe to share.
func murmur2(key []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(key)) //nolint:gosec // keys are short
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
