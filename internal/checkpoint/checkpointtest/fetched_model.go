package checkpointtest

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// FetchedModel returns a property for rapid.Check: whatever is called in
// whatever order, m answers as the model does, and no mark and no newest version
// goes back, but for what was lost or forgotten. It wipes m before each run.
func FetchedModel(ctx context.Context, m Memo) func(*rapid.T) {
	return func(t *rapid.T) {
		m.Wipe()
		f := &fetchedModel{ctx: ctx, m: m, now: noon, known: map[string]checkpoint.Known{}, marks: checkpoint.Marks{}}
		m.SetNow(noon)
		t.Repeat(map[string]func(*rapid.T){
			"":         f.check,
			"remember": f.remember,
			"again":    f.again,
			"mark":     f.mark,
			"forget":   f.forget,
			"spoil":    f.spoil,
			"advance":  f.advance,
			"wipe":     f.wipe,
		})
	}
}

// fetchedModel knows what a memory should: entries as callers see them, without
// those that are forgotten.
type fetchedModel struct {
	ctx context.Context
	m   Memo
	now time.Time

	known map[string]checkpoint.Known
	marks checkpoint.Marks
	sent  [][]checkpoint.Known
}

var companies = []string{"a", "b", "c"}

// entry draws what somebody may have seen at some time.
func (f *fetchedModel) entry(t *rapid.T) checkpoint.Known {
	version := func(name string) string {
		n := rapid.IntRange(-1, 4).Draw(t, name)
		if n < 0 {
			return ""
		}
		return Version(n)
	}
	k := checkpoint.Known{ID: rapid.SampledFrom(companies).Draw(t, "id"), Newest: version("newest")}
	if rapid.IntRange(0, 3).Draw(t, "newest alone") == 0 {
		return k
	}
	k.Version = version("version")
	k.At = f.now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "age")) * NotFoundTTL / 4)
	k.Outcome = rapid.SampledFrom([]checkpoint.Outcome{checkpoint.Profile, checkpoint.Missing, checkpoint.Dead}).Draw(t, "outcome")
	k.ETag = rapid.SampledFrom([]string{"", `"1"`, `W/"2 3"`}).Draw(t, "etag")
	return k
}

func (f *fetchedModel) remember(t *rapid.T) {
	batch := make([]checkpoint.Known, rapid.IntRange(1, 3).Draw(t, "entries"))
	for i := range batch {
		batch[i] = f.entry(t)
	}
	f.sent = append(f.sent, batch)
	f.deliver(t, batch)
}

// again delivers entries for the second time, however late.
func (f *fetchedModel) again(t *rapid.T) {
	if len(f.sent) == 0 {
		t.Skip("nothing was sent yet")
	}
	f.deliver(t, rapid.SampledFrom(f.sent).Draw(t, "sent"))
}

func (f *fetchedModel) deliver(t *rapid.T, batch []checkpoint.Known) {
	wantErr(t, "remember", f.m.Fetched.Remember(f.ctx, batch...), nil)
	for _, k := range batch {
		k.Newest = max(k.Newest, k.Version)
		old, ok := f.known[k.ID]
		switch {
		case k.Outcome == "" || f.expired(k):
			if ok {
				old.Newest = max(old.Newest, k.Newest)
				f.known[k.ID] = old
			}
		case !ok || k.Version > old.Version || (k.Version == old.Version && k.At.After(old.At)):
			k.Newest = max(k.Newest, old.Newest)
			f.known[k.ID] = k
		default:
			old.Newest = max(old.Newest, k.Newest)
			f.known[k.ID] = old
		}
	}
}

func (f *fetchedModel) expired(k checkpoint.Known) bool {
	return k.Outcome == checkpoint.Missing && f.now.Sub(k.At) >= NotFoundTTL
}

func (f *fetchedModel) mark(t *rapid.T) {
	names := rapid.SampledFrom([]string{"t/0", "t/1", "u/0"})
	set := checkpoint.Marks(rapid.MapOfN(names, rapid.Int64Range(0, 120), 1, 3).Draw(t, "marks"))
	wantErr(t, "set marks", f.m.Fetched.SetMarks(f.ctx, set), nil)
	for name, offset := range set {
		if was, ok := f.marks[name]; !ok || offset > was {
			f.marks[name] = offset
		}
	}
}

func (f *fetchedModel) forget(t *rapid.T) {
	id := rapid.SampledFrom(companies).Draw(t, "id")
	wantErr(t, "forget", f.m.Fetched.Forget(f.ctx, id), nil)
	delete(f.known, id)
}

func (f *fetchedModel) spoil(t *rapid.T) {
	id := rapid.SampledFrom(companies).Draw(t, "id")
	f.m.Spoil(id, strings.Repeat("?", rapid.IntRange(0, 40).Draw(t, "length")))
	delete(f.known, id)
}

func (f *fetchedModel) advance(t *rapid.T) {
	f.now = f.now.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "quarters")) * NotFoundTTL / 4)
	f.m.SetNow(f.now)
	maps.DeleteFunc(f.known, func(_ string, k checkpoint.Known) bool { return f.expired(k) })
}

func (f *fetchedModel) wipe(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rare") > 0 {
		t.Skip("a wipe is rare")
	}
	f.m.Wipe()
	clear(f.known)
	clear(f.marks)
}

// check compares what can be seen after each step.
func (f *fetchedModel) check(t *rapid.T) {
	known, err := f.m.Fetched.Recall(f.ctx, companies)
	wantErr(t, "recall", err, nil)
	if diff := cmp.Diff(f.known, known); diff != "" {
		t.Fatalf("known (-want +got):\n%s", diff)
	}
	marks, err := f.m.Fetched.Marks(f.ctx)
	wantErr(t, "marks", err, nil)
	if diff := cmp.Diff(f.marks, marks); diff != "" {
		t.Fatalf("marks (-want +got):\n%s", diff)
	}
}
