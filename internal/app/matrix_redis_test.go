package app_test

import (
	"bufio"
	"crypto/sha1" // it is how Redis names a script
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// short is the shortest lease that can be had: renewed after 167 ms, given up
// after 333.
func short() settings { return settings{"LEASE_TTL": "500ms"} }

// redisStates are the ways in which a Redis that can be reached does not work:
// what it says, and what the program says about it.
func redisStates() map[string]struct{ reply, why, fix string } {
	return map[string]struct{ reply, why, fix string }{
		"LOADING":    {"LOADING Redis is loading the dataset in memory", "loading its data", "wait"},
		"READONLY":   {"READONLY You can't write against a read only replica.", "read-only replica", "name the master"},
		"OOM":        {"OOM command not allowed when used memory > 'maxmemory'.", "out of memory", "maxmemory"},
		"BUSY":       {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "script blocks it", "SCRIPT KILL"},
		"MISCONF":    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "cannot save", "disk"},
		"MASTERDOWN": {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "without its master", "replication"},
		"NOPERM":     {"NOPERM this user has no permissions to run the 'ping' command", "lacks a right", "jobo:"},
	}
}

// Without Redis at the start nothing is bought: it holds the lease.
func TestMatrixRedisNotThereAtTheStart(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	type start struct {
		do    func(l *lab)
		words []string
		// undo is what makes Redis well again, beside what is done for every case.
		undo func(l *lab)
	}
	// The server reads its passwords without a lock: they are touched where a case is about them alone.
	unlock := func(l *lab) { l.redis.RequireAuth("") }
	table := map[string]start{
		"away": {do: func(l *lab) { l.wire.away() }, words: []string{"closed the connection"}},
		"nobody listens": {do: func(l *lab) {
			dead := miniredis.RunT(l.t)
			l.env["REDIS_URL"] = "redis://" + dead.Addr()
			dead.Close()
		}, words: []string{"connection refused", "check that it runs"}},
		"a second for each reply":   {do: func(l *lab) { l.wire.slow(time.Second) }, words: []string{"no answer in time"}},
		"it wants a password":       {func(l *lab) { l.redis.RequireAuth("another") }, []string{"asks for a password", "REDIS_URL"}, unlock},
		"it wants another one":      {func(l *lab) { l.redis.RequireAuth("another"); l.login("redis://:" + wrongPassword + "@") }, []string{"password is wrong", "REDIS_URL"}, unlock},
		"the lease is no string":    {do: func(l *lab) { _, _ = l.redis.Push(l.key("lease"), "x") }, words: []string{"lease", "corrupt", "safe to delete"}},
		"the fence is no number":    {do: func(l *lab) { _ = l.redis.Set(l.key("fence"), "x") }, words: []string{"fence", "corrupt", "safe to delete"}},
		"the fence is no string":    {do: func(l *lab) { _, _ = l.redis.Push(l.key("fence"), "x") }, words: []string{"fence", "corrupt", "safe to delete"}},
		"the clock went back 1 h":   {do: func(l *lab) { l.steal("a-dead-one|1", time.Hour) }, words: []string{"a-dead-one", "no more is bought here"}},
		"a lease without an expiry": {do: func(l *lab) { l.steal("maintenance", 0) }, words: []string{"maintenance", "no more is bought here"}},
	}
	for name, state := range redisStates() {
		table[name] = start{do: func(l *lab) { l.redis.SetError(state.reply) }, words: []string{state.why, state.fix}}
	}
	each(t, table, func(t *testing.T, c start) {
		l := newLab(t, cluster, simulator.Options{})
		url := l.env["REDIS_URL"]
		c.do(l)
		want := app.ExitFailed
		if strings.Contains(c.words[len(c.words)-1], "no more is bought") {
			want = app.ExitBusy
		}
		l.runWith(short(), want, c.words...)
		if n, _ := l.front.requests(); n != 0 {
			t.Errorf("got %d requests to the feed, want none", n)
		}
		if c.undo != nil {
			c.undo(l)
		}
		l.redis.FlushAll() // as the message says: safe to delete
		l.env["REDIS_URL"] = url
		l.finish(allowance{})
	})
}

// login replaces the beginning of REDIS_URL.
func (l *lab) login(prefix string) { l.env["REDIS_URL"] = prefix + l.wire.addr() + "/0" }

// steal puts somebody else's lease in the place of whatever is there.
func (l *lab) steal(value string, ttl time.Duration) {
	if err := l.redis.Set(l.key("lease"), value); err != nil {
		l.t.Error(err)
	}
	if ttl > 0 { // zero would be: gone at once
		l.redis.SetTTL(l.key("lease"), ttl)
	}
}

// redisCase is what Redis does while the second page is bought, and for a little
// longer.
type redisCase struct {
	do func(l *lab)
	// ttl is the lease's; hold is how much longer the feed takes for that page.
	ttl  settings
	hold time.Duration
	code int
	// words, and again and the like as everywhere.
	words []string
	again int
}

func redisTable() map[string]redisCase {
	del := func(key string) func(l *lab) { return func(l *lab) { l.redis.Del(l.key(key)) } }
	noticed := 600 * time.Millisecond // long enough for a short lease to be renewed or lost
	table := map[string]redisCase{
		"away, shorter than the lease":       {do: func(l *lab) { l.wire.away() }},
		"away, longer than the lease":        {do: func(l *lab) { l.wire.away() }, ttl: short(), hold: noticed},
		"a second for each reply":            {do: func(l *lab) { l.wire.slow(time.Second) }},
		"a second for each reply, and a TTL": {do: func(l *lab) { l.wire.slow(time.Second) }, ttl: short(), hold: noticed},
		"the scripts are gone":               {do: func(l *lab) { l.command("SCRIPT", "FLUSH") }},
		"FLUSHALL":                           {do: func(l *lab) { l.redis.FlushAll() }},
		"FLUSHALL, noticed":                  {do: func(l *lab) { l.redis.FlushAll() }, ttl: short(), hold: noticed},
		"lease deleted":                      {do: del("lease")},
		"lease deleted, noticed":             {do: del("lease"), ttl: short(), hold: noticed},
		"fence deleted":                      {do: del("fence")},
		"fence deleted, noticed":             {do: del("fence"), ttl: short(), hold: noticed},
		"checkpoint deleted":                 {do: del("checkpoint")},
		"checkpoint of another type":         {do: func(l *lab) { del("checkpoint")(l); _ = l.redis.Set(l.key("checkpoint"), "x") }},
		"checkpoint with a fence of letters": {do: func(l *lab) { l.redis.HSet(l.key("checkpoint"), "fence", "x") }},
		"killed, its data on disk":           {do: func(l *lab) { l.wire.cut(); l.command("SCRIPT", "FLUSH") }},
		"killed, its data lost":              {do: func(l *lab) { l.wire.cut(); l.command("SCRIPT", "FLUSH"); l.redis.FlushAll() }},
		"its clock goes forward 1 h":         {do: func(l *lab) { l.redis.FastForward(time.Hour) }, ttl: short(), hold: noticed},
		"lease stolen":                       {do: func(l *lab) { l.steal("a-thief|77", time.Minute) }, ttl: short(), hold: noticed, code: app.ExitBusy, words: []string{"a-thief", "no more is bought here"}, again: 1},
	}
	for name, state := range redisStates() {
		if name == "NOPERM" { // does not pass by itself: it may end the run
			continue
		}
		table[name] = redisCase{do: func(l *lab) { l.redis.SetError(state.reply) }}
	}
	return table
}

func TestMatrixRedisFailsInTheRun(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, redisTable(), func(t *testing.T, c redisCase) {
		l := newLab(t, cluster, simulator.Options{})
		if c.hold > 0 {
			l.arm(simulator.Fault{Kind: simulator.KindLatency, Delay: c.hold, Billed: true, When: simulator.When{Page: 2}})
		}
		l.front.at(2, first(func() {
			c.do(l)
			// Not with the third request: without Redis there may be none.
			time.AfterFunc(700*time.Millisecond, func() { l.wire.heal(); l.redis.SetError("") })
		}))
		l.runWith(c.ttl, c.code, c.words...)
		if n, _ := l.front.requests(); c.code != app.ExitDone && n != 2 {
			t.Errorf("got %d requests, want none after the lease was lost", n)
		}
		l.redis.Del(l.key("lease"))
		l.finish(allowance{again: c.again})
		l.judgeCopy()
	})
}

// judgeCopy: in the end Redis has what Kafka has.
func (l *lab) judgeCopy() {
	l.t.Helper()
	want := l.progress()
	if got := l.redis.HGet(l.key("checkpoint"), "op"); got != want.Op {
		l.t.Errorf("the copy in Redis is of operation %q, the progress topic ends at %q", got, want.Op)
	}
}

// command sends a command to Redis past the wire.
func (l *lab) command(args ...string) {
	conn, err := net.Dial("tcp", l.redis.Addr())
	if err != nil {
		l.t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "*%d\r\n", len(args))
	for _, arg := range args {
		_, _ = fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if reply, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(reply, "+") {
		l.t.Errorf("%v: got %q, %v", args, reply, err)
	}
}

// Each call that changes or asks something may be executed and its reply lost: it
// is made again, and has the effect of one.
func TestMatrixRedisLosesReplies(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	type loss struct {
		name  string
		times int
	}
	table := map[string]loss{}
	for _, name := range []string{"acquire", "renew", "release", "put", "repair", "get", "hgetall"} {
		table[name+", once"], table[name+", twice"] = loss{name, 1}, loss{name, 2}
	}
	each(t, table, func(t *testing.T, c loss) {
		l := newLab(t, cluster, simulator.Options{})
		// A run that ends early: the next one knows the scripts and has a copy to repair.
		l.front.at(2, status(401, nil, ""))
		l.run(app.ExitFailed)
		l.wire.drop(c.times, callsOf(t, c.name)...)
		if c.name == "renew" {
			l.arm(simulator.Fault{Kind: simulator.KindLatency, Delay: 400 * time.Millisecond})
		}
		got := l.sync(t.Context(), short())
		if got.code != app.ExitDone {
			t.Errorf("got exit code %d: %s", got.code, got.said)
		}
		if lost := l.wire.dropped(); lost != c.times {
			t.Errorf("got %d replies lost, want %d", lost, c.times)
		}
		l.redis.FastForward(time.Second) // a lease whose release was lost runs out
		l.finish(allowance{})
		l.judgeCopy()
	})
}

// callsOf returns what a call of that name has in it: a script its text or its
// digest.
func callsOf(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "checkpoint", "scripts", name+".lua"))
	if err != nil {
		return []string{fmt.Sprintf("$%d\r\n%s\r\n", len(name), name)}
	}
	digest := sha1.Sum(text)
	return []string{hex.EncodeToString(digest[:]), string(text)}
}

// betweenCase is what happened to Redis between two runs. The first one stopped
// at a page in the middle.
type betweenCase struct {
	pages int // that the first run published after the copy that is called older; 0: one
	do    func(l *lab, older map[string]string, now schemas.Progress)
	code  int
	words []string
}

func betweenTable() map[string]betweenCase {
	do := func(do func(l *lab)) betweenCase {
		return betweenCase{do: func(l *lab, _ map[string]string, _ schemas.Progress) { do(l) }}
	}
	state := func(field, value string) betweenCase {
		return do(func(l *lab) { l.redis.HSet(l.key("checkpoint"), field, value) })
	}
	back := func(pages int) betweenCase {
		return betweenCase{pages: pages, do: func(l *lab, older map[string]string, _ schemas.Progress) {
			for field, value := range older {
				l.redis.HSet(l.key("checkpoint"), field, value)
			}
		}}
	}
	ahead := func(pages int) betweenCase {
		return betweenCase{
			do: func(l *lab, _ map[string]string, now schemas.Progress) {
				now.Seq, now.Pages, now.Op = now.Seq+uint64(pages), now.Pages+int64(pages), "01ARZ3NDEKTSV4RRFFQ69G5FAV"
				value, _ := json.Marshal(now) // it was read as JSON
				l.redis.HSet(l.key("checkpoint"), "fence", fmt.Sprint(now.Fence), "seq", fmt.Sprint(now.Seq), "op", now.Op, "state", string(value))
			},
			code: app.ExitRefused, words: []string{"refused to spend", "Redis is ahead of Kafka", "nothing was bought", "costs nothing"},
		}
	}
	return map[string]betweenCase{
		"nothing":                         do(func(*lab) {}),
		"FLUSHALL":                        do(func(l *lab) { l.redis.FlushAll() }),
		"fence deleted":                   do(func(l *lab) { l.redis.Del(l.key("fence")) }),
		"fence rolled back":               do(func(l *lab) { _ = l.redis.Set(l.key("fence"), "0") }),
		"checkpoint deleted":              do(func(l *lab) { l.redis.Del(l.key("checkpoint")) }),
		"checkpoint of another type":      do(func(l *lab) { l.redis.Del(l.key("checkpoint")); _ = l.redis.Set(l.key("checkpoint"), "x") }),
		"checkpoint rolled back":          back(1),
		"checkpoint rolled back 10 pages": back(10),
		"checkpoint ahead of Kafka":       ahead(1),
		"checkpoint 10 pages ahead":       ahead(10),
		"state is no JSON":                state("state", `{"v":1,`),
		"state is another thing":          state("state", `{"hello":"world"}`),
		"state is of the future":          state("state", `{"v":99}`),
		"seq is no number":                state("seq", "many"),
	}
}

func TestMatrixRedisChangedBetweenRuns(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, betweenTable(), func(t *testing.T, c betweenCase) {
		pages := max(c.pages, 1)
		l := newLab(t, cluster, simulator.Options{Rows: 12 + 5*pages})
		older := map[string]string{}
		l.front.at(2, first(func() { older = l.copied() }))
		l.front.at(2+pages, status(401, nil, ""))
		l.run(app.ExitFailed)
		c.do(l, older, l.progress())
		if c.code != app.ExitDone {
			l.run(c.code, c.words...)
			if n, _ := l.front.requests(); n != 2+pages {
				t.Errorf("got %d requests after the refusal, want none", n-2-pages)
			}
			l.redis.Del(l.key("checkpoint")) // the way on that the message names
		}
		l.finish(allowance{})
		l.judgeCopy()
	})
}

// copied returns the fields of the copy.
func (l *lab) copied() map[string]string {
	out := map[string]string{}
	fields, err := l.redis.HKeys(l.key("checkpoint"))
	if err != nil {
		l.t.Error(err)
	}
	for _, field := range fields {
		out[field] = l.redis.HGet(l.key("checkpoint"), field)
	}
	return out
}

// Kafka has nothing of the stream, and Redis has something: nobody agreed to buy
// all of it again.
func TestMatrixRedisKnowsAStreamThatKafkaDoesNot(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, map[string][]string{
		"what can't be read": {"fence", "1", "seq", "1", "op", "x", "state", "{"},
		"half of it":         {"seq", "5"},
	}, func(t *testing.T, fields []string) {
		l := newLab(t, cluster, simulator.Options{})
		l.redis.HSet(l.key("checkpoint"), fields...)
		l.run(app.ExitRefused, "refused to spend", "no checkpoint", "nothing was bought", "REDIS_URL")
		if n, _ := l.front.requests(); n != 0 {
			t.Errorf("got %d requests, want none", n)
		}
		l.redis.Del(l.key("checkpoint"))
		l.finish(allowance{})
	})
}
