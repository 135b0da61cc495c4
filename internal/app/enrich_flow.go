package app

import (
	"context"
	"fmt"
	"time"
)

// flowing returns a context for a long reading: it ends where alive was not called
// for rowsTimeout, so that a reading may take as long as it moves. stop releases
// it.
func flowing(ctx context.Context, topic string) (_ context.Context, alive, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(rowsTimeout, func() {
		cancel(fmt.Errorf("the brokers showed nothing of topic %s for %s", topic, rowsTimeout))
	})
	return ctx, func() { timer.Reset(rowsTimeout) }, func() { timer.Stop(); cancel(nil) }
}
