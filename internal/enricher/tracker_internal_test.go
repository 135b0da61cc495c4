package enricher

import (
	"encoding/base64"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// modelPartition is what a tracker has to know, kept the simple way.
type modelPartition struct {
	records []int64        // their offsets; there are gaps
	done    map[int64]bool // all that ever was
	taken   map[int64]bool // in hand of this membership
	at      int            // index of the next record that the broker delivers
}

// Whatever is done in whichever order, and whenever the partition moves to another
// member or an aborted transaction rewinds it: each record is given out once
// until it is done, and never after that.
func TestATrackerGivesEachRecordOutUntilItIsDone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := modelPartition{done: make(map[int64]bool), taken: make(map[int64]bool)}
		offset := int64(rapid.IntRange(0, 1_000_000).Draw(t, "first"))
		for range rapid.IntRange(1, 60).Draw(t, "records") {
			m.records = append(m.records, offset)
			offset += int64(rapid.SampledFrom([]int{1, 1, 1, 2, 300}).Draw(t, "gap"))
		}
		committed, saved := Position{Offset: m.records[0]}, map[int64]bool{}
		tr := newTracker(committed)
		commit := func() { committed, saved = tr.position(), maps.Clone(m.done) }
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) {
				if m.at == len(m.records) {
					t.Skip("there are no more")
				}
				at := m.records[m.at]
				m.at++
				want := !m.done[at] && !m.taken[at]
				if got := tr.take(at, 1); got != want {
					t.Fatalf("take(%d) = %v, want %v", at, got, want)
				}
				m.taken[at] = m.taken[at] || want
			},
			"finish": func(t *rapid.T) {
				var open []int64
				for at := range m.taken {
					if !m.done[at] {
						open = append(open, at)
					}
				}
				if len(open) == 0 {
					t.Skip("nothing is in hand")
				}
				slices.Sort(open)
				at := rapid.SampledFrom(open).Draw(t, "which")
				tr.done(at)
				m.done[at] = true
				if rapid.Bool().Draw(t, "and take it back") {
					tr.reopen(at)
					delete(m.done, at)
				}
			},
			"commit": func(*rapid.T) { commit() },
			"rewind": func(*rapid.T) { // the broker delivers from the committed position again
				m.at, _ = slices.BinarySearch(m.records, committed.Offset)
			},
			"move": func(t *rapid.T) { // what was done after the last commit is not, for the next owner
				if rapid.Bool().Draw(t, "in peace") {
					commit()
				}
				tr, m.done = newTracker(committed), maps.Clone(saved)
				clear(m.taken)
				m.at, _ = slices.BinarySearch(m.records, committed.Offset)
			},
			"": func(t *rapid.T) {
				if p := tr.position(); len(p.Metadata) > 4096 {
					t.Fatalf("got %d bytes of metadata, want what a broker takes", len(p.Metadata))
				}
			},
		})
	})
}

func TestATrackerSaysWhetherThereIsSomethingToCommit(t *testing.T) {
	t.Parallel()
	tr := newTracker(Position{Offset: 5})
	if tr.changed {
		t.Error("a new tracker has something to commit")
	}
	tr.take(5, 0)
	tr.changed = false
	tr.done(5)
	if !tr.changed || tr.position().Offset != 6 {
		t.Errorf("got %+v after the only record is done, want 6 to be committed", tr.position())
	}
	tr.changed = false
	tr.done(5)
	if tr.changed {
		t.Error("to be done twice is no change")
	}
}

// So many distant records do not fit into a commit's metadata: those that do are
// enough to go on from, and the others are done again, not lost.
func TestMetadataThatDoNotFitClaimLess(t *testing.T) {
	t.Parallel()
	var open []int64
	for i := range int64(3000) {
		open = append(open, i*1_000_000)
	}
	last := open[len(open)-1]
	text := encodeMetadata(last+1, open)
	seen, left, ok := decodeMetadata(0, text)
	if !ok || len(text) > metadataMost {
		t.Fatalf("got %d bytes, readable: %v; want at most %d", len(text), ok, metadataMost)
	}
	if seen >= last || !slices.Equal(left, open[:len(left)]) || seen != open[len(left)] {
		t.Errorf("got %d records and everything seen below %d, want the first ones and no claim behind them", len(left), seen)
	}
}

func TestMetadataOfOthersSayNothing(t *testing.T) {
	t.Parallel()
	good := encodeMetadata(100, []int64{7, 9})
	for _, text := range []string{"", "rdkafka", "*", good[:2], base64.RawStdEncoding.EncodeToString([]byte{2, 1, 0}), base64.RawStdEncoding.EncodeToString([]byte{1, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 1})} {
		if tr := newTracker(Position{Offset: 7, Metadata: text}); tr.seen != 7 || len(tr.left) != 0 {
			t.Errorf("%q: got seen %d and left %v, want nothing known", text, tr.seen, tr.left)
		}
	}
	if tr := newTracker(Position{Offset: 7, Metadata: good}); tr.seen != 100 || !slices.Equal(tr.left, []int64{7, 9}) {
		t.Errorf("got seen %d and left %v, want 100 and 7, 9", tr.seen, tr.left)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(int64(7), encodeMetadata(100, []int64{7, 9, 55}))
	f.Add(int64(0), "AQAA")
	f.Fuzz(func(t *testing.T, offset int64, text string) {
		seen, left, ok := decodeMetadata(offset&(1<<60-1), text)
		if ok && (len(left) == 0 || !slices.IsSorted(left) || left[len(left)-1] >= seen) {
			t.Errorf("%q: got left %v below %d", text, left, seen)
		}
	})
}
