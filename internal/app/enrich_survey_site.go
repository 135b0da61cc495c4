package app

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// siteRow is what is shown of a career site.
type siteRow struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	UpdatedAt string `json:"updated_at"`
}

// site takes one record in.
func (s *survey) site(ctx context.Context, r *kgo.Record, p kafka.PartitionLag) error {
	hash := maphash.Bytes(s.seed, r.Key)
	s.examples = slices.DeleteFunc(s.examples, func(e example) bool { return e.hash == hash })
	if r.Value == nil {
		delete(s.found, hash) // a tombstone
		return nil
	}
	is, row := mark(0), siteRow{}
	chosen, err := s.desk.c.Selection.Match(r.Value)
	if err == nil && chosen {
		err = json.Unmarshal(r.Value, &row)
	}
	switch {
	case err != nil || chosen && (row.ID != string(r.Key) || schemas.CheckID(row.ID) != nil):
		is = isSpoiled
	case chosen:
		is = isChosen
		if r.Offset < p.Committed {
			is |= isPassed
		}
		s.pending = append(s.pending, chosenSite{hash, row.ID, versionAt(row.UpdatedAt)})
		if len(s.examples) < examplesMost {
			s.examples = append(s.examples, example{hash, row.ID, row.Name, why(s.desk.c.Selection.String(), r.Value)})
		}
	}
	s.found[hash] = is
	if len(s.pending) >= askMost {
		return s.ask(ctx)
	}
	return nil
}

// ask looks what is known of the sites that wait for it. A later record of a
// company comes after an earlier one, so the newest has the last word.
func (s *survey) ask(ctx context.Context) error {
	ids := make([]string, len(s.pending))
	for i, site := range s.pending {
		ids[i] = site.id
	}
	known, err := s.memory.Recall(ctx, ids)
	if err != nil {
		return err
	}
	for _, site := range s.pending {
		is := s.found[site.hash]
		if is&isChosen == 0 {
			continue // a later record is not chosen
		}
		is &^= isFetched | isDead
		k, there := known[site.id]
		newer, late := s.newer[site.hash]
		switch {
		case late && newer >= site.at:
			is |= isFetched
		case !there || versionAt(k.Version) < site.at:
		case k.Outcome == checkpoint.Profile:
			is |= isFetched
		default:
			is |= isDead
		}
		s.found[site.hash] = is
	}
	s.pending = s.pending[:0]
	return nil
}

// versionAt reads a version, as microseconds of Unix time; one that is none is
// before all others.
func versionAt(updatedAt string) int64 {
	at, err := time.Parse(time.RFC3339Nano, updatedAt)
	if err != nil {
		return math.MinInt64
	}
	return at.UnixMicro()
}
