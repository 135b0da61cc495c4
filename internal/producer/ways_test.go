package producer_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// rollBack takes the progress topic back to its first n records.
func (s *stage) rollBack(n int) {
	s.t.Helper()
	kept := s.visible(stateTopic)[:n]
	s.loseProgress()
	again := make([]*kgo.Record, n)
	for i, r := range kept {
		again[i] = &kgo.Record{Topic: stateTopic, Key: r.Key, Value: r.Value}
	}
	if n > 0 {
		s.write(kgo.TryCommit, again...)
	}
}

// follow does what a printed command does to the state or to the settings. It
// reports whether there was anything to follow.
func (s *stage) follow(way producer.Way) bool {
	s.t.Helper()
	words := strings.Fields(way.Command)
	if len(words) == 0 {
		return false
	}
	if name, ok := strings.CutPrefix(words[0], "FEED_NAME="); ok {
		*s = *s.another(name)
		return true
	}
	if name, ok := strings.CutPrefix(words[0], "CAREER_SITES_TOPIC="); ok {
		s.opts.Topics.Sites = name
		return true
	}
	if way.Command == exportImport {
		s.reset(producer.Reset{Import: s.exported()})
		return true
	}
	if strings.Join(words[:3], " ") != "producer state reset" || words[len(words)-1] != "--yes" {
		return false
	}
	var wish producer.Reset
	switch words[3] {
	case "--backfill":
		wish.Backfill = true
	case "--keep-watermark":
		wish.KeepWatermark = true
	case "--watermark":
		if words[4] == "TIME" {
			words[4] = time.Now().Add(-time.Hour).Format(time.RFC3339)
		}
		at, err := time.Parse(time.RFC3339, words[4])
		if err != nil {
			s.t.Fatalf("command %q: %v", way.Command, err)
		}
		wish.Watermark = at
	default:
		s.t.Fatalf("no such command: %q", way.Command)
	}
	s.reset(wish)
	return true
}

// exportImport moves a stream to where the settings point now.
const exportImport = "producer state export | producer state import --yes"

// exported are the newest records of the stream and its windows.
func (s *stage) exported() (file []schemas.Progress) {
	s.t.Helper()
	records := map[string]schemas.Progress{}
	for _, r := range s.visible(stateTopic) {
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil {
			s.t.Fatal(err)
		}
		records[p.Key()] = p
	}
	return slices.Collect(maps.Values(records))
}

// twoRuns is a stream that was backfilled and synced, and that has something to
// sync again: 2 rows that changed an hour and more after all that was published.
func (s *stage) twoRuns() {
	s.t.Helper()
	s.sync()
	time.Sleep(time.Hour)
	s.feed.UpdateRandom(3)
	time.Sleep(time.Minute)
	s.sync()
	time.Sleep(time.Hour)
	s.feed.UpdateRandom(2)
	time.Sleep(time.Minute)
}

const elsewhere = "elsewhere"

// lostStates are the ways into a refusal, each with what it promises for each
// command: how many rows the run after it buys.
func lostStates() map[string]struct {
	state    func(s *stage)
	purchase map[string]int64 // by the option or the setting that the command has
} {
	type m = map[string]int64
	type lost = struct {
		state    func(s *stage)
		purchase map[string]int64
	}
	return map[string]lost{
		"the progress topic is lost, Redis has the copy": {
			func(s *stage) { s.twoRuns(); s.loseProgress() }, m{"--watermark": 2, "--backfill": 12},
		},
		"the progress topic is lost, the copy unreadable": {
			func(s *stage) { s.twoRuns(); s.loseProgress(); s.store.Spoil([]byte("{")) }, m{"--watermark": 2, "--backfill": 12},
		},
		"progress and Redis are lost": {
			func(s *stage) { s.twoRuns(); s.loseProgress(); s.store.Wipe(); s.wallet.Wipe() }, m{"--watermark": 2, "--backfill": 12},
		},
		"Redis is ahead of Kafka": {
			func(s *stage) { s.twoRuns(); s.rollBack(3) }, m{"--watermark": 5, "export": 5, "--backfill": 12},
		},
		"the topic is ahead of the checkpoint, by a run": {
			func(s *stage) { s.twoRuns(); s.rollBack(3); s.store.Wipe() }, m{"--watermark": 5, "export": 5, "--backfill": 12},
		},
		"the topic is ahead of the checkpoint, by a page": {
			func(s *stage) {
				s.sync()
				time.Sleep(time.Hour)
				s.feed.UpdateRandom(10)
				time.Sleep(time.Minute)
				s.sync()
				s.rollBack(4)
				s.store.Wipe()
			}, m{"--watermark": 10, "export": 5, "--backfill": 12},
		},
		"the topic is another": {
			func(s *stage) {
				s.twoRuns()
				if err := s.broker.fake.CreateTopic(elsewhere, sitesShards, nil); err != nil {
					s.t.Fatal(err)
				}
				s.opts.Topics.Sites = elsewhere
			}, m{"CAREER_SITES_TOPIC": 2, "export": 2, "--backfill": 12},
		},
		"the topic is another one of the same name": {
			func(s *stage) {
				s.opts.Topics.SitesID = "1111"
				s.twoRuns()
				s.opts.Topics.SitesID = "2222"
			}, m{"export": 2, "--backfill": 12},
		},
		"the filters changed": {
			func(s *stage) {
				s.twoRuns()
				long := time.Now().Add(-100 * 365 * 24 * time.Hour)
				s.opts.Filters = feed.Filters{UpdatedAfter: &long} // which selects the same
			}, m{"--keep-watermark": 2, "FEED_NAME": 12, "--backfill": 12},
		},
		"the filters changed in the middle of a run": {
			func(s *stage) {
				s.twoRuns()
				s.feed.UpdateRandom(12)
				time.Sleep(time.Minute)
				s.stopAfter(1)
				long := time.Now().Add(-100 * 365 * 24 * time.Hour)
				s.opts.Filters = feed.Filters{UpdatedAfter: &long}
			}, m{"--keep-watermark": 12, "FEED_NAME": 12, "--backfill": 12},
		},
	}
}

// option is what tells a command from the others of its refusal.
func option(way producer.Way) string {
	if way.Command == exportImport {
		return "export"
	}
	for _, word := range strings.Fields(way.Command) {
		if name, _, ok := strings.Cut(word, "="); ok {
			return name
		}
		if strings.HasPrefix(word, "--") && word != "--yes" {
			return word
		}
	}
	return ""
}

func TestEachWayOutOfARefusalLeadsToTheRunThatItPromises(t *testing.T) {
	for name, lost := range lostStates() {
		for _, choice := range slices.Sorted(maps.Keys(lost.purchase)) {
			t.Run(name+" "+choice, func(t *testing.T) {
				onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
					lost.state(s)
					before := s.feed.Ledger()
					_, err := s.loop(ports{}).Sync(s.t.Context())
					refused := wantAs[*producer.RefusedError](s.t, err)
					var commands []string
					var way producer.Way
					for _, w := range refused.Ways {
						if option(w) != "" {
							commands = append(commands, option(w))
						}
						if option(w) == choice {
							way = w
						}
						if !strings.Contains(err.Error(), w.Command) {
							s.t.Errorf("command %q is not in what is printed", w.Command)
						}
					}
					slices.Sort(commands)
					if want := slices.Sorted(maps.Keys(lost.purchase)); !slices.Equal(commands, want) {
						s.t.Errorf("commands: got %v, want %v", commands, want)
					}
					if !s.follow(way) {
						s.t.Fatalf("no way by %s: %v", choice, err)
					}
					if l := s.feed.Ledger(); l.Pages != before.Pages {
						s.t.Errorf("the way itself bought %d pages", l.Pages-before.Pages)
					}
					got := s.sync()
					l := s.feed.Ledger()
					rows := int64(l.Rows - before.Rows)
					if rows != lost.purchase[choice] || got.Progress.Phase != schemas.Done {
						s.t.Errorf("%s: bought %d rows, want %d", way.Command, rows, lost.purchase[choice])
					}
					switch {
					case choice == "--backfill" && (way.Rows < rows || way.Credits != way.Rows*feed.CreditsPerRow):
						s.t.Errorf("promised: %d rows, %d credits; bought %d", way.Rows, way.Credits, rows)
					case way.Rows == 0 && choice != "FEED_NAME" && rows > 2:
						s.t.Errorf("promised to cost nothing, bought %d rows", rows)
					}
					if s.opts.Topics.Sites == sitesTopic && s.opts.Feed == feedName {
						wantNewest(s)
					}
				})
			})
		}
	}
}

// wantNewest checks that the newest record of each key is the feed's newest row.
func wantNewest(s *stage) {
	s.t.Helper()
	got := map[string]string{}
	for _, r := range s.visible(sitesTopic) {
		got[string(r.Key)] = string(r.Value)
	}
	for id, row := range s.feed.Truth() {
		if got[id] != string(row.Bytes) {
			s.t.Errorf("row %s: got %.60q, want %.60q", id, got[id], row.Bytes)
		}
	}
}
