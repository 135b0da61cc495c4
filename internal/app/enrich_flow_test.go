package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAReadingMayTakeAsLongAsItMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, alive, stop := flowing(t.Context(), "sites")
		defer stop()
		for range 10 {
			time.Sleep(rowsTimeout - time.Second)
			alive()
		}
		if ctx.Err() != nil {
			t.Fatalf("got %v while it moves, want no end", context.Cause(ctx))
		}
		began := time.Now()
		<-ctx.Done()
		if still := time.Since(began); still != rowsTimeout {
			t.Errorf("got the end %s after the last record, want %s", still, rowsTimeout)
		}
		if why := context.Cause(ctx).Error(); !strings.Contains(why, "topic sites") || !strings.Contains(why, rowsTimeout.String()) {
			t.Errorf("got %q, want the topic and for how long nothing came", why)
		}
	})
}

func TestAReadingThatIsOverEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, _, stop := flowing(t.Context(), "sites")
		stop()
		time.Sleep(2 * rowsTimeout) // a timer that was left would still be there at the end of the bubble
		if why := context.Cause(ctx); !errors.Is(why, context.Canceled) {
			t.Errorf("got %v, want %v", why, context.Canceled)
		}
	})
}
