//go:build unix

package main_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
)

// situation is a way into a refusal.
type situation struct {
	harm  func(d *desk)  // what goes wrong with a stream that is in sync
	words []string       // of the message
	ways  map[string]way // out of it, by the command with NAME for the stream and TIME for an instant
}

const (
	byBackfill  = "producer state reset --backfill --yes"
	byWatermark = "producer state reset --watermark TIME --yes"
	byKeeping   = "producer state reset --keep-watermark --yes"
	byMoving    = "producer state export | producer state import --yes"
	byImport    = "producer state import FILE --yes"
	byOther     = "FEED_NAME=another-name producer sync"
)

// situations are all ways into a refusal.
func situations() map[string]situation {
	lost := map[string]way{byImport: changed, byWatermark: changed, byBackfill: all}
	return map[string]situation{
		"progress lost, Redis has a copy": {
			harm: func(d *desk) { d.lose(d.progress()) }, words: []string{"no checkpoint", "Redis holds one"}, ways: lost,
		},
		"progress lost, Redis too": {
			harm:  func(d *desk) { d.lose(d.progress()); d.wipe(d.t.Context()) },
			words: []string{"no checkpoint", "the topic holds rows"}, ways: lost,
		},
		"progress lost, Redis spoiled": {
			harm: func(d *desk) {
				d.lose(d.progress())
				if err := d.redis.HSet(d.t.Context(), d.key("checkpoint"), "state", "{").Err(); err != nil {
					d.t.Fatal(err)
				}
			},
			words: []string{"no checkpoint", "Redis holds something in its place"}, ways: lost,
		},
		"other filters after a run": {
			harm: (*desk).otherFilters, words: []string{"the filters changed", `"is_agency":false`},
			ways: map[string]way{byKeeping: changed, byOther: elsewhere, byBackfill: all},
		},
		"other filters within the first run": {
			harm: func(d *desk) { d.begun(); d.otherFilters() }, words: []string{"the filters changed"},
			ways: map[string]way{byOther: elsewhere, byBackfill: all},
		},
		"Redis ahead of Kafka": {
			harm: (*desk).redisAhead, words: []string{"Redis is ahead of Kafka"},
			ways: map[string]way{byMoving: changed, byWatermark: changed, byBackfill: all},
		},
		"progress rolled back": {
			harm: (*desk).rolledBack, words: []string{"is ahead of the checkpoint", "newest row is of page 1"},
			ways: map[string]way{byMoving: changed, byWatermark: changed, byBackfill: all},
		},
		"another topic": {
			harm: func(d *desk) {
				d.sites, d.lacking = d.bed.sites()+"-2", true
				d.settings = append(d.settings, "CAREER_SITES_TOPIC="+d.sites)
			},
			words: []string{"publishes to topic", "-2, which lacks"},
			ways:  map[string]way{"CAREER_SITES_TOPIC=NAME.sites producer sync": asBefore, byMoving: changed, byBackfill: all},
		},
		"topic made again": {
			harm:  func(d *desk) { d.lose(d.bed.sites()); d.lacking = true },
			words: []string{"is not the one", "deleted and created again"},
			ways:  map[string]way{byMoving: changed, byBackfill: all},
		},
	}
}

// desk makes a stream that is in sync but for some changes, with its state
// exported to FILE, and then does the harm.
func (s situation) desk(t *testing.T) *desk {
	t.Helper()
	b := newBed(t, simulator.Options{Rows: 120, Seed: 42})
	d := &desk{bed: b, dir: t.TempDir(), settings: b.settings("LEASE_TTL=15s"), sites: b.sites()}
	d.at("producer sync").expect(0)
	d.since = b.newest().Watermark
	d.at("producer state export > FILE").expect(0)
	b.feed.UpdateRandom(10)
	s.harm(d)
	if d.sites != b.sites() && b.mini == nil {
		d.t.Cleanup(func() { d.remove(d.sites) })
	}
	return d
}

// begun makes the stream anew and stops its first run in the middle.
func (d *desk) begun() {
	d.lose(d.progress())
	d.lose(d.bed.sites())
	d.wipe(d.t.Context())
	shell(d.t, d.dir, append(d.settings, "CREDITS_MAX_PER_RUN=2500"), "producer sync").says(3, "CREDITS_MAX_PER_RUN")
}

func (d *desk) otherFilters() {
	no := false
	d.filters.IsAgency = &no
	d.settings = append(d.settings, "FILTER_IS_AGENCY=false")
}

// redisAhead lets Redis have a page more than Kafka.
func (d *desk) redisAhead() {
	ahead := d.newest()
	ahead.Seq++
	ahead.Op = "01KAFKAHASLOSTWHATITHADACKED"
	state, err := ahead.Encode()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.redis.HSet(d.t.Context(), d.key("checkpoint"), "seq", ahead.Seq, "op", ahead.Op, "state", state).Err(); err != nil {
		d.t.Fatal(err)
	}
}

// rolledBack makes the progress topic again, with all but its newest run.
func (d *desk) rolledBack() {
	old := d.records(d.progress())
	d.at("producer sync").expect(0)
	d.feed.UpdateRandom(5)
	d.lose(d.progress())
	d.wipe(d.t.Context())
	d.at("producer topics apply").expect(0)
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(d.brokers, ",")...), kgo.DefaultProduceTopic(d.progress()))
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	for _, r := range old {
		if err := client.ProduceSync(d.t.Context(), &kgo.Record{Key: r.Key, Value: r.Value}).FirstErr(); err != nil {
			d.t.Fatal(err)
		}
	}
}

// lose deletes a topic and waits until it is gone.
func (d *desk) lose(topic string) {
	d.t.Helper()
	d.remove(topic)
	until(d.t, "the topic to be gone", func() bool {
		topics, err := d.admin.ListTopics(d.t.Context())
		return err == nil && !topics.Has(topic)
	})
}
