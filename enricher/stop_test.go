//go:build unix

package main_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestStop(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 80, Seed: 25, CompanyLatency: time.Second})
	all, chosen := b.ids()
	b.show(all...)
	p := b.run()
	// A host that has not answered yet is asked by two at a time.
	b.until("requests in flight", func() bool { return b.gets() >= 2 }, p)
	p.stop()
	gets := b.gets()
	if gets > 2*concurrency {
		t.Errorf("%d GETs when it had ended, want those that were in flight", gets)
	}
	if n := len(b.records(b.companies())); n != gets {
		t.Errorf("%d profiles are published, want those of the %d GETs that were in flight", n, gets)
	}
	b.api.SetLatency(simulator.RouteCompanies, 0)
	p = b.run()
	b.caughtUp(b.name, p)
	p.stop()
	t.Log(b.audit(chosen).noLetters().atMost(0))
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 80, Seed: 26, CompanyLatency: time.Hour})
	all, chosen := b.ids()
	b.show(all...)
	p := b.run()
	b.until("requests in flight", func() bool { return b.gets() >= 2 }, p)
	p.signal(syscall.SIGTERM)
	// Nothing tells when it has taken note of the first signal, so the second is
	// repeated.
	b.until("the end", func() bool {
		p.signal(syscall.SIGINT)
		return !p.running()
	})
	p.expect(-int(syscall.SIGINT))
	b.api.SetLatency(simulator.RouteCompanies, 0)
	p = b.run()
	b.caughtUp(b.name, p)
	p.stop()
	t.Log(b.audit(chosen).noLetters().atMost(concurrency))
}
