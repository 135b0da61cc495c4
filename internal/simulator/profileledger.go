package simulator

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ProfileLedger is a copy of the account of profile requests at one moment. A
// request is in it once its answer is decided, or once its client has left; the
// status is 0 for an answer that no client got whole: a reset, a hang, a body
// that was cut or stalled, a client that did not wait. HEAD counts as GET.
type ProfileLedger struct {
	Gets        int `json:"gets"`
	Admitted    int `json:"admitted"` // let through by the limits, also those whose answer is still to come
	NotModified int `json:"not_modified"`
	TooMany     int `json:"too_many"` // 429, by limits and by faults
	// ByStatus has the answers to other methods too.
	ByStatus map[int]int `json:"by_status"`

	counts map[outcome]int
	at     []int64 // unix nanoseconds of the admitted requests, in order
}

// ProfileCount is how the GETs of one version of a company were answered.
type ProfileCount struct {
	ID       string      `json:"id"`
	Version  int         `json:"version"` // the newest when the answer was decided; 0: no such company
	Gets     int         `json:"gets"`
	ByStatus map[int]int `json:"by_status"`
}

// PerCompany returns the counts of one company by version, the oldest first. The
// id may be one that no company has. It looks at every count.
func (l *ProfileLedger) PerCompany(id string) []ProfileCount {
	return l.collect(func(o outcome) bool { return o.id == id })
}

// Companies returns the counts of all companies, ordered by id and version.
func (l *ProfileLedger) Companies() []ProfileCount {
	return l.collect(func(outcome) bool { return true })
}

// Twice returns the versions with more than one GET, answers 429 aside, ordered
// by id.
func (l *ProfileLedger) Twice() []ProfileCount {
	all := l.collect(func(o outcome) bool { return o.status != http.StatusTooManyRequests })
	return slices.DeleteFunc(all, func(c ProfileCount) bool { return c.Gets < 2 })
}

// Repeated returns how many GETs came after the first of the same company in the
// same version, answers 429 aside.
func (l *ProfileLedger) Repeated() int {
	n := 0
	for _, c := range l.Twice() {
		n += c.Gets - 1
	}
	return n
}

// MostInWindow returns the largest number of admitted requests in any window of
// that length. A request at t is in a window until t + d, as the limits count it.
// All callers are counted together.
func (l *ProfileLedger) MostInWindow(d time.Duration) int {
	most, first := 0, 0
	for last, t := range l.at {
		for first < last && t-l.at[first] >= int64(d) {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// Times returns when the admitted requests came, in order, by the simulator's
// clock.
func (l *ProfileLedger) Times() []time.Time {
	out := make([]time.Time, len(l.at))
	for i, t := range l.at {
		out[i] = time.Unix(0, t).UTC()
	}
	return out
}

func (l *ProfileLedger) collect(take func(outcome) bool) []ProfileCount {
	type version struct {
		id      string
		version uint32
	}
	found := make(map[version]*ProfileCount)
	for o, n := range l.counts {
		if !take(o) {
			continue
		}
		v := version{o.id, o.version}
		if found[v] == nil {
			found[v] = &ProfileCount{ID: o.id, Version: int(o.version), ByStatus: make(map[int]int)}
		}
		found[v].Gets += n
		found[v].ByStatus[int(o.status)] += n
	}
	out := make([]ProfileCount, 0, len(found))
	for _, c := range found {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b ProfileCount) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	return out
}

// outcome is one way in which a GET of one version of one company ended.
type outcome struct {
	id      string
	version uint32
	status  int16
}

// profileLedger is the account that is written. The caller holds the lock.
type profileLedger struct {
	gets   int
	status map[int]int // of every method
	counts map[outcome]int
	at     []int64
}

func newProfileLedger() *profileLedger {
	return &profileLedger{status: make(map[int]int), counts: make(map[outcome]int)}
}

func (l *profileLedger) admit(at int64) {
	if n := len(l.at); n > 0 {
		at = max(at, l.at[n-1]) // as the limits do with a clock that goes back
	}
	l.at = append(l.at, at)
}

// recordProfile counts an answer. The caller holds the lock.
func (s *Simulator) recordProfile(r *http.Request, a answer) {
	l := s.profileLedger
	status := a.counted()
	if a.fault.is(KindCut, KindStall) && len(a.body) > 0 {
		status = 0
	}
	l.status[status]++
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return
	}
	o := outcome{id: strings.TrimPrefix(r.URL.Path, pathCompanies), status: int16(status)}
	if ordinal, ok := s.find(o.id); ok {
		o.version = s.table.records[ordinal].version
	}
	l.gets++
	l.counts[o]++
}

// ProfileLedger returns a copy of the account of profile requests.
func (s *Simulator) ProfileLedger() ProfileLedger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.profileLedger
	return ProfileLedger{
		Gets: l.gets, Admitted: len(l.at), ByStatus: maps.Clone(l.status),
		NotModified: l.status[http.StatusNotModified], TooMany: l.status[http.StatusTooManyRequests],
		counts: maps.Clone(l.counts), at: slices.Clone(l.at),
	}
}
