package app

import (
	"context"
	"errors"
)

// errMissing is what a verb says that is not there yet.
var errMissing = errors.New("this verb is not there yet")

// Run backfills and then syncs every interval, until ctx ends.
func Run(context.Context, Producer, Process) error { return errMissing }
