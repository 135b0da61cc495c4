package checkpoint

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// MemoryFetched is what was fetched, in the memory of one process, with the
// semantics of RedisFetched. It takes the time from package time.
//
// Wipe, Spoil and SetError play what happens to a server.
type MemoryFetched struct {
	ttl   time.Duration
	now   func() time.Time
	found corruption

	mu     sync.Mutex
	values map[string]string // by id, as Redis keeps them
	marks  Marks
	down   error
}

// NewMemoryFetched returns a memory that knows nothing.
func NewMemoryFetched(o FetchedOptions) *MemoryFetched {
	return &MemoryFetched{ttl: o.ttl(), now: time.Now, values: map[string]string{}, marks: Marks{}}
}

// enter locks f for one call. The caller unlocks it if there is no error.
func (f *MemoryFetched) enter(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	if f.down != nil {
		defer f.mu.Unlock()
		return f.down
	}
	return nil
}

// Recall is RedisFetched.Recall.
func (f *MemoryFetched) Recall(ctx context.Context, ids []string) (map[string]Known, error) {
	if err := f.enter(ctx); err != nil {
		return nil, fmt.Errorf("recall %d companies: %w", len(ids), err)
	}
	defer f.mu.Unlock()
	known, oldest := make(map[string]Known, len(ids)), oldestMissing(f.now(), f.ttl)
	for _, id := range ids {
		if p, ok := f.get(id); ok && !p.expired(oldest) {
			known[id] = p.known(id)
		}
	}
	return known, nil
}

// get returns what stands under id, or false if that is nothing that can be
// read.
func (f *MemoryFetched) get(id string) (packed, bool) {
	text, ok := f.values[id]
	if !ok {
		return packed{}, false
	}
	p, ok := unpack(text)
	if !ok {
		f.found.add(1, fetchedPrefix+"*", id)
	}
	return p, ok
}

// Remember is RedisFetched.Remember.
func (f *MemoryFetched) Remember(ctx context.Context, known ...Known) error {
	oldest := oldestMissing(f.now(), f.ttl)
	entries, err := packAll(known, oldest)
	if err != nil {
		return fmt.Errorf("remember: %w", err)
	}
	if err := f.enter(ctx); err != nil {
		return fmt.Errorf("remember %d companies: %w", len(known), err)
	}
	defer f.mu.Unlock()
	for _, e := range entries {
		f.merge(e, oldest)
	}
	return nil
}

// merge is scripts/remember.lua for one entry.
func (f *MemoryFetched) merge(e fetchedEntry, oldest string) {
	old, ok := f.get(e.id)
	if ok && old.expired(oldest) {
		ok = false
	}
	stays := old
	switch {
	case !ok && e.outcome == 0:
		return
	case !ok, e.outcome != 0 && old.version+old.at < e.version+e.at:
		stays = e.packed
	}
	stays.newest = e.newest
	if ok {
		stays.newest = max(e.newest, old.newest)
	}
	f.values[e.id] = stays.String()
}

// Forget is RedisFetched.Forget.
func (f *MemoryFetched) Forget(ctx context.Context, ids ...string) error {
	if err := f.enter(ctx); err != nil {
		return fmt.Errorf("forget %d companies: %w", len(ids), err)
	}
	defer f.mu.Unlock()
	for _, id := range ids {
		delete(f.values, id)
	}
	return nil
}

// Marks is RedisFetched.Marks.
func (f *MemoryFetched) Marks(ctx context.Context) (Marks, error) {
	if err := f.enter(ctx); err != nil {
		return nil, fmt.Errorf("get marks: %w", err)
	}
	defer f.mu.Unlock()
	return maps.Clone(f.marks), nil
}

// SetMarks is RedisFetched.SetMarks.
func (f *MemoryFetched) SetMarks(ctx context.Context, marks Marks) error {
	if err := marks.check(); err != nil {
		return fmt.Errorf("set marks: %w", err)
	}
	if err := f.enter(ctx); err != nil {
		return fmt.Errorf("set %d marks: %w", len(marks), err)
	}
	defer f.mu.Unlock()
	for name, offset := range marks {
		// A mark at 0 is one, too.
		f.marks[name] = max(f.marks[name], offset)
	}
	return nil
}

// Corrupt is RedisFetched.Corrupt.
func (f *MemoryFetched) Corrupt() (n int64, last error) { return f.found.get() }

// Wipe plays FLUSHALL: what was fetched and the marks are gone.
func (f *MemoryFetched) Wipe() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values, f.marks = map[string]string{}, Marks{}
}

// Spoil replaces what is kept of a company with text.
func (f *MemoryFetched) Spoil(id, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[id] = text
}

// SetError makes every call fail with err, as if the server were away; nil
// brings it back with its data.
func (f *MemoryFetched) SetError(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

// Snapshot returns what brings back all that f knows now, as when a replica of
// Redis takes over that did not get the last writes.
func (f *MemoryFetched) Snapshot() (restore func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	values, marks := maps.Clone(f.values), maps.Clone(f.marks)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.values, f.marks = values, marks
	}
}
