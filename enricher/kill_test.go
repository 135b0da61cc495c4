//go:build unix

package main_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// seed decides the moments of one test, and says how to have them again.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := *seedFlag
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("moments of -seed=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// linger waits for a random time up to limit. It does not wait for anything to
// happen: where a process is struck within the step that it is at is the point.
func linger(r *rand.Rand, limit time.Duration) {
	<-time.After(time.Duration(r.Int64N(int64(limit))))
}

// Each round freezes one replica and kills the two others, all with work in hand,
// and wakes the frozen one when the others have its work.
func TestKills(t *testing.T) {
	t.Parallel()
	rounds := 3 * *soakFlag
	const strikes, latency = 3, 30 * time.Millisecond // a freeze and two kills
	b := newBed(t, simulator.Options{Rows: 650 * *soakFlag, Seed: 21, CompanyLatency: latency})
	r, began := seed(t), time.Now()
	all, chosen := b.ids()
	if want := 600 * *soakFlag; len(chosen) < want {
		t.Fatalf("%d companies are selected, want at least %d", len(chosen), want)
	}
	waiting, wave := all, len(all)/(rounds*strikes)
	// work brings career sites that are new and others that changed, some of which
	// are being fetched, and waits until a random number of them is asked for.
	work := func(replicas ...*process) {
		b.t.Helper()
		gets, shown := b.gets(), all[:len(all)-len(waiting)]
		b.show(waiting[:wave]...)
		waiting = waiting[wave:]
		for range min(len(shown), 12) {
			b.change(shown[r.IntN(len(shown))])
		}
		more := gets + 1 + r.IntN(wave/3)
		b.until("requests", func() bool { return b.gets() >= more }, replicas...)
		linger(r, latency)
	}
	replicas := []*process{b.run(), b.run(), b.run()}
	b.until("three members", func() bool { return b.members() == 3 }, replicas...)
	t.Logf("%s 3 members", time.Since(began))
	for range rounds {
		r.Shuffle(len(replicas), func(i, j int) { replicas[i], replicas[j] = replicas[j], replicas[i] })
		frozen := replicas[0]
		work(replicas...)
		frozen.signal(syscall.SIGSTOP)
		for i := 1; i < strikes; i++ {
			work(replicas...)
			replicas[i].kill()
			replicas[i] = b.run()
		}
		t.Logf("%s struck", time.Since(began))
		b.until("the others to have its work", func() bool { return b.members() == 2 }, replicas...)
		t.Logf("%s cont", time.Since(began))
		frozen.signal(syscall.SIGCONT)
		b.until("three members", func() bool { return b.members() == 3 }, replicas...)
	}
	t.Logf("%s all back", time.Since(began))
	b.show(waiting...)
	b.caughtUp(b.name, replicas...)
	t.Logf("%s caught up", time.Since(began))
	for _, p := range replicas {
		p.stop()
	}
	a := b.audit(chosen).noLetters().atMost(rounds * strikes * batch)
	t.Logf("%d kills, %d freezes in %s: %v", 2*rounds, rounds, time.Since(began).Round(100*time.Millisecond), a)
}
