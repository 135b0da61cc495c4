package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

// Remove makes the profiles of companies answer 404 from now on, while their rows
// stay in the feed and can still change. Unknown ids are an error that names
// them; the others are removed all the same.
func (s *Simulator) Remove(ids ...string) error { return s.setRemoved(http.StatusNotFound, ids) }

// Retire is as [Simulator.Remove], with 410 for an answer.
func (s *Simulator) Retire(ids ...string) error { return s.setRemoved(http.StatusGone, ids) }

// Restore gives companies that were removed or retired their profiles back.
func (s *Simulator) Restore(ids ...string) error { return s.setRemoved(http.StatusOK, ids) }

// setRemoved makes 200 the end of a removal.
func (s *Simulator) setRemoved(status int, ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unknown []string
	for _, text := range ids {
		ordinal, ok := s.find(text)
		switch {
		case !ok:
			unknown = append(unknown, text)
		case status == http.StatusOK:
			delete(s.removed, s.table.records[ordinal].id)
		default:
			s.removed[s.table.records[ordinal].id] = status
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("remove profiles: unknown ids: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// noLonger is the answer for a company that was removed.
func noLonger(status int) problem {
	if status == http.StatusGone {
		return problem{status: status, code: "company_gone", title: "Gone", detail: "this company has no profile any more"}
	}
	return problem{status: status, code: "company_not_found", title: "Not found", detail: "no company has this id"}
}
