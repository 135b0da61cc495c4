//go:build unix

package main_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestRedisAway(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 420, Seed: 23, CompanyLatency: 20 * time.Millisecond})
	all, chosen := b.ids()
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	var line wires
	u.Host = proxy(t, &line, u.Host)
	p := b.run("REDIS_URL=" + u.String())
	b.show(all[:300]...)
	b.until("requests", func() bool { return b.gets() >= 50 }, p)
	line.cut()
	gets := b.gets()
	b.show(all[300:]...)
	b.caughtUp(b.name, p) // without Redis
	if n := b.gets() - gets; n < 100 {
		t.Errorf("%d GETs while Redis was away, want at least 100: the test shows less than it should", n)
	}
	line.mend()
	b.change(chosen[:40]...)
	b.caughtUp(b.name, p)
	p.stop()
	// What Redis was not there for it learns from the topics, at the next start if it
	// was too short before.
	p = b.run()
	b.caughtUp(b.name, p)
	b.change(chosen[40])
	b.caughtUp(b.name, p)
	p.stop()
	a := b.audit(chosen).noLetters().atMost(0)
	b.known(chosen)
	t.Log(a)
}

// known checks that Redis has caught up: it knows each company.
func (b *bed) known(ids []string) {
	b.t.Helper()
	missing := make(map[string]bool)
	for _, id := range ids {
		missing[id] = true
	}
	keys, err := b.redis.Keys(b.t.Context(), b.memory+"*").Result()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, key := range keys {
		fields, err := b.redis.HKeys(b.t.Context(), key).Result()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, id := range fields {
			delete(missing, id)
		}
	}
	if len(missing) > 0 {
		b.t.Errorf("Redis does not know %d of %d companies that were fetched", len(missing), len(ids))
	}
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 420, Seed: 24, CompanyLatency: 20 * time.Millisecond})
	if b.wires == nil {
		t.Skip("the connections of a real Kafka are not this test's to cut")
	}
	all, chosen := b.ids()
	r := seed(t)
	replicas := []*process{b.run(), b.run()}
	const cuts = 4
	for i := range cuts {
		gets := b.gets()
		b.show(all[i*len(all)/cuts : (i+1)*len(all)/cuts]...)
		b.until("requests", func() bool { return b.gets() > gets+10 }, replicas...)
		linger(r, 150*time.Millisecond) // before, within or after a transaction
		b.wires.cut()
		linger(r, b.session) // the members may be thrown out
		b.wires.mend()
	}
	b.caughtUp(b.name, replicas...)
	for _, p := range replicas {
		p.stop()
	}
	// A member that was thrown out has lost what it has in hand.
	t.Logf("%d cuts: %v", cuts, b.audit(chosen).noLetters().atMost(cuts*len(replicas)*batch))
}
