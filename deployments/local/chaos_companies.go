package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// chaosDelays are the waits of the retry topics under chaos: somebody watches.
func chaosDelays() []time.Duration {
	return []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}
}

// outage is how often a company answers 500: more often than it is tried in place,
// so that it comes back from a retry topic, and is still not well then.
const outage = 7

// spoil makes some of the companies bad that are chosen, and says which: some for
// good, which are dead letters, and the others for a while, which does not show in
// the topic. Fewer than five of them do not answer, since that many in a row are a
// host that is down.
func (c *chaos) spoil(feed *simulator.Server, s *selection.Selection) error {
	if c == nil {
		return nil
	}
	rows, err := chosen(feed, s)
	if err != nil {
		return err
	}
	faults := c.badCompanies()
	which := c.draw.Perm(len(rows))
	for i, f := range faults[:min(len(faults), len(rows))] {
		id := rows[which[i]].ID
		f.When = simulator.When{Route: simulator.RouteCompanies, ID: id}
		if err := feed.AddFault(f); err != nil {
			return err
		}
		often := ""
		switch {
		case f.Count < 0:
			c.gone[id], often = goneReason(f.Status), ", for good"
		case f.Count > 1:
			often = fmt.Sprintf(", %d times", f.Count)
		}
		fmt.Fprintf(c.out, "chaos: company %s meets: %s%s\n", id, profileName(f.Kind, f.Status), often)
	}
	return nil
}

// badCompanies draws one company of each kind. The two that are lost come first:
// few companies may be chosen.
func (c *chaos) badCompanies() []simulator.Fault {
	return []simulator.Fault{
		{Kind: simulator.KindStatus, Status: http.StatusNotFound, Count: -1},
		{Kind: simulator.KindStatus, Status: http.StatusGone, Count: -1},
		{Kind: simulator.KindStatus, Status: http.StatusInternalServerError, Count: outage},
		{Kind: simulator.KindCut, Bytes: 1 + c.draw.IntN(2000), Framing: c.framing(), Count: 2},
		{Kind: simulator.KindHang, Delay: time.Duration(500+c.draw.IntN(1000)) * time.Millisecond},
		{Kind: simulator.KindLatency, Delay: time.Duration(300+c.draw.IntN(700)) * time.Millisecond},
		{Kind: simulator.KindStatus, Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	}
}

// goneReason is the reason of the dead letter of a company that is lost.
func goneReason(status int) schemas.DeadLetterReason {
	if status == http.StatusGone {
		return schemas.ReasonGone
	}
	return schemas.ReasonNotFound
}

// lost reports whether chaos has taken a company's profile away, and the reason of
// its dead letter. A nil chaos takes none.
func (c *chaos) lost(id string) (reason schemas.DeadLetterReason, gone bool) {
	if c == nil {
		return "", false
	}
	reason, gone = c.gone[id]
	return reason, gone
}

// profileName is what a fault of a profile is called on the screen.
func profileName(kind simulator.Kind, status int) string {
	if kind == simulator.KindCut {
		return "body cut for a profile" // nothing is billed there
	}
	return name(kind, status) + " for a profile"
}

// ofProfile reports whether an answer was one to a request for a profile.
func ofProfile(a simulator.Answer) bool { return strings.HasPrefix(a.Path, "/api/companies/") }
