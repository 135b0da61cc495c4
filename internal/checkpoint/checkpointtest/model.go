package checkpointtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// unit is what times in the model are multiples of: long beside what a check
// takes, so that the server's own clock makes no difference.
const unit = time.Minute

// Model returns a property for rapid.Check: whatever is called in whatever
// order, h answers as the model does, tokens grow, and the copy never goes
// back, but for what was lost or repaired. It wipes h before each run.
func Model(ctx context.Context, h Harness) func(*rapid.T) {
	return func(t *rapid.T) {
		h.Wipe()
		m := &model{ctx: ctx, h: h}
		t.Repeat(map[string]func(*rapid.T){
			"":          m.check,
			"acquire":   m.acquire,
			"renew":     m.renew,
			"release":   m.release,
			"put":       m.put,
			"duplicate": m.duplicate,
			"repair":    m.repair,
			"expire":    m.advance,
			"wipe":      m.wipe,
			"snapshot":  m.snapshot,
			"rollback":  m.rollback,
		})
	}
}

// grant is a lease that somebody was given once.
type grant struct {
	owner string
	token uint64
}

// state is what the model says that the server keeps.
type state struct {
	holder grant // zero: nobody
	left   time.Duration
	fence  uint64
	copied *schemas.Progress
}

// model is the whole of what is known of a run.
type model struct {
	ctx context.Context
	h   Harness
	state

	grants []grant            // all that were ever given
	sent   []schemas.Progress // all that were ever put
	floor  uint64             // the highest token ever given: what Kafka knows

	restore func() // of the server; nil without a snapshot
	was     state
}

// grant draws a lease that was given at some time, or never.
func (m *model) grant(t *rapid.T) grant {
	if len(m.grants) == 0 || rapid.IntRange(0, 9).Draw(t, "stranger") == 0 {
		return grant{"stranger", 1}
	}
	return rapid.SampledFrom(m.grants).Draw(t, "grant")
}

// held reports whether g stands.
func (m *model) held(g grant) bool { return m.left > 0 && m.holder == g }

// wantErr checks err against what the model expects: nil, or a sentinel.
func wantErr(t *rapid.T, what string, got, want error) {
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// wantLease checks err against whether the lease stands.
func wantLease(t *rapid.T, what string, err error, held bool) {
	var want error
	if !held {
		want = checkpoint.ErrLost
	}
	wantErr(t, what, err, want)
}

func (m *model) acquire(t *rapid.T) {
	owner := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "owner")
	d := time.Duration(rapid.IntRange(1, 3).Draw(t, "ttl")) * unit
	token, err := m.h.Store.Acquire(m.ctx, owner, d, m.floor)
	if m.left > 0 && m.holder.owner != owner {
		var busy *checkpoint.BusyError
		if !errors.As(err, &busy) || busy.Owner != m.holder.owner || busy.Token != m.holder.token {
			t.Fatalf("acquire by %s: got %v, want busy with %v", owner, err, m.holder)
		}
		return
	}
	want := m.holder.token
	if m.left == 0 {
		m.fence = max(m.fence, m.floor) + 1
		want = m.fence
		if want <= m.floor {
			t.Fatalf("the model gives token %d after %d", want, m.floor)
		}
	}
	if err != nil || token != want {
		t.Fatalf("acquire by %s: got %d, %v, want %d", owner, token, err, want)
	}
	m.holder, m.left, m.floor = grant{owner, token}, d, max(m.floor, token)
	m.grants = append(m.grants, m.holder)
}

func (m *model) renew(t *rapid.T) {
	g := m.grant(t)
	d := time.Duration(rapid.IntRange(1, 3).Draw(t, "ttl")) * unit
	wantLease(t, "renew", m.h.Store.Renew(m.ctx, g.owner, g.token, d), m.held(g))
	if m.held(g) {
		m.left = d
	}
}

func (m *model) release(t *rapid.T) {
	g := m.grant(t)
	wantErr(t, "release", m.h.Store.Release(m.ctx, g.owner, g.token), nil)
	if m.held(g) {
		m.left = 0
	}
}

// next draws a record: mostly the one that follows, by a writer that was given
// a lease at some time.
func (m *model) next(t *rapid.T) schemas.Progress {
	var at schemas.Progress
	if m.copied != nil {
		at = *m.copied
	}
	step := rapid.SampledFrom([]uint64{0, 1, 1, 1, 1, 2}).Draw(t, "step")
	p := Progress(m.h.Feed, m.grant(t).token, max(at.Seq+step, 1))
	p.Op = fmt.Sprintf("op-%d", len(m.sent))
	m.sent = append(m.sent, p)
	return p
}

func (m *model) put(t *rapid.T) { m.deliver(t, m.next(t)) }

// duplicate delivers a put for the second time, however late.
func (m *model) duplicate(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip("nothing was put yet")
	}
	m.deliver(t, rapid.SampledFrom(m.sent).Draw(t, "sent"))
}

func (m *model) deliver(t *rapid.T, p schemas.Progress) {
	var want error
	switch at := m.copied; {
	case at == nil:
		m.copied = &p
	case at.Op == p.Op:
	case p.Fence < at.Fence:
		want = checkpoint.ErrFenced
	case p.Seq <= at.Seq:
		want = checkpoint.ErrStale
	default:
		if !p.Newer(*at) {
			t.Fatalf("the model moves back from %s to %s", at.Op, p.Op)
		}
		m.copied = &p
	}
	wantErr(t, "put "+p.Op, m.h.Store.Put(m.ctx, p), want)
}

func (m *model) repair(t *rapid.T) {
	g := m.grant(t)
	var p schemas.Progress
	if rapid.Bool().Draw(t, "published") {
		p = m.next(t)
	}
	switch rapid.IntRange(0, 3).Draw(t, "damage") {
	case 0:
		if m.held(g) {
			m.h.Spoil(nil)
		}
	case 1:
		if m.held(g) {
			m.h.Spoil([]byte("{"))
		}
	}
	wantLease(t, "repair", m.h.Store.Repair(m.ctx, g.owner, g.token, p), m.held(g))
	if m.held(g) {
		m.copied = nil
		if p.Seq > 0 {
			m.copied = &p
		}
	}
}

func (m *model) advance(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 3).Draw(t, "minutes")) * unit
	m.h.Advance(d)
	m.left = max(m.left-d, 0)
}

func (m *model) wipe(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rare") > 0 {
		t.Skip("a wipe is rare")
	}
	m.h.Wipe()
	m.state = state{}
}

func (m *model) snapshot(*rapid.T) {
	m.restore, m.was = m.h.Snapshot(), m.state
}

func (m *model) rollback(t *rapid.T) {
	if m.restore == nil {
		t.Skip("there is no snapshot")
	}
	m.restore()
	m.state, m.restore = m.was, nil
}

// check compares what can be seen after each step.
func (m *model) check(t *rapid.T) {
	// One of those before the holder is enough at a time: there are many steps.
	for _, g := range []grant{m.holder, m.grant(t)} {
		if g.owner == "" {
			continue // nobody ever held the lease
		}
		wantLease(t, fmt.Sprintf("held by %v", g), m.h.Store.Held(m.ctx, g.owner, g.token), m.held(g))
	}
	got, err := m.h.Store.Get(m.ctx)
	if m.copied == nil {
		wantErr(t, "get", err, checkpoint.ErrNotFound)
		return
	}
	wantErr(t, "get", err, nil)
	if got.Op != m.copied.Op || got.Fence != m.copied.Fence || got.Seq != m.copied.Seq {
		t.Fatalf("copy: got %s, want %s", got.Op, m.copied.Op)
	}
}
