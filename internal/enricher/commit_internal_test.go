package enricher

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// committing is a member with one partition, of which two records are done and
// wait for their transaction, and which has begun it.
func committing(t *testing.T, w *world) (m *member, at Place) {
	t.Helper()
	r := w.idle()
	m = newMember(r.loop)
	m.group = r
	at = Place{sitesName, 0}
	r.owned[at] = 0
	r.current = m.inbox.current
	m.parts[at] = &part{tracker: newTracker(Position{})}
	for offset := range int64(3) {
		m.parts[at].take(offset, 0)
	}
	for offset, id := range []string{"a", "b"} {
		j := &job{event: event{id: id, tries: 1}}
		m.jobs[id] = j
		m.settle(settled{id: id, marks: []mark{{at, int64(offset)}}, job: j, records: []*kgo.Record{{Topic: "companies", Key: []byte(id)}}})
	}
	r.loop.o.Batch = 1
	m.commit()
	if m.pending == nil || len(m.ready) != 1 || len(m.pending.batch) != 1 {
		t.Fatalf("got %d records in the transaction and %d left, want one each", len(m.pending.batch), len(m.ready))
	}
	return m, at
}

// end waits for the transaction and takes it in.
func (m *member) landNow(t *testing.T) {
	t.Helper()
	m.landing.Wait()
	m.end()
	if err := m.land(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatATransactionDidNotPublishIsOpenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		m, at := committing(t, w)
		m.revoked(nil, false) // so it is aborted
		m.landNow(t)
		if got := m.parts[at].position(); got.Offset != 0 || len(m.parts[at].open) != 3 {
			t.Errorf("got position %+v with %v open, want all three", got, m.parts[at].open)
		}
		if len(m.ready) != 2 || m.ready[0].id != "a" || m.fetched != 2 || !m.moved() {
			t.Errorf("got %d ready and %d fetched, want both, the first one first, to be committed", len(m.ready), m.fetched)
		}
		if m.commitDue(time.Now(), false) || !m.commitDue(time.Now().Add(abortPause), false) {
			t.Error("the next transaction does not wait for the group to come to rest, or waits for longer")
		}
	})
}

func TestWhatATransactionDidNotPublishOfALostPartitionIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		m, at := committing(t, w)
		m.revoked([]Place{at}, false)
		m.lose([]Place{at})
		if m.fetched != 1 {
			t.Errorf("%d profiles count as fetched, want the one that is being committed", m.fetched)
		}
		fresh := &part{tracker: newTracker(Position{Offset: 2})} // it came back
		m.parts[at] = fresh
		m.landNow(t)
		if len(m.ready) != 0 || m.fetched != 0 || fresh.changed || len(fresh.open) != 0 {
			t.Errorf("got %d ready, %d fetched and %v open, want nothing of the partition that went", len(m.ready), m.fetched, fresh.open)
		}
	})
}

func TestATransactionThatLandsLeavesJobsOfOthersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		m, at := committing(t, w)
		m.landing.Wait() // it is through when the partition goes
		m.lose([]Place{at})
		m.parts[at] = &part{tracker: newTracker(Position{Offset: 1})}
		other := &job{event: event{id: "a"}}
		m.jobs["a"] = other // its next version
		m.landNow(t)
		if m.jobs["a"] != other {
			t.Error("the job of the partition's next ownership is gone")
		}
	})
}

// The memory is told how far it knows the topics only where it knows all before it.
func TestANoteMovesNoMarkPastAGap(t *testing.T) {
	t.Parallel()
	const epoch = 7
	mark := MarkOf(epoch, "companies", "", 0)
	records := []*kgo.Record{{Topic: "companies", Offset: 9}}
	for name, c := range map[string]struct {
		prepare func(r *recall, memory *checkpoint.MemoryFetched)
		offset  int64 // that the memory is told
		behind  bool
	}{
		"all is there":       {func(*recall, *checkpoint.MemoryFetched) {}, 10, false},
		"it is behind":       {func(r *recall, _ *checkpoint.MemoryFetched) { r.behind = true }, 0, true},
		"it is another one":  {func(_ *recall, m *checkpoint.MemoryFetched) { m.Wipe() }, 0, true},
		"it forgot the last": {func(r *recall, _ *checkpoint.MemoryFetched) { r.told = checkpoint.Marks{mark: 5} }, 0, true},
		"it is away":         {func(_ *recall, m *checkpoint.MemoryFetched) { m.SetError(errors.New("away")) }, 0, true},
	} {
		memory := checkpoint.NewMemoryFetched(checkpoint.FetchedOptions{})
		if err := memory.SetMarks(t.Context(), checkpoint.Marks{EpochMark: epoch}); err != nil {
			t.Fatal(err)
		}
		r := newRecall(memory, time.Hour)
		r.epoch = epoch
		c.prepare(r, memory)
		n := r.note([]settled{{known: &checkpoint.Known{ID: "a", Version: versionOf(worldVersion(1)), At: time.Now(), Outcome: checkpoint.Profile}}})
		n.tell(t.Context(), memory, Topics{Companies: "companies"}, records)
		told := r.noted(n)
		memory.SetError(nil)
		marks, err := memory.Marks(t.Context())
		away := name == "it is away"
		if (told != nil) != away {
			t.Errorf("%s: got %v", name, told)
		}
		if marks[mark] != c.offset || r.behind != c.behind || r.told[mark] > max(c.offset, 5) || err != nil {
			t.Errorf("%s: the mark is %d and behind %v, want %d and %v (%v)", name, marks[mark], r.behind, c.offset, c.behind, err)
		}
		if _, kept := r.young["a"]; !kept {
			t.Errorf("%s: this process has forgotten it", name)
		}
	}
}

// A note of before the memory was caught up with may be missing from it.
func TestANoteOfAnotherEpochLeavesTheMemoryBehind(t *testing.T) {
	t.Parallel()
	r := newRecall(checkpoint.NewMemoryFetched(checkpoint.FetchedOptions{}), time.Hour)
	n := r.note(nil)
	r.epoch++
	if err := r.noted(n); err != nil || !r.behind {
		t.Errorf("got behind %v, %v; want it to be read again", r.behind, err)
	}
}

// A transaction is about partitions that went only where their going was taken in.
func TestATransactionThatBeginsBeforeARevocationIsTakenInIsNotCurrent(t *testing.T) {
	t.Parallel()
	m := newMember(newWorld(t, Options{}).idle().loop)
	m.revoked(nil, false)
	m.inbox.stamp()
	if m.inbox.current() {
		t.Error("it counts as current although it may be about what went")
	}
	m.inbox.take()
	m.inbox.stamp()
	if !m.inbox.current() {
		t.Error("it does not count as current after the revocation was taken in")
	}
}

// A slot that was prepared with a memory that is no more is not known to the new one.
func TestASlotThatWasPreparedWithAnotherMemoryLeavesItBehind(t *testing.T) {
	t.Parallel()
	r := newWorld(t, Options{}).idle()
	m := newMember(r.loop)
	m.group = r
	for slot, epoch := range []int64{2, 2, 1} {
		at := Place{sitesName, int32(slot)}
		m.parts[at] = &part{}
		if err := m.open(t.Context(), readied{parts: map[Place]*part{at: m.parts[at]}, epoch: epoch}); err != nil {
			t.Fatal(err)
		}
		if want := epoch != 2; m.recall.behind != want || m.recall.epoch != 2 {
			t.Errorf("with epoch %d: got behind %v of epoch %d, want %v of 2", epoch, m.recall.behind, m.recall.epoch, want)
		}
	}
}
