package producer_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// How many schedules TestSeededSchedules plays, and the one seed that it plays
// instead of all of them. A seed fixes the plan of a schedule, not the jitter of
// its waits: one that failed may take a few turns to fail again.
var (
	schedules = flag.Int("schedules", 300, "number of seeded schedules to play")
	oneSeed   = flag.Uint64("seed", 0, "play this schedule alone and print its events")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
