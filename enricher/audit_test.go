//go:build unix

package main_test

import (
	"fmt"

	"github.com/careerstream/careerstream/schemas"
)

// audit is the promise, checked: what stands on the companies topic, against the
// bytes that the server of the profiles has.
type audit struct {
	b        *bed
	profiles int // records
	gets     int
	again    int // GETs beyond one for each event
}

// audit checks, when all is done, that each of ids has its newest profile last,
// that nothing is published twice, and that there is nothing else.
func (b *bed) audit(ids []string) *audit {
	b.t.Helper()
	a := &audit{b: b, gets: b.gets()}
	last, bodies, versions := make(map[string]string), make(map[string]int), make(map[string]int)
	for _, r := range b.records(b.companies()) { // a key is in one partition, whose records are in order
		id, version := string(r.Key), header(r, schemas.HeaderSiteVersion)
		a.profiles++
		last[id] = string(r.Value)
		if bodies[id+string(r.Value)]++; bodies[id+string(r.Value)] == 2 {
			b.t.Errorf("company %s: the same profile is published twice, the second time at %s/%d@%d", id, r.Topic, r.Partition, r.Offset)
		}
		if versions[id+version]++; versions[id+version] == 2 {
			b.t.Errorf("company %s: version %s is published twice", id, version)
		}
	}
	for _, id := range ids {
		want, _ := b.api.Profile(id)
		switch got, ok := last[id]; {
		case !ok:
			b.t.Errorf("company %s: no profile, want one", id)
		case got != string(want):
			b.t.Errorf("company %s: the last of its profiles is stale", id)
		}
		delete(last, id)
	}
	for id := range last {
		b.t.Errorf("company %s has a profile and was not selected", id)
	}
	a.again = a.gets - b.events
	return a
}

// atMost fails the test if more GETs were made than one for each event and so many
// more.
func (a *audit) atMost(more int) *audit {
	a.b.t.Helper()
	if a.again > more {
		a.b.t.Errorf("%d GETs for %d events, want at most %d more than events", a.gets, a.b.events, more)
	}
	return a
}

// noLetters fails the test if anything was given up.
func (a *audit) noLetters() *audit {
	a.b.t.Helper()
	for _, r := range a.b.records(a.b.letters()) {
		a.b.t.Errorf("dead letter of %s: %s: %s", r.Key, header(r, schemas.HeaderReason), header(r, schemas.HeaderMessage))
	}
	return a
}

func (a *audit) String() string {
	l := a.b.ledger()
	return fmt.Sprintf("%d events, %d profiles published, %d GETs (%d of them 304), %d beyond one for each event, %d of a version that was fetched before",
		a.b.events, a.profiles, a.gets, l.NotModified, a.again, l.Repeated())
}
