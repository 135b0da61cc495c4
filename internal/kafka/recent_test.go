package kafka_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/schemas"
)

// published are n rows of a page as the producer sends them.
func (b *bundle) published(feed, run string, page, n int) []*kgo.Record {
	rows := b.rows(feed, n)
	for _, r := range rows {
		r.Headers = append(r.Headers,
			kgo.RecordHeader{Key: schemas.HeaderRunID, Value: []byte(run)},
			kgo.RecordHeader{Key: schemas.HeaderPage, Value: fmt.Append(nil, page)})
	}
	return rows
}

// stamped gives rows a time of publication.
func stamped(rows []*kgo.Record, at time.Time) []*kgo.Record {
	for _, r := range rows {
		r.Timestamp = at
	}
	return rows
}

// in sends rows to one partition and in one batch each.
func (b *bundle) in(partition int32, rows ...*kgo.Record) {
	b.t.Helper()
	client := b.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	for _, r := range rows {
		r.Partition = partition
	}
	if err := client.ProduceSync(within(b.t, patience), rows...).FirstErr(); err != nil {
		b.t.Fatalf("produce to partition %d: %v", partition, err)
	}
}

// keys are those of rows, sorted.
func keys(rows []*kgo.Record) []string {
	var keys []string
	for _, r := range rows {
		keys = append(keys, string(r.Key))
	}
	slices.Sort(keys)
	return keys
}

// wantRecent checks which rows Recent finds.
func (b *bundle) wantRecent(since time.Time, want ...*kgo.Record) {
	b.t.Helper()
	var got []*kgo.Record
	err := b.stream.Recent(within(b.t, patience), since, func(r *kgo.Record) bool {
		got = append(got, r)
		return true
	})
	if err != nil {
		b.t.Fatalf("Recent: %v", err)
	}
	if !slices.Equal(keys(got), keys(want)) {
		b.t.Errorf("Recent since %s: got %d rows %q, want %d rows %q", since, len(got), keys(got), len(want), keys(want))
	}
}

func TestRecentFindsTheStreamsOwnCommittedRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.wantRecent(time.Time{})
	first, second := b.rows(b.stream.Feed, 20), b.rows(b.stream.Feed, 20)
	b.transaction(kgo.TryCommit, first...)
	b.transaction(kgo.TryAbort, b.rows(b.stream.Feed, 9)...)
	b.produce(b.rows("other", 9)...)
	b.transaction(kgo.TryCommit, second...)
	b.transaction(kgo.TryAbort, b.rows(b.stream.Feed, 9)...)
	want := slices.Concat(first, second)
	b.wantRecent(time.Time{}, want...)
	b.wantRecent(time.Unix(0, 0), want...)
	b.wantRecent(time.Now().Add(time.Hour))
}

func TestRecentBeginsWithTheMillisecondOfSince(t *testing.T) {
	t.Parallel()
	b := setup(t)
	noon := time.Date(2026, 2, 3, 12, 0, 0, int(7*time.Millisecond), time.UTC)
	before := stamped(b.rows(b.stream.Feed, 20), noon.Add(-time.Millisecond))
	at := stamped(b.rows(b.stream.Feed, 20), noon)
	// A clock that was set back: a later row says that it is older.
	late := stamped(b.rows(b.stream.Feed, 20), noon.Add(-time.Hour))
	after := stamped(b.rows(b.stream.Feed, 20), noon.Add(time.Hour))
	b.transaction(kgo.TryAbort, stamped(b.rows(b.stream.Feed, 9), noon)...)
	for _, rows := range [][]*kgo.Record{before, at, late, after} {
		b.transaction(kgo.TryCommit, rows...)
	}
	b.wantRecent(noon, slices.Concat(at, after)...)
	b.wantRecent(noon.Add(900*time.Microsecond), slices.Concat(at, after)...)
	b.wantRecent(noon.Add(time.Millisecond), after...)
	b.wantRecent(noon.Add(-time.Millisecond), slices.Concat(before, at, after)...)
	b.wantRecent(noon.Add(2 * time.Hour))
}

func TestRecentDoesNotTakeABrokersWordForNone(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	since := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	b.produce(stamped(b.rows(b.stream.Feed, 9), since.Add(-time.Hour))...)
	rows := stamped(b.rows(b.stream.Feed, 9), since.Add(time.Hour))
	b.produce(rows...)
	// As Kafka answers where the cleaner emptied the first segment of that time.
	b.fake.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		request, ok := r.(*kmsg.ListOffsetsRequest)
		b.fake.KeepControl()
		if !ok || request.Topics[0].Partitions[0].Timestamp < 0 {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse) //nolint:forcetypeassert // it is the request's own kind
		for _, topic := range request.Topics {
			answer := kmsg.NewListOffsetsResponseTopic()
			answer.Topic = topic.Topic
			for _, p := range topic.Partitions {
				none := kmsg.NewListOffsetsResponseTopicPartition() // offset and timestamp -1
				none.Partition = p.Partition
				answer.Partitions = append(answer.Partitions, none)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	b.wantRecent(since, rows...)
	b.wantRecent(since.Add(2 * time.Hour))
}

func TestRecentKeepsTheOrderOfEachPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	for seq := range uint64(5) {
		if err := session.Commit(within(t, patience), b.rows(b.stream.Feed, 10), pages(page(b.stream.Feed, seq+1)), allow); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	at, partitions, calls := int64(-1), []int32{-1}, 0
	each := func(r *kgo.Record) bool {
		if last := partitions[len(partitions)-1]; r.Partition != last {
			partitions, at = append(partitions, r.Partition), -1
		}
		if r.Offset <= at {
			t.Errorf("partition %d: offset %d comes after %d", r.Partition, r.Offset, at)
		}
		at = r.Offset
		calls++
		return calls%51 != 0
	}
	if err := b.stream.Recent(within(t, patience), time.Time{}, each); err != nil || calls != 50 {
		t.Errorf("Recent: got %d rows, %v; want 50", calls, err)
	}
	if slices.Sort(partitions); len(slices.Compact(partitions)) != len(partitions) {
		t.Errorf("partitions come twice: %v", partitions)
	}
	calls = 50
	if err := b.stream.Recent(within(t, patience), time.Time{}, each); err != nil || calls != 51 {
		t.Errorf("Recent that is told to stop at once: got %d rows, %v; want 1", calls-50, err)
	}
}

func TestRecentAndNewestAfterCompaction(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	old := b.published(b.stream.Feed, "run-1", 1, 20)
	fresh := make([]*kgo.Record, 0, 10)
	for i, r := range b.published(b.stream.Feed, "run-1", 2, 10) {
		r.Key = old[i].Key
		fresh = append(fresh, r)
	}
	b.transaction(kgo.TryCommit, old...)
	b.transaction(kgo.TryCommit, fresh...)
	b.transaction(kgo.TryAbort, b.published(b.stream.Feed, "run-1", 3, 20)...)
	b.fake.Compact()
	b.wantRecent(time.Time{}, slices.Concat(fresh, old[10:])...)
	b.wantNewest("run-1", "2")
}

// wantNewest checks which page Newest finds; an empty run means none.
func (b *bundle) wantNewest(run, page string) {
	b.t.Helper()
	r, err := b.stream.Newest(within(b.t, patience))
	if err != nil {
		b.t.Fatalf("Newest: %v", err)
	}
	got := map[string]string{}
	if r != nil {
		for _, h := range r.Headers {
			got[h.Key] = string(h.Value)
		}
		if got[schemas.HeaderFeed] != b.stream.Feed {
			b.t.Errorf("Newest: got a row of feed %q, want %q", got[schemas.HeaderFeed], b.stream.Feed)
		}
	}
	if got[schemas.HeaderRunID] != run || got[schemas.HeaderPage] != page {
		b.t.Errorf("Newest: got run %q page %q, want run %q page %q", got[schemas.HeaderRunID], got[schemas.HeaderPage], run, page)
	}
}

func TestNewestIsTheLastPageOfTheLastRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.wantNewest("", "")
	b.produce(b.rows("other", 9)...)
	b.wantNewest("", "")
	// Whichever partition is looked at first, 10 is more than 9, and a run more
	// than any page of an older one.
	b.in(0, b.published(b.stream.Feed, "01A", 9, 1)...)
	b.in(1, b.published(b.stream.Feed, "01A", 10, 1)...)
	b.in(2, b.published(b.stream.Feed, "01A", 8, 1)...)
	b.wantNewest("01A", "10")
	b.in(0, b.published(b.stream.Feed, "01B", 1, 1)...)
	b.wantNewest("01B", "1")
	b.in(0, b.published(b.stream.Feed, "01B", 2, 2)...)
	b.produce(b.published("other", "01C", 99, 9)...)
	b.transaction(kgo.TryAbort, b.published(b.stream.Feed, "01D", 1, 30)...)
	b.wantNewest("01B", "2")
	b.transaction(kgo.TryCommit, b.published(b.stream.Feed, "01D", 1, 3)...)
	b.wantNewest("01D", "1")
}

// strangers are n small rows of another feed.
func (b *bundle) strangers(n int) []*kgo.Record {
	rows := make([]*kgo.Record, n)
	for i := range rows {
		rows[i] = &kgo.Record{Topic: b.stream.Sites.Name, Key: []byte("key"), Headers: []kgo.RecordHeader{{Key: schemas.HeaderFeed, Value: []byte("other")}}}
	}
	return rows
}

func TestNewestLooksBackAsFarAsItMust(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.in(1, b.published(b.stream.Feed, "01A", 3, 1)...)
	// It looks at the last 256 records, at 4096, at 65,536, and no farther than
	// at 100,000.
	behind := 0
	for _, next := range []int{255, 256, 4095, 4096, 99_999} {
		b.in(1, b.strangers(next-behind)...)
		b.wantNewest("01A", "3")
		behind = next
	}
	b.in(1, b.strangers(1)...)
	b.wantNewest("", "")
}

func TestNewestWithoutAPageThatCanBeReadIsARowAllTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows := b.published(b.stream.Feed, "01A", 1, 1)
	rows[0].Headers[2].Value = []byte("first")
	b.in(2, rows...)
	b.wantNewest("01A", "first")
	b.in(0, b.published(b.stream.Feed, "01A", 1, 1)...)
	b.wantNewest("01A", "1")
}

func TestSizeIsAnUpperBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got, err := b.stream.Size(within(t, patience)); err != nil || got != 0 {
		t.Errorf("Size of an empty topic: got %d, %v; want 0", got, err)
	}
	b.produce(b.rows("other", 30)...)
	if got, err := b.stream.Size(within(t, patience)); err != nil || got != 30 {
		t.Errorf("Size: got %d, %v; want 30", got, err)
	}
	b.transaction(kgo.TryAbort, b.rows("other", 3)...)
	if err := b.stream.Visible(within(t, patience)); err != nil { // the markers are written
		t.Fatalf("Visible: %v", err)
	}
	if got, err := b.stream.Size(within(t, patience)); err != nil || got <= 33 {
		t.Errorf("Size with 3 aborted records: got %d, %v; want them and their markers counted", got, err)
	}
}

func TestLookingAtAMissingTopicNamesIt(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1))
	_, newest := b.stream.Newest(within(t, patience))
	_, size := b.stream.Size(within(t, patience))
	recent := b.stream.Recent(within(t, patience), time.Now(), func(*kgo.Record) bool { return true })
	for _, err := range []error{newest, size, recent} {
		wantIn(t, err, b.stream.Sites.Name, "UNKNOWN_TOPIC_OR_PARTITION")
	}
}
