//go:build unix

package main_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// history puts all kinds of records on the topics: career sites that are selected
// and others, companies that are gone, and requests with and without force.
func (b *bed) history() {
	b.t.Helper()
	all, chosen := b.ids()
	if err := b.api.Remove(chosen[:5]...); err != nil {
		b.t.Fatal(err)
	}
	if err := b.api.Retire(chosen[5:10]...); err != nil {
		b.t.Fatal(err)
	}
	b.show(all...)
	b.change(chosen[10:20]...)
	unselected := all[:len(all)-len(chosen)]
	b.ask(schemas.CompanyRequest{ID: unselected[0]})
	b.ask(schemas.CompanyRequest{ID: unselected[1], Force: true})
	b.ask(schemas.CompanyRequest{ID: chosen[20]})
	b.ask(schemas.CompanyRequest{ID: chosen[21], Force: true})
	b.ask(schemas.CompanyRequest{ID: chosen[22], Force: true, RequestedAt: time.Now()})
	b.ask(schemas.CompanyRequest{ID: chosen[0]})              // gone
	b.ask(schemas.CompanyRequest{ID: chosen[5], Force: true}) // gone
	b.ask(schemas.CompanyRequest{ID: chosen[23], DetailsURL: "https://169.254.169.254/latest"})
	b.publish(
		&kgo.Record{Topic: b.requests(), Key: []byte(chosen[24])}, // no value at all
		&kgo.Record{Topic: b.requests(), Key: []byte(chosen[25]), Value: []byte("[]")},
		&kgo.Record{Topic: b.requests(), Value: []byte("{}")},
		&kgo.Record{Topic: b.sites(), Key: []byte(chosen[26]), Value: []byte(`{"id":7}`)},
		&kgo.Record{Topic: b.sites(), Key: []byte(chosen[27])}, // a tombstone
	)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 160, Seed: 22, CompanyLatency: 5 * time.Millisecond})
	p := b.run()
	b.history()
	b.caughtUp(b.name, p)
	// These come when the profiles stand, so the answer to force is 304.
	_, chosen := b.ids()
	b.ask(schemas.CompanyRequest{ID: chosen[30], Force: true})
	b.ask(schemas.CompanyRequest{ID: chosen[31]})
	b.caughtUp(b.name, p)
	p.stop()
	gets, profiles, letters := b.gets(), len(b.records(b.companies())), b.records(b.letters())
	reasons := make(map[string]int)
	for _, r := range letters {
		reasons[header(r, schemas.HeaderReason)]++
	}
	t.Logf("%d GETs, %d profiles, dead letters %v", gets, profiles, reasons)
	for reason, want := range map[schemas.DeadLetterReason]int{
		schemas.ReasonBadRequest: 2, schemas.ReasonBadSite: 1, schemas.ReasonNotFound: 5,
	} {
		if got := reasons[string(reason)]; got != want {
			t.Errorf("%d dead letters are %s, want %d", got, reason, want)
		}
	}
	again := func(what, group string, unmodified int) {
		t.Helper()
		p := b.run("ENRICH_GROUP=" + group)
		b.caughtUp(group, p)
		p.stop()
		got, is, dead := b.gets(), len(b.records(b.companies())), b.records(b.letters())
		if got != gets+unmodified || is != profiles || len(dead) != len(letters) {
			t.Errorf("%s: %d GETs, %d profiles and %d dead letters more, want no more than the answer 304", what, got-gets, is-profiles, len(dead)-len(letters))
			for _, r := range dead[min(len(letters), len(dead)):] {
				t.Logf("dead letter of %s: %s: %s", r.Key, header(r, schemas.HeaderReason), header(r, schemas.HeaderMessage))
			}
		}
		gets, profiles, letters = got, is, dead
	}
	b.rewind(b.name)
	again("offsets reset", b.name, 0)
	again("another group", b.name+"-2", 0)
	if n := b.forget(t.Context()); n == 0 {
		t.Error("Redis knew nothing: its loss shows nothing")
	}
	b.rewind(b.name)
	// That a profile was not modified stands nowhere but in Redis: the request with
	// force that was answered so is made once more.
	again("offsets reset after Redis was lost", b.name, 1)
	b.forget(t.Context())
	again("another group after Redis was lost", b.name+"-3", 1)
}
