package simulator_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func changing(rows int, c simulator.Change) (*clock, *simulator.Simulator) {
	now := newClock()
	o := unlimited(rows)
	o.Clock, o.Change = now.Now, c
	return now, simulator.New(o)
}

func TestRowThatChangesBehindTheCursorComesAgainAtTheEnd(t *testing.T) {
	t.Parallel()
	_, s := changing(100, simulator.Change{})
	rows := s.Select(simulator.Filters{})
	p := ask(t, s, `{"batch_size":40}`)
	passed, ahead := rows[5].ID, rows[60].ID
	if err := s.Update(passed, ahead); err != nil {
		t.Fatal(err)
	}
	added := s.Insert(1)[0]
	var order []string
	for p.Next != nil {
		p = ask(t, s, with(`{}`, p.Next))
		for _, raw := range p.Rows {
			order = append(order, decode(t, raw).ID)
		}
	}
	if len(order) != 62 {
		t.Fatalf("rows behind the first page: got %d, want 59 unchanged + 2 changed + 1 new", len(order))
	}
	if got := order[59:]; got[0] != passed || got[1] != ahead || got[2] != added {
		t.Errorf("end of the scan: got %v, want %s %s %s", got, passed, ahead, added)
	}
	if l := s.Ledger(); l.Billed(passed, 1) != 1 || l.Billed(passed, 2) != 1 || l.Billed(ahead, 1) != 0 || l.Billed(ahead, 2) != 1 || l.Duplicates != 0 {
		t.Errorf("ledger: got %d duplicates", l.Duplicates)
	}
}

func TestScanOverChangingRowsMissesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]simulator.Change{
		"every page":       {EveryPages: 1, Update: 20, Insert: 5},
		"every third page": {EveryPages: 3, Update: 90, Insert: 1},
		"only new rows":    {EveryPages: 1, Insert: 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, s := changing(300, c)
			have := make(map[string][]byte)
			keep := func(body string) (rows int) {
				for _, raw := range scan(t, s, body) {
					have[decode(t, raw).ID] = raw
					rows++
				}
				return rows
			}
			started := clock.Now()
			clock.advance(time.Minute)
			if rows := keep(`{"batch_size":50}`); rows <= 300 {
				t.Fatalf("backfill: got %d rows, want some that changed meanwhile", rows)
			}
			// What changed after the last page was decided is the next run's.
			keep(fmt.Sprintf(`{"updated_after":%q}`, started.Add(-15*time.Minute).Format(time.RFC3339)))
			missing := 0
			for id, row := range s.Truth() {
				if !bytes.Equal(have[id], row.Bytes) {
					missing++
				}
			}
			// The incremental run's own last page may be followed by one more change.
			if most := c.Update + c.Insert; missing > most {
				t.Errorf("rows that are not at their newest version: got %d, want at most %d", missing, most)
			}
			if l := s.Ledger(); l.PagesAgain != 0 {
				t.Errorf("pages bought again: got %d", l.PagesAgain)
			}
		})
	}
}

func TestChangeEndsAfterItsRounds(t *testing.T) {
	t.Parallel()
	_, s := changing(100, simulator.Change{EveryPages: 2, Update: 3, Insert: 4, Rounds: 2})
	for range 10 {
		ask(t, s, `{"batch_size":1}`)
	}
	if got := s.Len(); got != 108 {
		t.Errorf("rows: got %d, want 100 + 2 rounds of 4", got)
	}
	changed := 0
	for _, row := range s.Truth() {
		changed += row.Version - 1
	}
	if changed != 6 {
		t.Errorf("new versions: got %d, want 2 rounds of 3", changed)
	}
}

func TestManyChangesKeepTheOrder(t *testing.T) {
	t.Parallel()
	// Far more changes than rows: the log is compacted on the way.
	_, s := changing(300, simulator.Change{})
	p := ask(t, s, `{"batch_size":10}`)
	for range 40 {
		s.UpdateRandom(150)
	}
	rows := s.Select(simulator.Filters{})
	if len(rows) != 300 {
		t.Fatalf("rows: got %d, want 300", len(rows))
	}
	for i := 1; i < len(rows); i++ {
		if !rows[i].UpdatedAt.After(rows[i-1].UpdatedAt) && rows[i].Version > 1 {
			t.Errorf("row %d does not come after the one before", i)
		}
	}
	if rest := len(scanFrom(t, s, `{}`, p.Next)); rest < 290 || rest > 300 {
		t.Errorf("rows behind an old cursor: got %d, want 290 to 300", rest)
	}
}
