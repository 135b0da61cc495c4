package simulator

import (
	"fmt"
	"net/http"
	"time"
)

func (s *Simulator) adminProfiles(w http.ResponseWriter, _ *http.Request) {
	l := s.ProfileLedger()
	reply(w, http.StatusOK, map[string]any{
		"ledger": l, "repeated": l.Repeated(),
		"most_in": map[string]int{
			"second": l.MostInWindow(time.Second), "minute": l.MostInWindow(time.Minute),
			"hour": l.MostInWindow(time.Hour), "day": l.MostInWindow(24 * time.Hour),
		},
	})
}

// adminProfile answers for any id: that nobody asked for a company is worth
// knowing too.
func (s *Simulator) adminProfile(w http.ResponseWriter, r *http.Request) {
	l := s.ProfileLedger()
	reply(w, http.StatusOK, l.PerCompany(r.PathValue("id")))
}

func (s *Simulator) adminRemove(w http.ResponseWriter, r *http.Request) {
	var in struct {
		IDs    []string `json:"ids"`
		Status int      `json:"status"`
	}
	if !accept(w, r, &in) {
		return
	}
	var change func(...string) error
	switch in.Status {
	case 0, http.StatusNotFound:
		change = s.Remove
	case http.StatusGone:
		change = s.Retire
	case http.StatusOK:
		change = s.Restore
	default:
		replyError(w, http.StatusBadRequest, fmt.Errorf("status %d is none of 404, 410 and 200, which ends a removal", in.Status))
		return
	}
	if err := change(in.IDs...); err != nil {
		replyError(w, http.StatusNotFound, err)
		return
	}
	reply(w, http.StatusOK, map[string]int{"changed": len(in.IDs)})
}

func (s *Simulator) adminLatency(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := map[Route]duration{}
	for route, d := range s.latency {
		out[route] = duration(d)
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, out)
}

// adminSetLatency changes the routes that are named.
func (s *Simulator) adminSetLatency(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Feed      *duration `json:"feed"`
		Companies *duration `json:"companies"`
	}
	if !accept(w, r, &in) {
		return
	}
	given := map[Route]*duration{RouteFeed: in.Feed, RouteCompanies: in.Companies}
	for route, d := range given {
		if d != nil && *d < 0 {
			replyError(w, http.StatusBadRequest, fmt.Errorf("the latency of %s is below 0", route))
			return
		}
	}
	for route, d := range given {
		if d != nil {
			s.SetLatency(route, time.Duration(*d))
		}
	}
	s.adminLatency(w, r)
}
