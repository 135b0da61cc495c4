//go:build unix

package main_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestFailuresNameTheCauseAndTheCure(t *testing.T) {
	t.Parallel()
	const noPlan, unknown = "jbe_test_producer-suite-noplan_" + apiSecret, "jbe_test_producer-suite-unsold_" + apiSecret
	nobody := closedPort(t)
	for name, c := range map[string]struct {
		changes, words []string
	}{
		"wrong key":  {[]string{"JOBO_API_KEY=" + unknown}, []string{"401", "JOBO_API_KEY"}},
		"wrong plan": {[]string{"JOBO_API_KEY=" + noPlan}, []string{"403", "plan"}},
		"no Kafka":   {[]string{"KAFKA_BROKERS=" + nobody}, []string{nobody, "KAFKA_BROKERS", "refused"}},
		"no Redis":   {[]string{"REDIS_URL=redis://:hunter2@" + nobody}, []string{nobody, "refused", "check"}},
		"no topics":  {[]string{"TOPICS_CREATE=false"}, []string{".sites", "TOPICS_CREATE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, simulator.Options{Rows: 50})
			b.feed.SetKey(noPlan, simulator.KeyNoFeed)
			p := b.sync(c.changes...)
			p.says(1, c.words...)
			b.free()
		})
	}
}

func TestTopicThatBreaksThePromiseIsRefused(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		topic      string // which of the bed's
		partitions int32
		policy     string
		words      []string
	}{
		"rows that expire":     {"sites", 6, "delete", []string{"compact", "kafka-configs.sh", "--alter"}},
		"rows that expire too": {"sites", 6, "compact,delete", []string{"compact", "kafka-configs.sh", "--alter"}},
		"letters that merge":   {"letters", 1, "compact", []string{"delete", "kafka-configs.sh", "--alter"}},
		"progress in pieces":   {"progress", 3, "compact", []string{"3 partitions", "must have 1", "PROGRESS_TOPIC"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, simulator.Options{Rows: 50})
			topic := b.name + "." + c.topic
			if _, err := b.admin.CreateTopic(t.Context(), c.partitions, -1, map[string]*string{"cleanup.policy": text(c.policy)}, topic); err != nil {
				t.Fatal(err)
			}
			b.sync().says(1, append(c.words, topic)...)
			b.noRequest()
		})
	}
}

func TestFeedThatIsDownIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 50})
	nobody := closedPort(t)
	p := b.sync("JOBO_BASE_URL=http://" + nobody)
	if *patientFlag {
		p.says(1, nobody, "refused", "tries")
		return
	}
	// That takes about a minute. Whoever does not want to wait can stop it.
	until(t, "the lease", func() bool { return b.token() > 0 }, p)
	p.signal(syscall.SIGTERM)
	p.expect(0)
	b.free()
}
