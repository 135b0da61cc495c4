package ratelimit

import (
	"context"
	"crypto/rand"
	_ "embed" // for the scripts
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The scripts decide in one step on the server. Each of them may run twice with
// the effect of once: the client sends a call again when its reply is lost.
var (
	//go:embed scripts/common.lua
	commonLua string
	//go:embed scripts/take.lua
	takeLua string
	//go:embed scripts/done.lua
	doneLua string
	//go:embed scripts/recall.lua
	recallLua string
	//go:embed scripts/hold.lua
	holdLua string
	//go:embed scripts/leave.lua
	leaveLua string
	//go:embed scripts/state.lua
	stateLua string
)

// What take.lua says.
const (
	wordGo     = "GO"
	wordWait   = "WAIT"
	wordReplay = "REPLAY" // the log was lost: bring back what is known
)

// question is what take.lua is asked.
type question struct {
	owner string
	op    int64
	born  string        // the log that the caller knows
	grace time.Duration // for how long to wait for others that did without Redis
}

// reply is an answer of take.lua.
type reply struct {
	word       string
	wait, held time.Duration
	born       string
	replicas   int
	now        int64 // the server's clock, in us
	free       []int // places of each window
}

// scripts are the calls to Redis.
type scripts struct {
	redis   redis.Scripter
	keys    []string
	nonce   string // tells the requests of this process from those of others
	windows []any  // N and length in us of each
	life    int64  // for how long the log is kept, in us

	takeS, doneS, recallS, holdS, leaveS, stateS *redis.Script
}

func newScripts(client redis.Scripter, prefix string, ws Windows) scripts {
	s := scripts{
		redis:   client,
		nonce:   rand.Text()[:12],
		takeS:   redis.NewScript(commonLua + takeLua),
		doneS:   redis.NewScript(commonLua + doneLua),
		recallS: redis.NewScript(commonLua + recallLua),
		holdS:   redis.NewScript(commonLua + holdLua),
		leaveS:  redis.NewScript(commonLua + leaveLua),
		stateS:  redis.NewScript(commonLua + stateLua),
	}
	for _, name := range []string{"log", "queue", "waiting", "replicas", "state"} {
		s.keys = append(s.keys, prefix+":"+name)
	}
	for _, w := range ws {
		per := stretched(w.Per).Microseconds()
		s.windows = append(s.windows, w.N, per)
		s.life = per + 2*inFlight.Microseconds()
	}
	return s
}

// stretched is the length of a window as Redis counts it. There an answer's
// arrival ends a request, so its way to the server needs no margin.
func stretched(per time.Duration) time.Duration {
	return per + grain + min(per/drift, maxMargin)
}

func (s *scripts) take(ctx context.Context, q question) (reply, error) {
	args := append([]any{q.owner, s.member(q.op), q.born, inFlight.Microseconds(), q.grace.Microseconds()}, s.windows...)
	out, err := s.run(ctx, s.takeS, args, 6+len(s.windows)/2)
	if err != nil {
		return reply{}, fmt.Errorf("ask for a request: %w", err)
	}
	n, err := numbers(slices.Concat(out[1:2], out[3:])...)
	if err != nil {
		return reply{}, fmt.Errorf("ask for a request: %w", err)
	}
	got := reply{word: out[0], wait: us(n[0]), born: out[2], replicas: int(n[1]), held: us(n[2]), now: n[3]}
	for _, free := range n[4:] {
		got.free = append(got.free, int(free))
	}
	return got, nil
}

// done is called when the answer may belong to a context that has ended.
func (s *scripts) done(op int64, born string, started int64, r Report) error {
	args := append([]any{s.member(op), born, inFlight.Microseconds(), started, r.Limit, r.Remaining}, s.windows...)
	if _, err := s.run(context.Background(), s.doneS, args, 1); err != nil {
		return fmt.Errorf("end a request: %w", err)
	}
	return nil
}

func (s *scripts) recall(ctx context.Context, known []started, now time.Duration) error {
	args := []any{s.life}
	for _, r := range known {
		age := now - r.at
		if r.flying {
			age -= inFlight
		}
		args = append(args, s.member(r.op), age.Microseconds())
	}
	if _, err := s.run(ctx, s.recallS, args, 1); err != nil {
		return fmt.Errorf("bring back %d requests: %w", len(known), err)
	}
	return nil
}

func (s *scripts) hold(ctx context.Context, d time.Duration) error {
	if _, err := s.run(ctx, s.holdS, []any{d.Microseconds(), s.life}, 1); err != nil {
		return fmt.Errorf("hold requests for %v: %w", d, err)
	}
	return nil
}

func (s *scripts) leave(ctx context.Context, owner string) error {
	if _, err := s.run(ctx, s.leaveS, []any{owner}, 1); err != nil {
		return fmt.Errorf("leave the queue: %w", err)
	}
	return nil
}

// state returns the reply of state.lua: three numbers, and three for each window.
func (s *scripts) state(ctx context.Context) ([]int64, error) {
	out, err := s.run(ctx, s.stateS, s.windows, 3+3*len(s.windows)/2)
	if err != nil {
		return nil, fmt.Errorf("request limits: %w", err)
	}
	n, err := numbers(out...)
	if err != nil {
		return nil, fmt.Errorf("request limits: %w", err)
	}
	return n, nil
}

// run calls a script that answers with so many texts. It is not cut short by the
// end of ctx, after which nobody could tell whether a request was counted; the
// client's timeouts bound it.
func (s *scripts) run(ctx context.Context, script *redis.Script, args []any, want int) ([]string, error) {
	out, err := script.Run(context.WithoutCancel(ctx), s.redis, s.keys, args...).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.keys[0], err)
	}
	if len(out) != want {
		return nil, fmt.Errorf("%s: a script answered %q, want %d texts", s.keys[0], out, want)
	}
	return out, nil
}

// member names a request in the log.
func (s *scripts) member(op int64) string { return s.nonce + strconv.FormatInt(op, 36) }

func numbers(texts ...string) ([]int64, error) {
	out := make([]int64, len(texts))
	for i, t := range texts {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

func us(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
