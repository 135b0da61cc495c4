package producer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/producer"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{&producer.RefusedError{Found: "it is lost", Ways: []string{"find it", "buy it"}}, "refused to spend: it is lost; nothing was bought\n  - find it\n  - buy it"},
		{&producer.ClockError{Ahead: 10*time.Minute + time.Millisecond}, "this machine's clock is 10m0s ahead of the feed's, at most 5m0s is safe: stopped after one page, which is published and not lost; set the clock (NTP) and start again"},
		{&producer.ClockError{Ahead: -time.Hour}, "this machine's clock is 1h0m0s behind the feed's, at most 5m0s is safe: stopped after one page, which is published and not lost; set the clock (NTP) and start again"},
		{&producer.VoidedError{RunID: "R", Credits: 2550, Err: errors.New("void")}, "the feed voids the cursor of run R again, after its scan was begun anew once: it has spent 2550 credits (USD 2.55); stopped before buying the same rows a third time; if the feed keeps doing that, tell the vendor, and begin again with a new FEED_NAME and CAREER_SITES_TOPIC: void"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
