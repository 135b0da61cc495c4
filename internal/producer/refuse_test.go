package producer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// foreign is a row that the stream did not write.
func foreign(feed string) *kgo.Record {
	return &kgo.Record{Topic: sitesTopic, Key: []byte("x"), Value: []byte("{}"), Headers: []kgo.RecordHeader{{Key: schemas.HeaderFeed, Value: []byte(feed)}}}
}

// write produces in a transaction of somebody else's, which ends as how says.
func (s *stage) write(how kgo.TransactionEndTry, records ...*kgo.Record) {
	s.t.Helper()
	client := s.broker.client(kgo.TransactionalID("somebody"), kgo.ProducerLinger(0))
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	if err := client.ProduceSync(s.t.Context(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	if err := client.EndTransaction(s.t.Context(), how); err != nil {
		s.t.Fatal(err)
	}
}

// loseProgress empties the progress topic.
func (s *stage) loseProgress() {
	s.t.Helper()
	if err := s.broker.fake.DeleteTopic(stateTopic); err != nil {
		s.t.Fatal(err)
	}
	if err := s.broker.fake.CreateTopic(stateTopic, 1, nil); err != nil {
		s.t.Fatal(err)
	}
	s.broker.stream = s.broker.open(feedName)
}

// ahead is a copy of a checkpoint that the topic does not have.
func ahead(p schemas.Progress) schemas.Progress {
	p.Seq++
	p.Op = "01JQ0000000000000000000000"
	return p
}

func TestNothingIsBoughtFromAStateThatContradictsItself(t *testing.T) {
	tests := []struct {
		name  string
		state func(s *stage)
		want  []string // in what is said
	}{
		{
			"the progress topic lost what Redis remembers", func(s *stage) {
				s.sync()
				s.loseProgress()
			},
			[]string{"no checkpoint", "Redis holds one", "page 3"},
		},
		{
			"the progress topic is empty and the copy unreadable", func(s *stage) {
				s.store.Spoil([]byte("{"))
			},
			[]string{"no checkpoint", "Redis holds something in its place"},
		},
		{
			"the progress topic is empty and the copy of another type", func(s *stage) {
				s.store.Spoil(nil)
			},
			[]string{"no checkpoint", "not a hash"},
		},
		{
			"the rows are there, progress and copy are lost", func(s *stage) {
				s.sync()
				s.loseProgress()
				s.store.Wipe()
			},
			[]string{"no checkpoint", "the topic holds rows", sitesTopic + "/"},
		},
		{
			"the topic holds rows of a stream without progress", func(s *stage) {
				s.write(kgo.TryCommit, foreign("another"))
			},
			[]string{"no checkpoint", "the topic holds rows"},
		},
		{
			"Redis is ahead of Kafka", func(s *stage) {
				p := s.sync().Progress
				if err := s.store.Put(s.t.Context(), ahead(p)); err != nil {
					s.t.Fatal(err)
				}
			},
			[]string{"Redis is ahead of Kafka", "seq 4", "seq 3"},
		},
		{
			"the rows are to go to another topic", func(s *stage) {
				s.sync()
				s.opts.Topics.Sites = "elsewhere"
			},
			[]string{"publishes to topic " + sitesTopic, "elsewhere", "CAREER_SITES_TOPIC"},
		},
		{
			"the topic is another one of the same name", func(s *stage) {
				s.opts.Topics.SitesID = "1111"
				s.sync()
				s.opts.Topics.SitesID = "2222"
			},
			[]string{"deleted and created again", "id 1111, now 2222"},
		},
		{
			"the filters changed between runs", func(s *stage) {
				s.sync()
				s.opts.Filters = feed.Filters{Industries: []string{"fintech"}}
			},
			[]string{"the filters changed", `{"industries":["fintech"]}`, "was begun with {}"},
		},
		{
			"the filters changed in the middle of a run", func(s *stage) {
				s.stopAfter(1)
				s.opts.Filters = feed.Filters{Industries: []string{"fintech"}}
			},
			[]string{"the filters changed"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				test.state(s)
				bills, checkpoints := s.feed.Ledger().Pages, len(s.chain())
				asked := &hookedPager{next: s.client}
				_, err := s.loop(ports{pager: asked}).Sync(s.t.Context())
				refused := wantAs[*producer.RefusedError](s.t, err)
				for _, part := range append(test.want, "nothing was bought", feedName) {
					if !strings.Contains(err.Error(), part) {
						s.t.Errorf("got %q, want %q in it", err, part)
					}
				}
				if len(refused.Ways) == 0 {
					s.t.Error("no way to go on is named")
				}
				s.wantBills(bills, 0)
				if asked.calls != 0 {
					s.t.Errorf("the feed was asked %d times", asked.calls)
				}
				if got := len(s.chain()); got != checkpoints {
					s.t.Errorf("checkpoints: got %d, want the %d of before", got, checkpoints)
				}
				s.wantFree()
			})
		})
	}
}

func TestWhatLooksLikeLostStateAndIsNone(t *testing.T) {
	tests := []struct {
		name  string
		state func(s *stage)
		want  schemas.Mode // of the run that follows
	}{
		{"rows of an aborted transaction", func(s *stage) { s.write(kgo.TryAbort, foreign("another"), foreign(feedName)) }, schemas.Backfill},
		{
			"rows of another stream that has progress", func(s *stage) {
				other := *s
				other.broker = &broker{t: s.t, fake: s.broker.fake, wire: s.broker.wire, dial: s.broker.dial, stream: s.broker.open("another")}
				other.opts.Feed = "another"
				store, err := checkpoint.NewMemory("another")
				if err != nil {
					s.t.Fatal(err)
				}
				other.store = store
				other.sync()
			}, schemas.Backfill,
		},
		{"a copy that is unreadable beside good progress", func(s *stage) { s.sync(); s.store.Spoil([]byte("{")) }, schemas.Incremental},
		{"a copy of another type beside good progress", func(s *stage) { s.sync(); s.store.Spoil(nil) }, schemas.Incremental},
		{"all of Redis wiped", func(s *stage) { s.sync(); s.store.Wipe() }, schemas.Incremental},
		{"Redis rolled back", func(s *stage) { s.stopAfter(1); back := s.store.Snapshot(); s.sync(); back() }, schemas.Incremental},
		{"a topic whose identity was not known before", func(s *stage) { s.sync(); s.opts.Topics.SitesID = "2222" }, schemas.Incremental},
		{"a topic whose identity is not known any more", func(s *stage) {
			s.opts.Topics.SitesID = "1111"
			s.sync()
			s.opts.Topics.SitesID = ""
		}, schemas.Incremental},
		{"filters that differ in spelling alone", func(s *stage) {
			s.opts.Filters = feed.Filters{Industries: []string{"fintech", "biotech"}}
			s.sync()
			s.opts.Filters = feed.Filters{Industries: []string{"biotech", "fintech", "fintech"}}
		}, schemas.Incremental},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				test.state(s)
				time.Sleep(time.Hour)
				before := s.feed.Ledger().Pages
				got := s.sync()
				if got.Progress.Mode != test.want || got.Progress.Phase != schemas.Done {
					s.t.Errorf("got a run of mode %s in phase %s, want %s, done", got.Progress.Mode, got.Progress.Phase, test.want)
				}
				if bought := s.feed.Ledger().Pages - before; test.want == schemas.Incremental && bought != 1 {
					s.t.Errorf("pages bought: got %d, want the one that says that nothing changed", bought)
				}
				s.wantCopy()
			})
		})
	}
}

func TestARefusalInTheMiddleSaysThatPagesWereBought(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				last := s.chain()[0]
				if err := s.store.Put(s.t.Context(), ahead(last)); err != nil {
					s.t.Error(err)
				}
				s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sitesTopic, Err: kerr.PolicyViolation})
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		refused := wantAs[*producer.RefusedError](s.t, err)
		if !refused.Bought || strings.Contains(err.Error(), "nothing was bought") || !strings.Contains(err.Error(), "nothing more is bought") {
			s.t.Errorf("got %q, want it to say that pages were bought before", err)
		}
		if got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %d pages, %d credits dropped; want 1, and the price of the page in hand", got.Pages, got.Dropped)
		}
	})
}

// A process that pauses between its reads sees the work of the one that took
// over meanwhile, and must not call that a contradiction.
func TestTheWorkOfASuccessorIsNoLostState(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		overtaken := false
		late := &hookedLog{Log: journal{s.broker.stream}, foreign: func() {
			if !overtaken {
				overtaken = true
				s.store.Wipe() // the lease with it
				s.sync()
			}
		}}
		got, err := s.loop(ports{log: late}).Sync(s.t.Context())
		if err != nil {
			s.t.Fatalf("Sync: %v", err)
		}
		if !overtaken || got.Progress.Phase != schemas.Done {
			s.t.Errorf("got phase %q, overtaken %t; want the run that the successor finished", got.Progress.Phase, overtaken)
		}
		s.wantTruth(12)
	})
}
