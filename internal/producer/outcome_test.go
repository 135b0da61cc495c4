package producer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/simulator"
)

// A commit that failed never buys its page again, whatever became of it.
func TestAFailedCommitKeepsThePageInHand(t *testing.T) {
	produce := func(topic string, err *kerr.Error, n int) func(*stage) {
		return func(s *stage) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: err, Count: n})
		}
	}
	tests := []struct {
		name   string
		fault  func(s *stage)
		fences int // take-overs, the first one included
	}{
		{"a row is refused", produce(sitesTopic, kerr.PolicyViolation, 1), 2},
		{"the checkpoint is refused", produce(stateTopic, kerr.PolicyViolation, 1), 2},
		{"rows are refused three times", produce(sitesTopic, kerr.UnknownServerError, 3), 4},
		{"an answer that the library tries again", produce(sitesTopic, kerr.NotLeaderForPartition, 1), 1},
		{"the commit is refused", func(s *stage) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError})
		}, 2},
		{"the commit is done and its answer lost once", func(s *stage) { s.broker.wire.Cut(kmsg.EndTxn, 1) }, 1},
		{"the commit is done and every answer lost", func(s *stage) { s.broker.wire.Cut(kmsg.EndTxn, -1) }, 2},
		{"rows are written and every answer lost", func(s *stage) { s.broker.wire.Cut(kmsg.Produce, -1) }, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				log := &hookedLog{Log: journal{s.broker.stream}, fenced: func(int) { s.broker.wire.Mend() }}
				pager := &hookedPager{next: s.client, after: func(call int) {
					if call == 2 {
						test.fault(s)
					}
				}}
				got, err := s.loop(ports{pager: pager, log: log}).Sync(s.t.Context())
				if err != nil || got.Pages != 3 || got.Rows != 12 || got.Dropped != 0 {
					s.t.Errorf("got %+v, %v; want three pages with 12 rows", got, err)
				}
				if log.calls != test.fences {
					s.t.Errorf("take-overs: got %d, want %d", log.calls, test.fences)
				}
				s.wantTruth(12)
				s.wantBills(3, 0)
				s.wantCopy()
				for i, p := range s.chain() {
					if p.Seq != uint64(i)+1 {
						s.t.Errorf("checkpoint %d has seq %d", i+1, p.Seq)
					}
				}
			})
		})
	}
}

func TestAnErrorThatOnlyAnOperatorMendsEndsTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sitesTopic, Err: kerr.TopicAuthorizationFailed, Count: -1})
		log := &hookedLog{Log: journal{s.broker.stream}}
		_, err := s.loop(ports{log: log}).Sync(s.t.Context())
		if err == nil || !strings.Contains(err.Error(), "ACL on the topic") || log.calls != 1 {
			s.t.Errorf("got %v after %d take-overs, want what to mend after one", err, log.calls)
		}
		s.wantBills(1, 0)
		s.wantFree()
	})
}

func TestBrokersThatStayAwayEndTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Retry = retry.Policy{Base: time.Second, Cap: time.Second, Tries: 3}
		s.opts.TakeOver, s.opts.Commit = 10*time.Second, 10*time.Second
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				s.broker.wire.Cut(kmsg.EndTxn, -1)
				s.broker.wire.Cut(kmsg.InitProducerID, -1)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err == nil || got.Pages != 1 {
			s.t.Errorf("got %d pages, %v; want one and an error", got.Pages, err)
		}
		s.broker.wire.Mend()
		s.wantFree()
		s.wantBills(2, 0)
	})
}

// Patience is for failures in a row: a run may have any number of them as long
// as pages are committed in between.
func TestPatienceBeginsAnewWithEachPage(t *testing.T) {
	onStage(t, simulator.Options{Rows: 50}, func(s *stage) {
		s.opts.Retry = retry.Policy{Base: time.Second, Cap: time.Second, Tries: 2}
		pager := &hookedPager{next: s.client, after: func(int) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sitesTopic, Err: kerr.PolicyViolation})
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 10 {
			s.t.Errorf("got %d pages, %v; want 10", got.Pages, err)
		}
		s.wantTruth(50)
		s.wantBills(10, 0)
	})
}
