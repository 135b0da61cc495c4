package producer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/producer"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{
			&producer.RefusedError{Found: "it is lost", Ways: []producer.Way{
				{What: "find it"}, {What: "buy it", Command: "producer buy", Rows: 3, Credits: 150}, {What: "buy what changed", Rows: -1},
			}},
			"refused to spend: it is lost; nothing was bought; ways to go on:\n  - find it: costs nothing\n  - buy it: about 3 rows, 150 credits (USD 0.15)\n      producer buy\n  - buy what changed: costs what changed since, at the feed's price for each row",
		},
		{&producer.ClockError{Ahead: 10*time.Minute + time.Millisecond}, "this machine's clock is 10m0s ahead of the feed's, at most 5m0s is safe: stopped after one page, which is published and not lost; set the clock (NTP) and start again"},
		{&producer.ClockError{Ahead: -time.Hour}, "this machine's clock is 1h0m0s behind the feed's, at most 5m0s is safe: stopped after one page, which is published and not lost; set the clock (NTP) and start again"},
		{
			&producer.VoidedError{RunID: "R", Credits: 2550, Watermark: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Err: errors.New("void")},
			"the feed voids the cursor of run R again, after its scan was begun anew once: it has spent 2550 credits (USD 2.55); stopped before buying the same rows a third time; tell the vendor if the feed keeps doing that: void\n  - begin again at the watermark, which loses nothing: costs what changed since, at the feed's price for each row\n      producer state reset --watermark 2026-01-02T03:04:05Z --yes",
		},
		{
			&producer.PausedError{By: checkpoint.BoundDay, Limit: 2500, Spent: 2490, Price: 50, Until: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)},
			"CREDITS_MAX_PER_DAY=2500 is used up: 2490 credits are spent or reserved, a row costs 50; state is kept, nothing is bought twice: goes on at 2026-01-03T00:00:00Z, or with a higher CREDITS_MAX_PER_DAY",
		},
		{
			&producer.PausedError{By: producer.Wallet, Balance: 20, Price: 50},
			"the wallet holds 20 credits (USD 0.02), a row costs 50; state is kept, nothing is bought twice: goes on when the wallet is filled",
		},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
