package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
)

// pause is a pause of the loop's, in the form that the report knows it by.
type pause struct{}

func (pause) Error() string {
	return "CREDITS_MAX_PER_DAY=100 is used up; state is kept: goes on tomorrow"
}
func (pause) Paused() string { return "CREDITS_MAX_PER_DAY=100 is used up" }

// unreached is what the HTTP client says where nobody answers.
func unreached(op string) error {
	return fmt.Errorf("page 1: %w", &url.Error{Op: op, URL: "https://feed.example", Err: errors.New("no such host")})
}

func TestEachKindOfErrorHasItsExitCode(t *testing.T) {
	t.Parallel()
	payment := &feed.PaymentError{Required: 2500, Balance: 100, StatusError: &feed.StatusError{Method: "POST", URL: "https://feed.example", Status: 402}}
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing":            {nil, 0},
		"anything":           {errors.New("any"), 1},
		"clock":              {&producer.ClockError{Ahead: time.Hour}, 1},
		"voided cursor":      {&producer.VoidedError{RunID: "r", Err: feed.ErrInvalidCursor}, 1},
		"key refused":        {feed.ErrUnauthorized, 1},
		"plan without feed":  {feed.ErrForbidden, 1},
		"status":             {&feed.StatusError{Status: 500}, 1},
		"page refused":       {&feed.PageError{Reason: feed.FaultShape}, 1},
		"outcome unknown":    {&feed.UnknownOutcomeError{Tries: 3, Err: errors.New("cut")}, 1},
		"Redis away":         {&checkpoint.UnavailableError{}, 1},
		"lease lost":         {checkpoint.ErrLost, 1},
		"deadline":           {context.DeadlineExceeded, 1},
		"wrong usage":        {&UsageError{Problems: []error{errors.New("one")}}, 2},
		"wallet empty":       {payment, 3},
		"budget used up":     {pause{}, 3},
		"feed not reached":   {unreached("Post"), 1},
		"refused":            {&producer.RefusedError{Found: "a contradiction"}, 4},
		"another instance":   {&checkpoint.BusyError{Owner: "o", TTL: time.Second}, 5},
		"a lease for ever":   {&checkpoint.BusyError{Owner: "o", TTL: -1}, 5},
		"wallet and release": {errors.Join(payment, errors.New("lease not released")), 3},
	} {
		wrapped := map[string]error{"itself": c.err}
		if c.err != nil {
			wrapped["wrapped"] = fmt.Errorf("page 3: %w", c.err)
			wrapped["permanent"] = retry.Permanent(c.err)
			wrapped["out of tries"] = &retry.Error{Tries: 40, Reason: retry.ReasonTries, Err: c.err}
			wrapped["stopped meanwhile"] = &retry.Error{Tries: 2, Reason: retry.ReasonContext, Err: c.err, Cause: context.Canceled}
			wrapped["twice"] = &retry.Error{Tries: 1, Reason: retry.ReasonPermanent, Err: retry.Permanent(fmt.Errorf("page 3: %w", &retry.Error{Tries: 1, Reason: retry.ReasonPermanent, Err: c.err}))}
		}
		for how, err := range wrapped {
			if got := exitCode(err); got != c.want {
				t.Errorf("%s, %s: got exit code %d, want %d", name, how, got, c.want)
			}
		}
	}
}

func TestAFailureIsReportedOnceWithWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"failed":  {errors.New("the broker is gone"), []string{"the broker is gone"}},
		"paused":  {&feed.PaymentError{Required: 2500, Balance: 100, StatusError: &feed.StatusError{Method: "POST", URL: "https://feed.example", Status: 402}}, []string{"paused: ", "2500", "100", "fill the wallet", "BATCH_SIZE"}},
		"budget":  {fmt.Errorf("page 3: %w", pause{}), []string{"paused: CREDITS_MAX_PER_DAY=100 is used up; state is kept: goes on tomorrow\n"}},
		"wallet":  {&feed.PaymentError{Required: feed.Unknown, Balance: 7, StatusError: &feed.StatusError{Status: 402}}, []string{"paused: ", "status 402", "state is kept"}},
		"network": {unreached("Post"), []string{"no such host", "check JOBO_BASE_URL"}},
		"busy":    {&checkpoint.BusyError{Owner: "host:1:x", Token: 7, TTL: time.Second}, []string{"host:1:x", "no more is bought here"}},
		"refused": {&producer.RefusedError{Found: "the filters changed", Ways: []producer.Way{{What: "set them back"}}}, []string{"refused to spend: the filters changed", "nothing was bought", "- set them back"}},
		"usage":   {&UsageError{Problems: []error{errors.New("one"), errors.New("two")}}, []string{"2 settings are wrong:\none\ntwo"}},
	} {
		var out strings.Builder
		report(&out, "any-program", c.err)
		text := out.String()
		if !strings.HasPrefix(text, "any-program: ") || !strings.HasSuffix(text, "\n") || strings.Count(text, "any-program") != 1 {
			t.Errorf("%s: got %q, want one report that begins with the program's name", name, text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %q, want %q in it", name, text, want)
			}
		}
	}
	// Somebody who reads logs may take the first number for what is missing.
	var twice strings.Builder
	report(&twice, "producer", &feed.PaymentError{Required: 2500, Balance: 100, StatusError: &feed.StatusError{Status: 402, Detail: "balance 100, required 2500"}})
	if got := strings.Count(twice.String(), "100"); got != 1 {
		t.Errorf("got the balance %d times, want once: %s", got, twice.String())
	}
	var other strings.Builder
	if report(&other, "producer", unreached("Get")); strings.Contains(other.String(), "JOBO_BASE_URL") {
		t.Errorf("got %q for another server than the feed", other.String())
	}
	var out strings.Builder
	if code := report(&out, "producer", nil); code != ExitDone || out.String() != "" {
		t.Errorf("got exit code %d and %q for no error, want %d and silence", code, out.String(), ExitDone)
	}
}
