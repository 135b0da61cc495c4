package simulator

import (
	"net/http"
	"strconv"
)

// answer is what a request gets, complete before its first byte is written.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	rows    int
	credits int64
	fault   *Fault // what goes wrong on the wire; nil: nothing
}

// caller is who asks.
type caller struct {
	key, client string
	host        string
	standing    standing
}

func (s *Simulator) serveFeed(w http.ResponseWriter, r *http.Request) {
	a := s.answerFeed(r)
	s.mu.Lock()
	s.ledger.total.Status[a.counted()]++
	s.mu.Unlock()
	s.send(w, r, a)
}

// answerFeed goes through the checks in the order that the status codes imply:
// who asks, how often, what for, who pays. Only a page that passes all of them
// is billed.
func (s *Simulator) answerFeed(r *http.Request) answer {
	who, refused := s.admit(r)
	if refused != nil {
		return *refused
	}
	q, bad := readFeedRequest(r)
	f, latency := s.plan(call{route: RouteFeed, cursor: q.cursor(), host: r.Host})
	if s.pause(r.Context(), latency+f.delayBefore()) != nil {
		// The client left before anything was decided: nothing is billed.
		return answer{fault: &Fault{Kind: KindReset}}
	}
	if f.replaces() && !f.Billed {
		return s.replaced(f, who, answer{})
	}
	if bad != nil {
		return s.standingOn(who, s.refuse(*bad))
	}
	a := s.decide(q, who, f)
	if s.pause(r.Context(), f.delayAfter()) != nil {
		a.fault = &Fault{Kind: KindReset}
		return a
	}
	if f.replaces() {
		return s.replaced(f, who, a)
	}
	return s.spoil(a, f)
}

// admit checks the key and the request limit.
func (s *Simulator) admit(r *http.Request) (caller, *answer) {
	who := caller{key: r.Header.Get("X-Api-Key"), client: r.Header.Get("X-Client"), host: r.Host}
	if who.client == "" {
		who.client = r.UserAgent()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := func(p problem) (caller, *answer) {
		a := s.standingOn(who, s.refuseLocked(p))
		return who, &a
	}
	state, known := s.keys[who.key]
	switch {
	case r.Method != http.MethodPost:
		return stop(problem{
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", title: "Method not allowed",
			detail: "the feed is read with POST", header: http.Header{"Allow": {http.MethodPost}},
		})
	case who.key == "":
		return stop(unauthorized("the header X-Api-Key is missing"))
	case !known || state == KeyRevoked:
		return stop(unauthorized("the API key is wrong or was revoked"))
	case state == KeyNoFeed:
		return stop(forbidden())
	}
	who.standing = s.take(groupFeed, who.key, s.opts.FeedLimits)
	if who.standing.wait > 0 {
		return stop(s.tooMany(groupFeed, who.standing.wait))
	}
	return who, nil
}

// take counts a request against a caller's limit. The caller holds the lock.
func (s *Simulator) take(group, who string, l Limits) standing {
	name := group + "\x00" + who
	counter, ok := s.limits[name]
	if !ok {
		counter = newRolling(l)
		s.limits[name] = counter
	}
	out := counter.take(s.now())
	out.group = group
	return out
}

// standingOn adds the limit's headers to an answer.
func (s *Simulator) standingOn(who caller, a answer) answer {
	st := who.standing
	if !st.counted {
		return a
	}
	a.header.Set("X-RateLimit-Limit", strconv.Itoa(st.limit))
	a.header.Set("X-RateLimit-Remaining", strconv.Itoa(st.remaining))
	a.header.Set("X-RateLimit-Reset", strconv.FormatInt(ceilSecond(st.reset).Unix(), 10))
	a.header.Set("X-RateLimit-Group", st.group)
	return a
}

// counted is the status that the ledger counts: 0 when the client got none.
func (a *answer) counted() int {
	if a.fault.is(KindReset, KindHang) {
		return 0
	}
	return a.status
}
