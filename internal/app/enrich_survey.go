package app

import (
	"context"
	"hash/maphash"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// survey counts what the selection chooses on the career-sites topic.
//
// It reads the topic once. Of each company of one partition it keeps a hash and
// what is known of its newest record, 20 to 40 bytes, and gives that back before
// the next partition: a company has the same partition always. 600,000 of them in
// one partition took 10 s and 64 MB in all. Two companies with the same hash would
// count as one; of a million that happens once in thirty million plans.
type survey struct {
	desk *enrichDesk
	seed maphash.Seed

	// companies have a career site, which of spoiled ones can't be read. chosen are
	// those that the selection matches: fetched in the version that is on the topic,
	// dead letters in it, or, of neither kind, passed by the group.
	companies, spoiled, chosen, fetched, dead, passed int64
	examples                                          []example
	// late is how many offsets of the companies topic the memory lacks; newer is
	// what they say.
	late  int64
	newer map[uint64]int64

	memory  *checkpoint.RedisFetched
	found   map[uint64]mark // of the partition that is read
	pending []chosenSite    // whose memory is not asked yet
}

// mark is what is known of a company's newest record.
type mark uint8

const (
	isSpoiled mark = 1 << iota
	isChosen
	isFetched
	isDead
	isPassed
)

// chosenSite is a record that the selection matches.
type chosenSite struct {
	hash uint64
	id   string
	at   int64 // its updated_at, see versionAt
}

// example is a company that is chosen.
type example struct {
	hash          uint64
	id, name, why string
}

// examplesMost is how many examples there are, askMost how many companies the
// memory is asked for at once.
const (
	examplesMost = 5
	askMost      = 200
)

func newSurvey(d *enrichDesk) *survey {
	return &survey{desk: d, seed: maphash.MakeSeed(), memory: d.memory(), newer: make(map[uint64]int64)}
}

// gets is how many companies are still to be fetched.
func (s *survey) gets() int64 { return s.chosen - s.fetched - s.dead - s.passed }

// run reads the topics.
func (s *survey) run(ctx context.Context) error {
	t := s.desk.c.Topics
	if !s.desk.c.Selection.None() {
		if err := s.readLate(ctx); err != nil {
			return err
		}
	}
	client, err := s.desk.c.Values.client("jobo-enricher")
	if err != nil {
		return err
	}
	if client != nil {
		defer client.Close()
	}
	reader := newSiteReader(client)
	sites, err := s.desk.lag(ctx, t.CareerSites)
	if err != nil {
		return err
	}
	ctx, alive, stop := flowing(ctx, t.CareerSites)
	defer stop()
	for _, p := range sites {
		s.found = make(map[uint64]mark)
		_, err := s.desk.cluster.Tail(ctx, p.Topic, p.Partition, 0, func(r *kgo.Record) error {
			alive()
			value, err := reader.json(ctx, r)
			if err != nil {
				return err
			}
			r.Value = value
			return s.site(ctx, r, p)
		})
		if err == nil {
			err = s.ask(ctx)
		}
		if err != nil {
			return err
		}
		s.sum()
	}
	return nil
}

// readLate reads what the memory lacks of the companies topic: all of it, if Redis
// was lost.
func (s *survey) readLate(ctx context.Context) error {
	companies, err := s.desk.lag(ctx, s.desk.c.Topics.Companies)
	if err != nil {
		return err
	}
	at, _, err := s.desk.remembered(ctx)
	if err != nil {
		return err
	}
	ctx, alive, stop := flowing(ctx, s.desk.c.Topics.Companies)
	defer stop()
	for _, p := range companies {
		n := unseen(p, at(p.Partition))
		if n == 0 {
			continue
		}
		s.late += n
		_, err := s.desk.cluster.Tail(ctx, p.Topic, p.Partition, at(p.Partition), func(r *kgo.Record) error {
			alive()
			hash := maphash.Bytes(s.seed, r.Key)
			version := versionAt(headerOf(r, schemas.HeaderSiteVersion))
			if newest, ok := s.newer[hash]; !ok || version > newest {
				s.newer[hash] = version
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sum adds up the partition that was read.
func (s *survey) sum() {
	for _, is := range s.found {
		s.companies++
		switch {
		case is&isSpoiled != 0:
			s.spoiled++
		case is&isChosen == 0:
			continue
		case is&isFetched != 0:
			s.fetched++
		case is&isDead != 0:
			s.dead++
		case is&isPassed != 0:
			s.passed++
		}
		if is&isChosen != 0 {
			s.chosen++
		}
	}
}
