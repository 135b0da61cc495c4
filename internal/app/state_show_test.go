package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/simulator"
)

func TestStateShowVeilsTheCursorAndProposesAWatermark(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", nil)
	at := b.progress(t, b.env)
	show := func(format string, more environment) string {
		t.Helper()
		var out bytes.Buffer
		if err := StateShow(t.Context(), b.config(t, more), format, &out); err != nil {
			t.Fatal(err)
		}
		b.noCursor(t, out.String())
		return out.String()
	}
	var r StateReport
	if err := json.Unmarshal([]byte(show("json", nil)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Kafka) != 1 || r.Kafka[0].Op != at.Op || r.Kafka[0].Cursor != "digest "+feed.Cursor(at.Cursor).String() || r.Redis == nil || r.Redis.Op != at.Op || r.Agreement != "agree" || !r.Proposed.IsZero() {
		t.Errorf("got %+v, want both at op %s, and no proposal", r, at.Op)
	}
	contains(t, show("table", nil), "backfill "+at.RunID+", paging, at page 1", "digest "+feed.Cursor(at.Cursor).String())
	// The progress topic is lost, and Redis with it: the newest row tells its run.
	b.stack.Redis.FlushAll()
	lost := stream()["PROGRESS_TOPIC"]
	more := environment{"PROGRESS_TOPIC": lost}
	contains(t, show("table", more), "state reset --watermark "+stamp(idTime(at.RunID)))
	if n := b.missing(t); n != 0 {
		t.Errorf("got %d topics missing, want none of the stream's own", n)
	}
	contains(t, b.reset(t, ResetWish{Backfill: true}, more), "proposed watermark: "+stamp(idTime(at.RunID)))
	if idTime("no-ulid") != (time.Time{}) {
		t.Error("got an instant from an id of another form")
	}
}

func TestStateShowWithOneServerAwayShowsTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	at := b.progress(t, b.env)
	var out bytes.Buffer
	err := StateShow(t.Context(), b.config(t, environment{"REDIS_URL": "redis://" + closedAddress(t)}), "table", &out)
	if !checkpoint.IsDown(err) {
		t.Errorf("got %v, want that Redis is down", err)
	}
	contains(t, out.String(), at.RunID, "redis  not known")
	out.Reset()
	if err = StateShow(t.Context(), b.config(t, environment{"KAFKA_BROKERS": closedAddress(t)}), "table", &out); exitCode(err) != ExitFailed {
		t.Errorf("got %v, want that Kafka is down", err)
	}
	contains(t, out.String(), at.RunID, "kafka  not known")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := StateShow(ended, b.config(t, nil), "json", &out); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the stop, want %v", err, context.Canceled)
	}
}
