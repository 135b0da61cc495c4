package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// answering is a Confirm that says this, and notes that it was asked.
func answering(yes bool, asked *int) Confirm {
	return func(string) (bool, error) { *asked++; return yes, nil }
}

// reset makes a reset that has to succeed and returns what it printed.
func (b *bench) reset(t *testing.T, wish ResetWish, more environment) string {
	t.Helper()
	var out bytes.Buffer
	asked := 0
	if err := StateReset(t.Context(), b.config(t, more), wish, answering(true, &asked), &out); err != nil || asked != 1 {
		t.Fatalf("reset %+v: asked %d times, %v: %s", wish, asked, err, out.String())
	}
	return out.String()
}

// export returns the file, which has to be written without a warning.
func (b *bench) export(t *testing.T) []byte {
	t.Helper()
	var out, warn bytes.Buffer
	if err := StateExport(t.Context(), b.config(t, nil), &out, &warn); err != nil || warn.Len() > 0 {
		t.Fatalf("export: %v, warning %q", err, warn.String())
	}
	return out.Bytes()
}

// sold is how many rows the feed has sold since it had sold before.
func (b *bench) sold(before simulator.Ledger) int { return b.feed.Ledger().Rows - before.Rows }

func TestResetToABackfillBuysEverythingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.sync(t, nil)
	before, ledger := b.progress(t, b.env), b.feed.Ledger()
	text := b.reset(t, ResetWish{Backfill: true}, nil)
	contains(t, text, "backfill "+before.RunID+", done", "everything is bought again", "about 130", "about 6500 credits (USD 6.50)", "written: written by an operator (backfill)")
	at := b.progress(t, b.env)
	if at.Reset != "backfill" || !at.Watermark.IsZero() || !at.Newer(before) || at.Waste != before.Waste || len(at.History) != 1 {
		t.Errorf("got %+v, want a newer record of a reset without a watermark that remembers the runs", at)
	}
	if n := b.sold(ledger); n != 0 {
		t.Errorf("got %d rows bought by a reset, want none", n)
	}
	if r := b.sync(t, nil); b.sold(ledger) != 130 || r.Progress.Mode != schemas.Backfill || r.Progress.Watermark.IsZero() {
		t.Errorf("got %d rows bought by a %s, want 130 by a backfill", b.sold(ledger), r.Progress.Mode)
	}
}

func TestResetToAWatermarkBuysWhatChangedSince(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", nil)
	since := time.Now()
	b.feed.UpdateRandom(12)
	before, ledger := b.progress(t, b.env), b.feed.Ledger()
	text := b.reset(t, ResetWish{Watermark: &since}, nil)
	contains(t, text, "given up", "at page 1: its 50 rows stay", "buys what changed since "+stamp(since), "not known")
	if at := b.progress(t, b.env); !at.Watermark.Equal(since) || at.Reset != "watermark" || at.Phase != schemas.Done || at.RunID <= before.RunID {
		t.Errorf("got %+v, want a run later than %s that is done up to %s", at, before.RunID, since)
	}
	if r := b.sync(t, nil); b.sold(ledger) != 12 || r.Progress.Mode != schemas.Incremental {
		t.Errorf("got %d rows bought by a %s, want the 12 that changed", b.sold(ledger), r.Progress.Mode)
	}
	// A watermark that is newer than what is complete loses rows: it says so.
	later := time.Now()
	contains(t, b.reset(t, ResetWish{Watermark: &later}, nil), "warning", "is lost")
}

func TestResetThatKeepsTheWatermarkTakesTheNewFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	agencies := environment{"FILTER_IS_AGENCY": "true"}
	asked := 0
	if err := StateReset(t.Context(), b.config(t, agencies), ResetWish{KeepWatermark: true}, answering(true, &asked), new(bytes.Buffer)); err == nil || asked != 0 || b.missing(t) != 3 {
		t.Errorf("got %v after %d questions, want a refusal: there is no watermark", err, asked)
	}
	b.sync(t, nil)
	before, ledger := b.progress(t, b.env), b.feed.Ledger()
	yes := true
	all := len(b.feed.Select(simulator.Filters{IsAgency: &yes}))
	text := b.reset(t, ResetWish{KeepWatermark: true}, agencies)
	contains(t, text, stamp(before.Watermark), `{"is_agency":true} instead of {}`)
	at := b.progress(t, b.env)
	if !at.Watermark.Equal(before.Watermark) || at.Fingerprint == before.Fingerprint || at.Reset != "keep-watermark" {
		t.Errorf("got watermark %s and filters %s, want %s and the new ones", at.Watermark, at.Filters, before.Watermark)
	}
	b.feed.UpdateRandom(130) // every company is new now
	b.sync(t, agencies)
	if n := b.sold(ledger); n != all || all == 0 {
		t.Errorf("got %d rows bought, want the %d agencies", n, all)
	}
}

func TestResetFencesWhoeverIsStillWriting(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.sync(t, nil)
	// An instance that lost its lease without noticing, about to commit a page.
	p, err := assembleWriter(t.Context(), b.config(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(t.Context())
	session, err := p.stream.Fence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	stale := b.progress(t, b.env)
	stale.Seq, stale.Op = stale.Seq+1, "from-before-the-reset"
	b.reset(t, ResetWish{Backfill: true}, nil)
	if err := session.Commit(t.Context(), nil, []schemas.Progress{stale}, func() error { return nil }); err == nil {
		t.Error("got a commit of an epoch before the reset, want it fenced")
	}
	if at := b.progress(t, b.env); at.Reset != "backfill" || at.Fence <= stale.Fence {
		t.Errorf("got %+v, want the reset to stand, of a later fence than %d", at, stale.Fence)
	}
}

func TestStateIsNotWrittenWhileAnotherInstanceIsAlive(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	file, before := b.export(t), b.progress(t, b.env)
	b.hold(t)
	var out bytes.Buffer
	asked := 0
	for name, err := range map[string]error{
		"reset":  StateReset(t.Context(), b.config(t, nil), ResetWish{Backfill: true}, answering(true, &asked), &out),
		"import": StateImport(t.Context(), b.config(t, nil), bytes.NewReader(file), answering(true, &asked), &out),
	} {
		var busy *checkpoint.BusyError
		if !errors.As(err, &busy) || busy.Owner != "the-other-one" || exitCode(err) != ExitBusy {
			t.Errorf("%s: got %v, want that the-other-one holds the lease", name, err)
		}
	}
	contains(t, out.String(), "held by the-other-one: stop it first")
	if at := b.progress(t, b.env); at.Op != before.Op || strings.Contains(out.String(), "written") {
		t.Errorf("got op %s, want the %s of before: %s", at.Op, before.Op, out.String())
	}
}

func TestWithoutAYesNothingIsWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	file, before, dump := b.export(t), b.progress(t, b.env), b.stack.Redis.Dump()
	nobody := &UsageError{Problems: []error{errors.New("nobody can be asked")}}
	asked := 0
	var out bytes.Buffer
	refuses := func(string) (bool, error) { asked++; return true, nobody }
	for want, err := range map[error]error{
		errUnchanged: StateReset(t.Context(), b.config(t, nil), ResetWish{Backfill: true}, answering(false, &asked), &out),
		nobody:       StateImport(t.Context(), b.config(t, nil), bytes.NewReader(file), refuses, &out),
	} {
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if exitCode(errUnchanged) != ExitFailed || !strings.Contains(errUnchanged.Error(), "nothing was changed") || asked != 2 {
		t.Errorf("got %v with exit code %d after %d questions, want that nothing was changed, 1, 2", errUnchanged, exitCode(errUnchanged), asked)
	}
	contains(t, out.String(), "everything is bought again", "about 3000 credits") // before the question
	if at := b.progress(t, b.env); at.Op != before.Op || b.stack.Redis.Dump() != dump {
		t.Errorf("got op %s, want the %s of before, and Redis as it was", at.Op, before.Op)
	}
	if err := StateReset(t.Context(), b.config(t, stream()), ResetWish{Backfill: true}, answering(false, &asked), &out); !errors.Is(err, errUnchanged) {
		t.Errorf("got %v for a stream that is new, want %v", err, errUnchanged)
	}
}
