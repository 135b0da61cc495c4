//go:build unix

package main_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRefusalAfterAFailedTakeOverReadsTheSame(t *testing.T) {
	t.Parallel()
	d := situations()["other filters after a run"].desk(t)
	if d.broker == nil {
		t.Skip("a real Kafka does not fail for a test")
	}
	want := d.refused()
	var failed atomic.Bool
	d.broker.ControlKey(int16(kmsg.InitProducerID), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if failed.Swap(true) {
			return nil, nil, false
		}
		response := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		response.ErrorCode = kerr.ProducerFenced.Code
		return response, nil, true
	})
	if got := d.refused(); !slices.Equal(got, want) || !failed.Load() {
		t.Errorf("the ways after a take-over that failed once are %q, want %q", got, want)
	}
}
