package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
)

// budget is a pause by a budget, payment one by the wallet.
func budget() error {
	return &producer.PausedError{By: checkpoint.BoundDay, Limit: 100, Spent: 90, Price: 50, Until: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}
}

func payment() error {
	return &producer.PausedError{By: producer.Wallet, Balance: 7, Price: 50, Err: &feed.PaymentError{Required: 2500, Balance: 7, StatusError: &feed.StatusError{Method: "POST", URL: "https://feed.example", Status: 402}}}
}

func TestEachKindOfErrorHasItsExitCode(t *testing.T) {
	t.Parallel()
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
		"wallet empty":       {payment(), 3},
		"budget used up":     {budget(), 3},
		"feed away":          {&producer.AwayError{Err: errors.New("refused")}, 1},
		"refused":            {&producer.RefusedError{Found: "a contradiction"}, 4},
		"another instance":   {&checkpoint.BusyError{Owner: "o", TTL: time.Second}, 5},
		"a lease for ever":   {&checkpoint.BusyError{Owner: "o", TTL: -1}, 5},
		"wallet and release": {errors.Join(payment(), errors.New("lease not released")), 3},
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
		"paused":  {fmt.Errorf("page 3: %w", payment()), []string{"paused: the wallet holds 7 credits", "a row costs 50", "state is kept"}},
		"budget":  {fmt.Errorf("page 3: %w", budget()), []string{"paused: CREDITS_MAX_PER_DAY=100 is used up", "goes on at 2026-01-03"}},
		"network": {&producer.AwayError{Page: "page 1", Err: errors.New("no such host")}, []string{"page 1", "no such host", "check JOBO_BASE_URL"}},
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
	var out strings.Builder
	if code := report(&out, "producer", nil); code != ExitDone || out.String() != "" {
		t.Errorf("got exit code %d and %q for no error, want %d and silence", code, out.String(), ExitDone)
	}
}
