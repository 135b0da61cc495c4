package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
)

// TopicLag is what the group has not done of one topic.
type TopicLag struct {
	Topic string `json:"topic"`
	// Missing says that the topic does not exist.
	Missing bool `json:"missing,omitempty"`
	// Lag are records. Those that were done out of their turn count until what is
	// before them is done. With AtMost they are offsets: the ends of transactions
	// count too, and what compaction took away.
	Lag    int64 `json:"lag"`
	AtMost bool  `json:"at_most,omitempty"`
	// NextDue is when the first record of a retry topic is due, zero where there is
	// none.
	NextDue time.Time `json:"next_due,omitzero"`
}

// countMost is how many offsets of a partition are looked at to count its records,
// lookMost how many partitions are looked into: each takes a few round trips.
const (
	countMost = 1000
	lookMost  = 100
)

// lags returns what the group has not done of each topic that it reads: career
// sites, requests and retries, in this order.
func (d *enrichDesk) lags(ctx context.Context) ([]TopicLag, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers did not show within %s what waits", lookTimeout))
	defer cancel()
	retries := d.c.retryTopics()
	names := append([]string{d.c.Topics.CareerSites, d.c.Topics.Requests}, retries...)
	all := make([]TopicLag, len(names))
	at := make(map[string]*TopicLag, len(names))
	for i, name := range names {
		all[i] = TopicLag{Topic: name, Missing: d.lacks(name)}
		at[name] = &all[i]
	}
	partitions, err := d.lag(ctx, names...)
	if err != nil {
		return nil, err
	}
	looks := 0
	for _, p := range partitions {
		from, n := rest(p)
		lag := at[p.Topic]
		switch {
		case n == 0:
		case looks == lookMost:
			lag.Lag, lag.AtMost = lag.Lag+n, true
		default:
			looks++
			if err := d.count(ctx, p, from, n, lag); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// rest is from which offset on the group has something to do.
func rest(p kafka.PartitionLag) (from, n int64) {
	from = max(p.Committed, p.Start)
	return from, max(p.End-from, 0)
}

// errEnough ends a reading that has what it needs.
var errEnough = errors.New("that is enough")

// count adds what waits in one partition from an offset on, n offsets, to its
// topic's lag.
func (d *enrichDesk) count(ctx context.Context, p kafka.PartitionLag, from, n int64, lag *TopicLag) error {
	records, many := int64(0), n > countMost
	_, err := d.cluster.Tail(ctx, p.Topic, p.Partition, from, func(r *kgo.Record) error {
		// Records of a retry topic are due in their order.
		if due := dueOf(r); records == 0 && !due.IsZero() && (lag.NextDue.IsZero() || due.Before(lag.NextDue)) {
			lag.NextDue = due
		}
		if records++; many {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if many {
		records, lag.AtMost = n, true
	}
	lag.Lag += records
	return nil
}

// dueOf is when a record of a retry topic is due; zero for those of others.
func dueOf(r *kgo.Record) time.Time {
	if ms, err := strconv.ParseInt(headerOf(r, enricher.HeaderDue), 10, 64); err == nil {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// headerOf is a header as text, empty where a record has none of this name.
func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// String is the lag for people.
func (l TopicLag) String() string {
	switch {
	case l.Missing:
		return "does not exist yet"
	case l.AtMost:
		return fmt.Sprintf("at most %d", l.Lag)
	}
	return strconv.FormatInt(l.Lag, 10)
}
