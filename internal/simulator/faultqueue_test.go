package simulator_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// statuses asks the feed n times for a row.
func statuses(t *testing.T, s http.Handler, n int) []int {
	t.Helper()
	out := make([]int, n)
	for i := range out {
		out[i] = ask(t, s, `{"batch_size":1}`).Status
	}
	return out
}

func TestFaultsOfAQueueReadAsAScript(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(20))
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 500, Count: 2})
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 502})
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 504, When: simulator.When{Skip: 1}})
	if got, want := statuses(t, s, 6), []int{500, 500, 502, 200, 504, 200}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if l := s.Ledger(); l.Pages != 2 || l.Status[500] != 2 || l.Status[502] != 1 {
		t.Errorf("ledger: got %d pages, %v", l.Pages, l.Status)
	}
	if left := s.Faults(); len(left) != 0 {
		t.Errorf("queue: got %v, want it empty", left)
	}
}

func TestFaultOnACursorMeetsOnlyThatCursor(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(20))
	p := ask(t, s, `{"batch_size":5}`)
	q := ask(t, s, with(`{}`, p.Next))
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, When: simulator.When{Cursor: *q.Next}})
	if got := ask(t, s, with(`{}`, p.Next)).Status; got != 200 {
		t.Errorf("another cursor: got %d", got)
	}
	if got := ask(t, s, with(`{}`, q.Next)).Status; got != 500 {
		t.Errorf("the cursor: got %d, want 500", got)
	}
}

func TestStatusFaultIsBilledOnlyWhenItSaysSo(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(5))
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 429})
	if got := ask(t, s, "{}").Status; got != 429 {
		t.Errorf("got %d, want 429", got)
	}
	if feed, _ := s.TooManyServed(); feed != 1 || s.Ledger().Pages != 0 {
		t.Errorf("got %d answers 429 and %d pages, want 1 and none", feed, s.Ledger().Pages)
	}
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 502, Billed: true})
	p := ask(t, s, "{}")
	if l := s.Ledger(); p.Status != 502 || l.Pages != 1 || l.Bills[0].Fault != simulator.KindStatus {
		t.Errorf("gateway that lost the page: got %d and %d pages, want 502 and 1", p.Status, l.Pages)
	}
}
