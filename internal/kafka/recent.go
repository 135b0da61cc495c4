package kafka

import (
	"context"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// Recent calls each with the committed records of this stream on the
// career-sites topic whose timestamp is since or later (all, if since is zero),
// partition by partition and in order within each, until it returns false.
// Timestamps have milliseconds; what since has below them does not count. What
// stands in an open transaction is waited for, which ctx must allow for.
func (s *Stream) Recent(ctx context.Context, since time.Time, each func(*kgo.Record) bool) error {
	return s.Cluster.Since(ctx, s.Sites.Name, since, 0, func(r *kgo.Record) bool { return !s.wrote(r) || each(r) })
}

// Size returns how many records the career-sites topic holds at the most:
// markers, aborted records and those that compaction took away count too.
func (s *Stream) Size(ctx context.Context) (int64, error) {
	spans, err := s.Cluster.spans(ctx, s.Sites.Name)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, part := range spans {
		size += part.end - part.start
	}
	return size, nil
}

// farthestLook is how many offsets of a partition Newest looks through. It takes
// steps, each sixteen times the one before; where other feeds have written this
// much since, the rows of this one are not worth the search.
const farthestLook = 100_000

// Newest returns a record of the newest page that this stream has committed to
// the career-sites topic, by run id (ULIDs sort by time) and page number, or nil
// where none stands among the last 100,000 offsets of any partition. What stands
// in an open transaction is waited for, which ctx must allow for.
func (s *Stream) Newest(ctx context.Context) (*kgo.Record, error) {
	spans, err := s.Cluster.spans(ctx, s.Sites.Name)
	if err != nil {
		return nil, err
	}
	var newest *kgo.Record
	for _, part := range spans {
		last, err := s.last(ctx, part)
		if err != nil {
			return nil, err
		}
		if last != nil && (newest == nil || later(last, newest)) {
			newest = last
		}
	}
	return newest, nil
}

// last returns the newest record of this stream near the end of a partition.
// Its pages stand there in their order, since one session at a time writes them.
func (s *Stream) last(ctx context.Context, whole span) (*kgo.Record, error) {
	var last *kgo.Record
	from := whole.end
	for size := int64(firstLook); last == nil && from > whole.start && from > whole.end-farthestLook; size *= 16 {
		part := whole
		part.start, part.end = max(whole.start, whole.end-min(size, farthestLook)), from
		err := s.Cluster.read(ctx, part, func(r *kgo.Record) bool {
			if s.wrote(r) && (last == nil || !later(last, r)) {
				last = r
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		from = part.start
	}
	return last, nil
}

// wrote reports whether this stream published a record.
func (s *Stream) wrote(r *kgo.Record) bool { return header(r, schemas.HeaderFeed) == s.Feed }

// later reports whether r came with a later page than q.
func later(r, q *kgo.Record) bool {
	if a, b := header(r, schemas.HeaderRunID), header(q, schemas.HeaderRunID); a != b {
		return a > b
	}
	return pageOf(r) > pageOf(q)
}

// pageOf is the number of the page that a record came with, zero where it says
// none that can be read.
func pageOf(r *kgo.Record) int64 {
	n, err := strconv.ParseInt(header(r, schemas.HeaderPage), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
