package app

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// RequestWish is what `enricher request` is asked for.
type RequestWish struct {
	// IDs are the companies; none means that they stand in the input, one a line.
	IDs []string
	// DetailsURL is where the profile of the one company is; empty means at the
	// API's own address.
	DetailsURL string
	// Reason is for people.
	Reason string
	// Force asks for a fetch of what was fetched already.
	Force bool
}

// RedriveWish is what `enricher redrive` is asked for: which dead letters.
type RedriveWish struct {
	// Reasons are those that count; none means any.
	Reasons []schemas.DeadLetterReason
	// Since is the oldest, UTC; zero means any age.
	Since time.Time
	// Limit is how many at most; zero means no limit.
	Limit int
	// DryRun says that nothing is put back.
	DryRun bool
}

// wish returns what is asked for. typed says that standard input is a terminal.
func (v requestVerb) wish(p *problems, typed bool) RequestWish {
	w := RequestWish{IDs: v.ID, DetailsURL: v.DetailsURL, Reason: v.Reason, Force: v.Force}
	switch dash := slices.Contains(v.ID, "-"); {
	case dash && len(v.ID) > 1:
		p.list = append(p.list, errors.New("request got ids and a dash: expected ids, or a dash for standard input; leave out one of the two"))
	case dash:
		w.IDs = nil
	case len(v.ID) == 0 && typed:
		p.list = append(p.list, errors.New("request got no id: expected company ids; name them, or give them to its standard input, one a line"))
	}
	for _, id := range w.IDs {
		if err := schemas.CheckID(id); err != nil {
			p.add("request ID", id, fmt.Sprintf("the id of a company, 1 to %d bytes of text", schemas.MaxID), err.Error())
		}
	}
	if v.DetailsURL != "" && len(w.IDs) != 1 {
		p.add("--details-url", v.DetailsURL, "one id beside it", "it is where the profile of one company is; ask for each such company by itself")
	}
	return w
}

// wish returns what is asked for; ages count from now.
func (v redriveVerb) wish(p *problems, now time.Time) RedriveWish {
	w := RedriveWish{Since: p.since("--since", v.Since, now), DryRun: v.DryRun}
	for _, given := range v.Reason {
		if !slices.Contains(reasons(), given) {
			fix := "write it as it stands there"
			if near := suggestion(strings.ToLower(given), reasons()); near != "" {
				fix = strings.TrimPrefix(near, ", ")
			}
			p.add("--reason", given, "one of "+strings.Join(reasons(), ", "), fix)
		}
		w.Reasons = append(w.Reasons, schemas.DeadLetterReason(given))
	}
	if v.Limit != "" {
		w.Limit = p.integer("--limit", v.Limit, 1, math.MaxInt32)
	}
	return w
}

// since reads an instant that is past, or how long ago it is; nothing given is
// the zero time.
func (p *problems) since(name, given string, now time.Time) time.Time {
	if age, err := time.ParseDuration(given); err == nil && age > 0 {
		return now.Add(-age).UTC()
	}
	var read problems
	at := read.instant(name, given)
	switch {
	case given == "":
		return time.Time{}
	case at == nil:
		p.add(name, given, "an instant, or a duration before now", "write it like 2026-01-31T00:00:00Z, 2026-01-31 or 24h")
		return time.Time{}
	case at.After(now):
		p.add(name, given, "an instant that is past", "there is no dead letter since then")
	}
	return *at
}

// reasons are all that a dead letter may have.
func reasons() []string {
	var all []string
	for _, reason := range schemas.Reasons() {
		all = append(all, string(reason))
	}
	return all
}
