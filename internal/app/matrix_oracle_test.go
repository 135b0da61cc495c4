package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// allowance is what a case may cost.
type allowance struct {
	// again is how many pages with rows may be bought a second time.
	again int
	// replayed is how many rows may be published twice: what a backfill is sold
	// twice in one version, which no overlap and no voided cursor explains.
	replayed int
	// madeUp are the rows that the case made up and that are to be published.
	madeUp map[string]string
	// aliases are the cursors that the case renamed, by the new name.
	aliases map[string]string
}

// judge holds what readers see, once the stream is complete, against what the
// feed sold.
func (l *lab) judge(may allowance) {
	l.t.Helper()
	sites := l.read(l.env["CAREER_SITES_TOPIC"])
	l.judgeNothingLost(sites)
	l.judgeNothingTwice(sites, may.replayed)
	l.judgeNewestLast(sites, may.madeUp)
	l.judgeChain(l.read(l.env["PROGRESS_TOPIC"]), may.aliases)
	l.judgeBill(may.again)
	l.judgeSecrecy()
}

// judgeNothingLost: every version that was sold can be read.
func (l *lab) judgeNothingLost(sites []*kgo.Record) {
	l.t.Helper()
	there := map[string]bool{}
	for _, r := range sites {
		there[string(r.Key)+"\x00"+string(r.Value)] = true
	}
	for id := range l.feed.Truth() {
		for _, row := range l.feed.Served(id) {
			if !there[id+"\x00"+string(row.Bytes)] {
				l.t.Errorf("version %d of %s was sold and is lost", row.Version, id)
			}
		}
	}
}

// judgeNothingTwice: no record has a twin.
func (l *lab) judgeNothingTwice(sites []*kgo.Record, may int) {
	l.t.Helper()
	there, twins := map[string]bool{}, 0
	for _, r := range sites {
		id := string(r.Key) + "\x00" + string(r.Value)
		if there[id] {
			twins++
		}
		there[id] = true
	}
	if twins > may {
		l.t.Errorf("got %d rows published twice, at most %d are allowed", twins, may)
	}
}

// judgeNewestLast: each key ends at the newest version that the feed has, and
// there are no other keys.
func (l *lab) judgeNewestLast(sites []*kgo.Record, madeUp map[string]string) {
	l.t.Helper()
	last := map[string][]byte{}
	for _, r := range sites { // one partition after another, and a key stays in its own
		last[string(r.Key)] = r.Value
	}
	for id, row := range l.feed.Truth() {
		if !bytes.Equal(last[id], row.Bytes) {
			l.t.Errorf("company %s ends at %q, want its newest version %q", id, last[id], row.Bytes)
		}
		delete(last, id)
	}
	for id, want := range madeUp {
		if string(last[id]) != want {
			l.t.Errorf("the made-up company %s is published as %q, want %q", id, last[id], want)
		}
		delete(last, id)
	}
	for id := range last {
		if !strings.HasPrefix(id, simulator.ForeignIDPrefix) {
			l.t.Errorf("company %s is published and the feed has none of that id", id)
		}
	}
}

// judgeChain: the committed checkpoints are one chain. Within a scan the cursor
// only moves forward, in the order in which the feed handed cursors out.
func (l *lab) judgeChain(records []*kgo.Record, aliases map[string]string) {
	l.t.Helper()
	handed := map[string]int{}
	for i, bill := range l.ledger().Bills {
		if _, known := handed[bill.Next]; !known {
			handed[bill.Next] = i
		}
	}
	var last schemas.Progress
	place, seq := -1, uint64(0)
	for _, r := range records {
		if string(r.Key) != l.env["FEED_NAME"] {
			continue
		}
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil {
			l.t.Fatal(err)
		}
		if seq++; p.Seq != seq {
			l.t.Errorf("checkpoint %d has seq %d", seq, p.Seq)
		}
		l.judgeLink(last, p)
		if p.RunID != last.RunID || p.Restarts != last.Restarts {
			place = -1
		}
		if p.Phase == schemas.Paging {
			cursor := p.Cursor
			if sold, ok := aliases[cursor]; ok {
				cursor = sold
			}
			at, known := handed[cursor]
			if !known || at <= place {
				l.t.Errorf("seq %d: the cursor is that of page %d (known: %t), after that of page %d", p.Seq, at+1, known, place+1)
			}
			place = at
		}
		last = p
	}
	if last.Phase != schemas.Done {
		l.t.Errorf("the last checkpoint is of phase %q, want %q", last.Phase, schemas.Done)
	}
}

// judgeLink: a run keeps its identity, and neither fence nor watermark fall.
func (l *lab) judgeLink(last, p schemas.Progress) {
	l.t.Helper()
	if p.Fence < last.Fence {
		l.t.Errorf("seq %d: the fence falls from %d to %d", p.Seq, last.Fence, p.Fence)
	}
	if p.Watermark.Before(last.Watermark) {
		l.t.Errorf("seq %d: the watermark falls from %s to %s", p.Seq, last.Watermark, p.Watermark)
	}
	if p.RunID == last.RunID && (!p.RunStartedAt.Equal(last.RunStartedAt) || !p.UpdatedAfter.Equal(last.UpdatedAfter) || p.Restarts < last.Restarts) {
		l.t.Errorf("seq %d: run %s changes: %+v, then %+v", p.Seq, p.RunID, last, p)
	}
	if p.RunID != last.RunID && last.Phase == schemas.Paging {
		l.t.Errorf("seq %d: run %s begins although run %s is not done", p.Seq, p.RunID, last.RunID)
	}
}

// judgeBill: no more is bought again than the case may cost.
func (l *lab) judgeBill(may int) {
	l.t.Helper()
	again, paid := 0, map[string]bool{}
	for _, bill := range l.ledger().Bills {
		page := bill.Filters + "\x00" + bill.Cursor
		if bill.Rows > 0 && paid[page] {
			again++
		}
		paid[page] = paid[page] || bill.Rows > 0
	}
	if again > may {
		l.t.Errorf("got %d pages bought again, at most %d are allowed", again, may)
	}
}

// judgeSecrecy: the key is in nothing that was printed, debug lines included.
func (l *lab) judgeSecrecy() {
	l.t.Helper()
	said, key := l.said.String(), l.env["JOBO_API_KEY"]
	if said == "" {
		l.t.Error("the program printed nothing: there is nothing to search for secrets")
	}
	for _, secret := range []string{key, url.QueryEscape(key), base64.StdEncoding.EncodeToString([]byte(key)), wrongPassword} {
		if strings.Contains(said, secret) {
			l.t.Errorf("the output gives a secret away: %q", secret)
		}
	}
}

func (l *lab) ledger() *simulator.Ledger {
	ledger := l.feed.Ledger()
	return &ledger
}

// progress returns the newest checkpoint.
func (l *lab) progress() schemas.Progress {
	l.t.Helper()
	var newest schemas.Progress
	for _, r := range l.read(l.env["PROGRESS_TOPIC"]) {
		if string(r.Key) == l.env["FEED_NAME"] {
			newest, _ = schemas.DecodeProgress(r.Value) // the zero value fails whoever asked
		}
	}
	return newest
}

// read returns every committed record of a topic, one partition after another.
func (l *lab) read(topic string) []*kgo.Record {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(l.env["KAFKA_BROKERS"], ",")...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.MetadataMinAge(10*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond), kgo.DisableClientMetrics())
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	// The end of a transaction is a control record: the last offset is always one
	// that can be read.
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
			client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {o.Partition: kgo.NewOffset().AtStart()}})
		}
	})
	byPartition := map[int32][]*kgo.Record{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			l.t.Fatalf("read topic %s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				byPartition[r.Partition] = append(byPartition[r.Partition], r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	var all []*kgo.Record
	for _, records := range byPartition {
		all = append(all, records...)
	}
	return all
}
