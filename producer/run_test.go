//go:build unix

package main_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestServiceBackfillsAndThenSyncsAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 200, Seed: 51})
	s := b.run()
	for range 2 {
		s.reaches("waiting")
		bought := b.feed.Ledger().Rows
		b.feed.UpdateRandom(10)
		until(t, "what changed", func() bool { return b.feed.Ledger().Rows >= bought+10 }, s.process)
	}
	if next := s.reaches("waiting").Next; next.IsZero() {
		t.Error("the service waits and does not say until when")
	}
	s.shows("/livez", "ok")
	s.comesToShow("/readyz?verbose", `"ready": true`, "waiting") // the next run may have begun
	s.shows("/metrics", "jobo_producer_credits_spent_total 1", `jobo_producer_waste_credits{reason="crash"} 0`, "jobo_producer_leader 1",
		"jobo_producer_paused 0", "# HELP jobo_producer_pages_committed_total", "jobo_producer_kafka_")
	s.stop()
	a := b.complete().atMost(0).accounted()
	if first := a.chain[0]; first.Mode != schemas.Backfill || a.chain[len(a.chain)-1].Mode != schemas.Incremental {
		t.Errorf("the first run is a %s, want a backfill and then incremental ones", first.Mode)
	}
}

func TestReplicaStandsByAndTakesOver(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 2500, Seed: 52, Latency: 20 * time.Millisecond})
	leader := b.run()
	until(t, "two purchases", func() bool { return b.pages() >= 2 }, leader.process)
	replica := b.run()
	if d := replica.reaches("standby"); !strings.Contains(d.Reason, "lease held by") || d.Since.IsZero() {
		t.Errorf("the replica says %+v, want who holds the lease, and since when it stands by", d)
	}
	replica.shows("/readyz?verbose", `"ready": true`, "standby: lease held by")
	until(t, "a word of it in the log", func() bool { return strings.Contains(replica.stderr.String(), `"msg":"standing by"`) }, replica.process)
	if !leader.kill() {
		t.Fatal("the leader ended before it was killed")
	}
	struck := time.Now()
	replica.reaches("syncing")
	t.Logf("taken over %s after the kill, at a lease of 1s", time.Since(struck).Round(time.Millisecond))
	replica.reaches("waiting")
	replica.stop()
	a := b.complete().atMost(1).accounted()
	if last := a.chain[0].RunID; b.chain()[10].RunID != last {
		t.Errorf("the replica began run anew instead of finishing run %s", last)
	}
	t.Log(a)
}

func TestServiceWaitsForTheWallet(t *testing.T) {
	t.Parallel()
	const pages = 3
	b := newBed(t, simulator.Options{Rows: 300, Seed: 53, Balance: pages * 25 * simulator.DefaultPrice})
	s := b.run()
	d := s.reaches("paused")
	if !strings.Contains(d.Reason, "the wallet holds 0 credits") || !strings.Contains(d.Wants, "when the wallet is filled") || d.Since.IsZero() || d.Next.IsZero() {
		t.Errorf("the service says %+v; want why, since when, for what and until when", d)
	}
	s.shows("/readyz?verbose", `"ready": true`, "paused: the wallet holds 0 credits")
	s.shows("/metrics", "jobo_producer_paused 1", "jobo_producer_wallet_balance_credits 0")
	refused := b.feed.Ledger().Status[http.StatusPaymentRequired]
	until(t, "another try", func() bool { return b.feed.Ledger().Status[http.StatusPaymentRequired] > refused }, s.process)
	if again := s.reaches("paused"); !again.Since.Equal(d.Since) {
		t.Errorf("the pause began at %s, and after a try at %s", d.Since, again.Since)
	}
	b.feed.AddBalance(1_000_000)
	s.reaches("waiting")
	s.stop()
	a := b.complete().atMost(0).accounted()
	if next := a.ledger.Bills[pages]; next.Cursor != a.chain[pages-1].Cursor || a.ledger.Duplicates != 0 {
		t.Errorf("it went on from cursor %q and bought %d rows twice, want from %q", next.Cursor, a.ledger.Duplicates, a.chain[pages-1].Cursor)
	}
}

func TestServiceTakesANewKeyWithoutARestart(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 2000, Seed: 54, Latency: 20 * time.Millisecond})
	file, fresh := filepath.Join(t.TempDir(), "key"), keyOf("fresh-"+b.name[len(b.name)-10:])
	write := func(key string) {
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(b.secret)
	s := b.run("JOBO_API_KEY=", "JOBO_API_KEY_FILE="+file)
	until(t, "two purchases", func() bool { return b.pages() >= 2 }, s.process)
	b.feed.SetKey(fresh, simulator.KeyActive)
	write(fresh)
	s.signal(syscall.SIGHUP)
	until(t, "the new key", func() bool { return strings.Contains(s.stderr.String(), "a new API key is in use") }, s.process)
	// Whoever revokes the old one waits until nobody uses it any more.
	pages := b.pages()
	until(t, "two more purchases", func() bool { return b.pages() >= pages+2 }, s.process)
	b.feed.SetKey(b.secret, simulator.KeyRevoked)
	s.reaches("waiting")
	s.stop()
	a := b.complete().atMost(0).accounted()
	if bad := a.ledger.Status[http.StatusUnauthorized]; bad != 0 || a.ledger.Bills[0].Key != b.secret || a.ledger.Bills[len(a.ledger.Bills)-1].Key != fresh {
		t.Errorf("%d requests were unauthorised, want none, and the new key at the end", bad)
	}
}

func TestServiceStopsCleanlyWhateverItDoes(t *testing.T) {
	t.Parallel()
	for name, wallet := range map[string]int64{"waiting": 1_000_000, "paused": 5000, "syncing": 1_000_000, "standby": 1_000_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, simulator.Options{Rows: 300, Seed: 55, Latency: 20 * time.Millisecond, Balance: wallet})
			if name == "standby" {
				if err := b.redis.Set(t.Context(), b.key("lease"), "someone:1:x|1", time.Minute).Err(); err != nil {
					t.Fatal(err)
				}
			}
			// Long pauses: what ends them is the signal.
			s := b.run("SYNC_INTERVAL=1h", "WALLET_PROBE_INTERVAL=1h")
			s.reaches(name)
			if name == "syncing" {
				until(t, "a purchase", func() bool { return b.pages() >= 2 }, s.process)
			}
			s.stop()
			if name == "standby" {
				b.free()
				return
			}
			b.audit().atMost(0).accounted()
			if n, err := b.redis.Exists(t.Context(), b.key("lease")).Result(); err != nil || n != 0 {
				t.Errorf("the lease is still there (%v): a replica would have to wait for it", err)
			}
		})
	}
}

func TestServiceThatIsRefusedSaysSoAndEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 120, Seed: 56})
	b.sync().expect(0)
	pages := b.pages()
	p := launch(t, b.settings("FILTER_IS_AGENCY=false", "LISTEN=127.0.0.1:0", "SYNC_INTERVAL=1s"), "run")
	p.says(4, "filters changed", "nothing was bought", "producer state reset --keep-watermark")
	b.noMore(pages)
}

func TestServiceNamesThePortThatIsTaken(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 50})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // nobody connects
	launch(t, b.settings("LISTEN="+ln.Addr().String()), "run").says(2, "LISTEN", ln.Addr().String(), "in use")
	b.noRequest()
}
