package simulator

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

func (s *Simulator) serveCompany(w http.ResponseWriter, r *http.Request) {
	a := s.answerCompany(r)
	s.mu.Lock()
	s.recordProfile(r, a)
	s.mu.Unlock()
	s.send(w, r, a)
}

// answerCompany serves a full profile. It is public: a key only buys a higher
// request limit, and it costs no credits.
func (s *Simulator) answerCompany(r *http.Request) answer {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return s.refuse(problem{
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", title: "Method not allowed",
			detail: "profiles are read with GET", header: http.Header{"Allow": {"GET, HEAD"}},
		})
	}
	text := strings.TrimPrefix(r.URL.Path, pathCompanies)
	who, refused := s.admitPublic(r)
	if refused != nil {
		return *refused
	}
	f, latency := s.plan(call{route: RouteCompanies, id: text, host: r.Host})
	if s.pause(r.Context(), latency+f.delayBefore()) != nil {
		return answer{fault: &Fault{Kind: KindReset}}
	}
	if f.replaces() {
		return s.replaced(f, who, answer{})
	}
	a := s.standingOn(who, s.profile(r, text))
	if s.pause(r.Context(), f.delayAfter()) != nil {
		a.fault = &Fault{Kind: KindReset}
		return a
	}
	return s.spoil(spoilProfile(a, f), f)
}

// admitPublic counts a request against the key's limit or, without a known key,
// against that of the address.
func (s *Simulator) admitPublic(r *http.Request) (caller, *answer) {
	who := caller{key: r.Header.Get("X-Api-Key"), host: r.Host}
	s.mu.Lock()
	defer s.mu.Unlock()
	limits := s.opts.CompanyLimits
	if state, known := s.keys[who.key]; !known || state == KeyRevoked {
		limits = s.opts.PublicLimits
		// Addresses of in-memory networks have no port: they are taken whole.
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		who.key = "address " + host
	}
	who.standing = s.take(groupGeneral, who.key, limits)
	if who.standing.wait > 0 {
		a := s.standingOn(who, s.refuseLocked(s.tooMany(groupGeneral, who.standing.wait)))
		return who, &a
	}
	s.profileLedger.admit(s.now().UnixNano())
	return who, nil
}

// profile renders the newest version of a company, or says that the client has it.
func (s *Simulator) profile(r *http.Request, text string) answer {
	s.mu.Lock()
	ordinal, ok := s.find(text)
	if !ok {
		defer s.mu.Unlock()
		return s.refuseLocked(problem{
			status: http.StatusNotFound, code: "company_not_found", title: "Not found", detail: "no company has this id",
		})
	}
	rec := &s.table.records[ordinal]
	c, version := rec.company, rec.version
	if status, removed := s.removed[c.id]; removed {
		defer s.mu.Unlock()
		return s.refuseLocked(noLonger(status))
	}
	s.profiles[c.id]++
	s.mu.Unlock()

	tag := fmt.Sprintf(`"%x-%d"`, c.id[:6], version)
	header := http.Header{"Etag": {tag}, "Cache-Control": {"public, max-age=300"}}
	if matchesTag(r.Header.Values("If-None-Match"), tag) {
		return answer{status: http.StatusNotModified, header: header}
	}
	whole, err := s.render(&c, version)
	if err != nil {
		return s.refuse(problem{status: http.StatusInternalServerError, code: "internal", title: "Internal error", detail: err.Error()})
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return answer{status: http.StatusOK, header: header, body: whole}
}

// render writes the profile of a version. The vocabulary is never written, so
// this needs no lock.
func (s *Simulator) render(c *company, version uint32) ([]byte, error) {
	text, err := json.Marshal(newProfile(s.table.words, c, version))
	if err != nil {
		return nil, err
	}
	return s.fill.apply(text, int(c.id[0])), nil
}

// matchesTag compares weakly, as RFC 9110 wants it for GET.
func matchesTag(fields []string, tag string) bool {
	for _, field := range fields {
		for _, candidate := range strings.Split(field, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == "*" || candidate == tag {
				return true
			}
		}
	}
	return false
}

// ProfileGets returns how often the profile of a company was asked for, answers
// 304 included and refused requests not.
func (s *Simulator) ProfileGets(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := parseID(id)
	if !ok {
		return 0
	}
	return s.profiles[i]
}

// ProfilesServed returns how often any profile was asked for.
func (s *Simulator) ProfilesServed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, n := range s.profiles {
		total += n
	}
	return total
}

// Profile returns the bytes of a company's newest version: what GET answers for
// it unless a fault or a removal says otherwise.
func (s *Simulator) Profile(id string) ([]byte, bool) {
	s.mu.Lock()
	ordinal, ok := s.find(id)
	if !ok {
		s.mu.Unlock()
		return nil, false
	}
	c, version := s.table.records[ordinal].company, s.table.records[ordinal].version
	s.mu.Unlock()
	text, err := s.render(&c, version)
	return text, err == nil
}
