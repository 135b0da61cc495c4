package kafka_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// window is the record of window w of n, in the transaction of page seq.
func window(feed string, seq uint64, w, n int) schemas.Progress {
	p := page(feed, seq)
	p.Window, p.Windows, p.Cursor = w, n, fmt.Sprintf("cursor-%d-%d", w, seq)
	return p
}

// cut is a stream's own record while its scan is cut into n windows.
func cut(feed string, seq uint64, n int) schemas.Progress {
	p := page(feed, seq)
	p.Windows = n
	return p
}

// wantWindows checks which transaction the newest record of each window is of.
func wantWindows(t testing.TB, got map[int]schemas.Progress, err error, want map[int]uint64) {
	t.Helper()
	seqs := map[int]uint64{}
	for w, p := range got {
		seqs[w] = p.Seq
		if p.Window != w {
			t.Errorf("under window %d: got the record of window %d", w, p.Window)
		}
	}
	if err != nil || !maps.Equal(seqs, want) {
		t.Errorf("windows and their pages: got %v, %v; want %v", seqs, err, want)
	}
}

// group commits a full group: 16 pages of 50 rows, the stream's record and 16
// of its windows.
func (b *bundle) group(session *kafka.Session, seq uint64, gate func() error) error {
	const windows = 16
	feed := b.stream.Feed
	progress := pages(cut(feed, seq, windows))
	for w := range windows {
		progress = append(progress, window(feed, seq, w+1, windows))
	}
	return session.Commit(within(b.t, patience), b.rows(feed, windows*50), progress, gate)
}

func TestGroupOfPagesIsCommittedAsOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	lost := errors.New("lease lost")
	if err := b.group(session, 1, func() error { return lost }); !errors.Is(err, lost) {
		t.Fatalf("Commit: got %v, want %v", err, lost)
	}
	session = b.wantProgress(b.stream, 0)
	got, err := session.Windows(within(t, patience), 16)
	wantWindows(t, got, err, map[int]uint64{})
	if err := b.group(session, 1, allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	b.wantVisible(800, 17)
	want := map[int]uint64{}
	for w := range 16 {
		want[w+1] = 1
	}
	got, err = b.wantProgress(b.stream, 1).Windows(within(t, patience), 16)
	wantWindows(t, got, err, want)
}

func TestProgressRecordIsSentWhenAllRowsAreAcknowledged(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	session := b.fence(b.stream)
	progress := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.stream.Progress.Name, Observe: true, Count: -1})
	rows := b.rows(b.stream.Feed, 800)
	rows[799].Value = noise(b.stream.Sites.MaxMessageBytes + 1)
	if err := session.Commit(within(t, patience), rows, pages(page(b.stream.Feed, 1)), allow); err == nil {
		t.Error("Commit: got nil, want an error")
	}
	if got := progress.Hits(); got != 0 {
		t.Errorf("requests with progress: got %d, want none before every row is acknowledged", got)
	}
	b.wantProgress(b.stream, 0)
}

func TestWindowsAreTheNewestOfEach(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	feed := b.stream.Feed
	for _, p := range [][]schemas.Progress{
		pages(cut(feed, 1, 3), window(feed, 1, 1, 3), window(feed, 1, 2, 3)),
		pages(cut(feed, 2, 3), window(feed, 2, 2, 3)),
		pages(cut(feed, 3, 3)),
		pages(window("other", 9, 3, 3), window(feed+"-two", 9, 3, 3)),
	} {
		if err := session.Commit(within(t, patience), nil, p, allow); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	want := map[int]uint64{1: 1, 2: 2} // window 3 has no page yet
	got, err := session.Windows(within(t, patience), 3)
	wantWindows(t, got, err, want)
	got, err = b.wantProgress(b.stream, 3).Windows(within(t, patience), 3)
	wantWindows(t, got, err, want)
	got, err = session.Windows(within(t, patience), 1)
	wantWindows(t, got, err, map[int]uint64{1: 1})
	got, err = session.Windows(within(t, patience), 0)
	wantWindows(t, got, err, map[int]uint64{})
}

func TestWindowsSeeWhatTheSessionItselfCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.wantProgress(b.stream, 0) // and has read the topic
	for seq := range uint64(2) {
		if err := b.group(session, seq+1, allow); err != nil {
			t.Fatalf("Commit: %v", err)
		}
		got, err := session.Windows(within(t, patience), 2)
		wantWindows(t, got, err, map[int]uint64{1: seq + 1, 2: seq + 1})
	}
}

func TestWindowsAreFoundFarBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	feed := b.stream.Feed
	records := []*kgo.Record{b.record(window(feed, 1, 1, 2)), b.record(window(feed, 2, 1, 2)), b.record(cut(feed, 2, 2))}
	for seq := range uint64(5000) {
		records = append(records, b.record(window(feed, seq+3, 2, 2)))
	}
	records = append(records, b.record(cut(feed, 5003, 2)))
	b.produce(records...)
	got, err := b.wantProgress(b.stream, 5003).Windows(within(t, patience), 2)
	wantWindows(t, got, err, map[int]uint64{1: 2, 2: 5002})
}

// record is p as it stands on the progress topic.
func (b *bundle) record(p schemas.Progress) *kgo.Record {
	b.t.Helper()
	value, err := p.Encode()
	if err != nil {
		b.t.Fatalf("Encode: %v", err)
	}
	return &kgo.Record{Topic: b.stream.Progress.Name, Key: []byte(p.Key()), Value: value}
}

func TestWindowsAfterProgressReadNothingTwice(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	if err := b.group(b.fence(b.stream), 1, allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	session := b.wantProgress(b.stream, 1)
	fetches := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	got, err := session.Windows(within(t, patience), 16)
	if err != nil || len(got) != 16 || fetches.Hits() != 0 {
		t.Errorf("Windows: got %d and %v with %d fetches, want 16 with none", len(got), err, fetches.Hits())
	}
}

func TestWindowThatCannotBeReadIsAnErrorAndNotNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.record(window(b.stream.Feed, 1, 1, 2))
	bad.Value = []byte("{}")
	b.produce(b.record(cut(b.stream.Feed, 1, 2)), bad)
	_, err := b.wantProgress(b.stream, 1).Windows(within(t, patience), 2)
	wantIn(t, err, b.stream.Progress.Name, b.stream.Feed+"/window-1", "not a progress record")
	_, err = b.stream.Read(within(t, patience))
	wantIn(t, err, b.stream.Feed+"/window-1")
}

func TestOthersAreStreamsAndNotTheirWindows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.produce(b.record(cut("b", 1, 2)), b.record(window("b", 1, 1, 2)), b.record(window("b", 1, 2, 2)), b.record(page("a", 1)),
		// A stream that was withdrawn, and this one, of which no more is left.
		b.record(window("gone", 1, 1, 1)), b.record(window(b.stream.Feed, 1, 1, 1)))
	_, found, others, err := b.fence(b.stream).Progress(within(t, patience))
	if want := []string{"a", "b"}; err != nil || found || !slices.Equal(others, want) {
		t.Errorf("Progress: got found %t, others %q, %v; want none, others %q", found, others, err, want)
	}
}

func TestReadLooksWithoutFencing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty, err := b.stream.Read(within(t, patience))
	if err != nil || empty.Found || len(empty.Windows)+len(empty.Others) != 0 {
		t.Errorf("Read of an empty topic: got %+v, %v; want nothing", empty, err)
	}
	session := b.fence(b.stream)
	if err := b.group(session, 1, allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if err := b.stream.Visible(within(t, patience)); err != nil {
		t.Fatalf("Visible: %v", err)
	}
	err = b.group(session, 2, func() error {
		// It neither sees the open transaction nor waits for it.
		state, err := b.stream.Read(within(t, patience))
		if err != nil || !state.Found || state.Own.Seq != 1 || len(state.Windows) != 16 || state.Windows[16].Seq != 1 {
			t.Errorf("Read: got %+v, %v; want page 1 with its 16 windows", state, err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("Commit beside Read: %v", err)
	}
	b.commit(session, b.stream.Feed, 3)
}

func TestReadNamesTheOthersWhereThereIsNoneOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.produce(b.record(page("a", 1)), b.record(cut("b", 1, 1)), b.record(window("b", 1, 1, 1)))
	state, err := b.stream.Read(within(t, patience))
	if err != nil || state.Found || !slices.Equal(state.Others, []string{"a", "b"}) {
		t.Errorf("Read: got %+v, %v; want none, others [a b]", state, err)
	}
}

func TestReadOfAMissingTopicNamesIt(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1))
	_, err := b.stream.Read(within(t, patience))
	wantIn(t, err, b.stream.Progress.Name, "UNKNOWN_TOPIC_OR_PARTITION")
}
