//go:build unix

package main_test

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/simulator"
)

// frozen is a feed over which a run takes long enough for two instances to meet.
func frozen(t *testing.T) *bed {
	t.Helper()
	return newBed(t, simulator.Options{
		Rows: 1500, Seed: 8, Latency: 20 * time.Millisecond,
		Change: simulator.Change{EveryPages: 1, Update: 2, Insert: 1, Rounds: 20},
	})
}

// freeze stops p and lets another instance take over and commit some pages.
func (b *bed) freeze(p *process) (other *process) {
	b.t.Helper()
	p.signal(syscall.SIGSTOP)
	token, pages := b.token(), b.pages()
	other = b.sync("BATCH_SIZE=25", "LOG_LEVEL=debug")
	until(b.t, "a take-over", func() bool { return b.token() > token }, other)
	until(b.t, "pages of the other instance", func() bool { return b.pages() >= pages+4 }, other)
	return other
}

// settle ends a test of two instances: one more run brings what changed since.
func (b *bed) settle(wasted int) {
	b.t.Helper()
	b.sync().expect(0)
	b.t.Log(b.complete().atMost(wasted))
}

func TestFrozenInstancePublishesNothingStale(t *testing.T) {
	t.Parallel()
	b, r := frozen(t), seed(t)
	const times = 4
	for range times {
		b.feed.UpdateRandom(400)
		served := int(b.served.Load())
		p := b.sync("BATCH_SIZE=25", "LOG_LEVEL=debug")
		until(t, "an answer", func() bool { return int(b.served.Load()) >= served+2 }, p)
		linger(r, 40*time.Millisecond)
		other := b.freeze(p)
		p.signal(syscall.SIGCONT)
		// It finds the other one at work, or gone with the work done.
		p.expect(0, 1, 5)
		other.expect(0)
	}
	b.settle(times)
}

func TestFrozenInstanceWakesAfterTheOtherHasFinished(t *testing.T) {
	t.Parallel()
	b, r := frozen(t), seed(t)
	p := b.sync("BATCH_SIZE=25")
	until(t, "an answer", func() bool { return b.served.Load() >= 5 }, p)
	linger(r, 40*time.Millisecond)
	b.freeze(p).expect(0)
	b.feed.UpdateRandom(100) // what it has in hand is old by now
	b.sync().expect(0)
	p.signal(syscall.SIGCONT)
	p.expect(0)
	b.settle(1)
}

func TestFrozenWithAPageUnderWay(t *testing.T) {
	t.Parallel()
	const page = 6
	for name, fault := range map[string]simulator.Fault{
		// Billed, and the answer comes long after another instance has bought the
		// page itself.
		"late answer": {Kind: simulator.KindLatency, Billed: true, Delay: 3 * time.Second},
		// Billed, and the answer breaks off in the middle.
		"half an answer": {Kind: simulator.KindStall, Bytes: 1000, Delay: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := frozen(t)
			fault.When.Page = page
			if err := b.feed.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			p := b.sync("BATCH_SIZE=25")
			until(t, "the purchase", func() bool { return b.pages() >= page }, p)
			other := b.freeze(p)
			p.signal(syscall.SIGCONT)
			p.expect(0, 1, 5)
			other.expect(0)
			b.settle(1)
		})
	}
}

// A writer that has passed its last check and then falls silent can't be stopped
// by its lease any more: that takes the fence.
func TestCommitThatArrivesAfterATakeOverIsRefused(t *testing.T) {
	t.Parallel()
	b := frozen(t)
	if b.broker == nil {
		t.Skip("a real Kafka does not hold back a request for a test")
	}
	const commit = 6
	var commits atomic.Int32
	arrived, let := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	b.broker.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		if commits.Add(1) == commit {
			b.broker.SleepControl(func() { close(arrived); <-let })
		}
		return nil, nil, false
	})
	p := b.sync("BATCH_SIZE=25")
	select {
	case <-arrived:
	case <-time.After(patience):
		t.Fatal("no commit came")
	}
	began := time.Now()
	other := b.freeze(p)
	// The page that waits for its commit is in nobody's way: the fence has ended
	// its transaction, long before the brokers would (after a minute).
	if waited := time.Since(began); waited > 40*time.Second {
		t.Errorf("the other instance went on after %s, as if it had not fenced the first", waited)
	}
	release() // only now the broker sees the commit
	p.signal(syscall.SIGCONT)
	p.expect(0, 1, 5)
	other.expect(0)
	b.settle(1)
}
