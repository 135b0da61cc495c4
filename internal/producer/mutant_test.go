package producer_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// mistake is one that the ports could make. The oracle is worth something only
// if it catches each of them.
type mistake string

const (
	// readsBeforeFence answers Progress with what it read before Fence.
	readsBeforeFence mistake = "reads before the fence"
	// noSecondCheck does not ask for the lease after Fence, and repairs without
	// one, which would ask, too.
	noSecondCheck mistake = "no lease check after the fence"
	// commitsAfterFailure commits a transaction that lacks a record.
	commitsAfterFailure mistake = "commits after a failed record"
	// blindPut overwrites the copy, whatever stands there.
	blindPut mistake = "blind put"
)

// mutant is where the ports of a schedule make their mistake; the zero value
// makes none. It is used in one world.
type mutant struct {
	mistake mistake

	mu   sync.Mutex
	copy *schemas.Progress // what Redis holds with blindPut
}

func (m *mutant) fence(ctx context.Context, p *process) (producer.Session, error) {
	stream := p.stream
	if m.mistake == commitsAfterFailure {
		return careless(ctx, p.world.broker)
	}
	if m.mistake != readsBeforeFence {
		return journal{stream}.Fence(ctx)
	}
	early, err := newest(ctx, p.world.broker)
	if err != nil {
		return nil, err
	}
	p.yield("read before the fence")
	time.Sleep(time.Duration(p.draw.IntN(2000)) * time.Millisecond) // enough for a page of another process
	next, err := journal{stream}.Fence(ctx)
	if err != nil {
		return nil, err
	}
	return earlySession{next, early}, nil
}

func (m *mutant) confirm(afterFence bool, ask func() error) error {
	if m.mistake == noSecondCheck && afterFence {
		return nil
	}
	return ask()
}

func (m *mutant) get(ctx context.Context, w *world) (schemas.Progress, error) {
	if m.mistake != blindPut {
		return w.store.Get(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.copy == nil {
		return schemas.Progress{}, checkpoint.ErrNotFound
	}
	return *m.copy, nil
}

func (m *mutant) put(ctx context.Context, w *world, p schemas.Progress) error {
	if m.mistake != blindPut {
		return w.store.Put(ctx, p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.copy = &p
	return nil
}

func (m *mutant) repair(ctx context.Context, w *world, owner string, token uint64, p schemas.Progress) error {
	if m.mistake == noSecondCheck {
		return nil
	}
	if m.mistake == blindPut {
		return m.put(ctx, w, p)
	}
	return w.store.Repair(ctx, owner, token, p)
}

// earlySession answers Progress with what was read before.
type earlySession struct {
	producer.Session
	early *schemas.Progress
}

func (s earlySession) Progress(context.Context) (schemas.Progress, bool, []string, error) {
	if s.early == nil {
		return schemas.Progress{}, false, nil, nil
	}
	return *s.early, true, nil, nil
}

// newest reads the progress topic without a fence; nil where there is none.
func newest(ctx context.Context, b *broker) (own *schemas.Progress, failed error) {
	err := b.stream.Cluster.ReadCommitted(ctx, stateTopic, func(key, value []byte) {
		if p, err := schemas.DecodeProgress(value); err != nil {
			failed = err
		} else if string(key) == feedName {
			own = &p
		}
	})
	if err != nil {
		failed = err
	}
	return own, failed
}

// carelessSession writes rows and progress at once, and commits whatever became
// of them.
type carelessSession struct {
	broker *broker
	client *kgo.Client
}

func careless(ctx context.Context, b *broker) (producer.Session, error) {
	client := b.client(kgo.TransactionalID(b.stream.TransactionalID()), kgo.ProducerLinger(0))
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return carelessSession{b, client}, nil
}

func (s carelessSession) Close() { s.client.Close() }

func (s carelessSession) Progress(ctx context.Context) (schemas.Progress, bool, []string, error) {
	own, err := newest(ctx, s.broker)
	if own == nil {
		return schemas.Progress{}, false, nil, err
	}
	return *own, true, nil, err
}

func (s carelessSession) Windows(ctx context.Context, _ int) (map[int]schemas.Progress, error) {
	windows := map[int]schemas.Progress{}
	err := s.broker.stream.Cluster.ReadCommitted(ctx, stateTopic, func(_, value []byte) {
		if p, err := schemas.DecodeProgress(value); err == nil && p.Window > 0 {
			windows[p.Window] = p
		}
	})
	return windows, err
}

func (s carelessSession) Commit(ctx context.Context, rows []*kgo.Record, records []schemas.Progress, gate func() error) error {
	if err := s.client.BeginTransaction(); err != nil {
		return err
	}
	_ = s.client.ProduceSync(ctx, rows...) // the mistake
	for _, p := range records {
		value, err := p.Encode()
		if err != nil {
			return err
		}
		state := &kgo.Record{Topic: stateTopic, Key: []byte(p.Key()), Value: value}
		if err := s.client.ProduceSync(ctx, state).FirstErr(); err != nil {
			return err
		}
	}
	if err := gate(); err != nil {
		return err
	}
	return s.client.EndTransaction(ctx, kgo.TryCommit)
}

// TestOracleCatches plays schedules with a mistake in a port until the oracle
// finds it out.
func TestOracleCatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mistake mistake
		from    trouble  // that leads to it
		within  uint64   // schedules
		signs   []string // any of which is enough
	}{
		{readsBeforeFence, trouble{[]fault{paused, frozen, wiped, rolledBack}, 3, 90}, 200, []string{"has seq", "Redis is ahead of Kafka"}},
		{noSecondCheck, trouble{[]fault{frozen}, 1, 12}, 1000, []string{"wasted by faults"}},
		{commitsAfterFailure, trouble{[]fault{refused}, 3, 90}, 50, []string{"rows visible, its checkpoint says"}},
		{blindPut, trouble{[]fault{paused, frozen, wiped}, 3, 90}, 200, []string{"the copy moved back"}},
	}
	for _, test := range tests {
		t.Run(string(test.mistake), func(t *testing.T) {
			t.Parallel()
			for seed := range test.within {
				_, problems, _ := play(t, seed+1, test.from, &mutant{mistake: test.mistake})
				found := strings.Join(problems, "\n")
				if slices.ContainsFunc(test.signs, func(sign string) bool { return strings.Contains(found, sign) }) {
					t.Logf("caught by seed %d: %s", seed+1, found)
					return
				}
			}
			t.Errorf("never caught in %d schedules", test.within)
		})
	}
	t.Run("and nothing where there is no mistake", func(t *testing.T) {
		t.Parallel()
		for _, test := range tests {
			for seed := range uint64(20) {
				if _, problems, _ := play(t, seed+1, test.from, &mutant{}); len(problems) > 0 {
					t.Errorf("seed %d with %v: %v", seed+1, test.from, problems)
				}
			}
		}
	})
}
