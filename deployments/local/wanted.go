package main

import (
	"fmt"

	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// wanted is what the enricher has to publish, by what the feed has: each version
// of a company once.
type wanted struct {
	chaos    *chaos
	versions map[string]int    // the newest that is wanted, by company
	profiles map[string]string // the profile of that version; none for a dead letter
	letters  map[schemas.DeadLetterReason]int
	// chosen and asked are how many profiles the selection and requests bring.
	chosen, asked int
}

func newWanted(c *chaos) *wanted {
	return &wanted{chaos: c, versions: make(map[string]int), profiles: make(map[string]string), letters: make(map[schemas.DeadLetterReason]int)}
}

// choose takes in the companies that are chosen as the feed has them now.
func (w *wanted) choose(feed *simulator.Server, s *selection.Selection) error {
	rows, err := chosen(feed, s)
	for _, row := range rows {
		if w.add(feed, row) {
			w.chosen++
		}
	}
	return err
}

// ask takes in companies that are requested: those that nothing is known of are
// fetched, once.
func (w *wanted) ask(feed *simulator.Server, ids []string) {
	for _, id := range ids {
		row, found := feed.Row(id)
		switch {
		case !found:
			w.letters[schemas.ReasonNotFound]++
		case !w.knows(id) && w.add(feed, row):
			w.asked++
		}
	}
}

// add takes in one version of a company, and reports whether it brings a profile.
func (w *wanted) add(feed *simulator.Server, row simulator.Row) bool {
	if w.versions[row.ID] == row.Version {
		return false
	}
	w.versions[row.ID] = row.Version
	if reason, gone := w.chaos.lost(row.ID); gone {
		w.letters[reason]++
		return false
	}
	profile, found := feed.Profile(row.ID)
	w.profiles[row.ID] = string(profile)
	return found
}

// knows reports whether a company is wanted already.
func (w *wanted) knows(id string) bool { return w.versions[id] != 0 }

// profile is what is to be published of a company last; empty means nothing.
func (w *wanted) profile(id string) string { return w.profiles[id] }

// published is how many profiles there have to be in all.
func (w *wanted) published() int { return w.chosen + w.asked }

// dead is how many dead letters there have to be.
func (w *wanted) dead() (n int) {
	for _, count := range w.letters {
		n += count
	}
	return n
}

// chosen are the rows of the feed that a selection chooses, in the feed's order.
func chosen(feed *simulator.Server, s *selection.Selection) (rows []simulator.Row, _ error) {
	for _, row := range feed.Select(simulator.Filters{}) {
		match, err := s.Match(row.Bytes)
		if err != nil {
			return nil, fmt.Errorf("career site %s: %w", row.ID, err)
		}
		if match {
			rows = append(rows, row)
		}
	}
	return rows, nil
}
