package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// nobody is the id of no company.
const nobody = "00000000-0000-0000-0000-000000000000"

// configuration shows what the program would work with, secrets left out.
func (k *enrichCheckup) configuration(context.Context) []finding {
	c := k.c
	text := strings.Join([]string{
		fmt.Sprintf("group %s, profiles from %s", c.Group, c.Company.BaseURL),
		fmt.Sprintf("%d requests at a time, at most %d not committed", c.Concurrency, c.Batch),
		fmt.Sprintf("COMPANY_RATE_LIMIT=%s", c.Limits),
		"kafka " + describeKafka(c.Kafka),
		"redis " + redisAddress(c.RedisURL.Reveal()),
	}, "; ")
	if c.Company.SendKey && c.Company.Insecure && strings.HasPrefix(c.Company.BaseURL, "http:") {
		return one(warn, text+"; the API key is sent unencrypted", "use https in JOBO_BASE_URL and unset JOBO_INSECURE, or set COMPANY_SEND_KEY=false")
	}
	return one(okay, text, "")
}

// selection shows what is chosen: an expression that is wrong comes no further than
// the configuration.
func (k *enrichCheckup) selection(context.Context) []finding {
	if k.c.Selection.None() {
		return one(okay, "none (ENRICH_SELECT): only companies that are requested are fetched", "")
	}
	return one(okay, fmt.Sprintf("%s; enricher plan says how many that are", k.c.Selection), "")
}

// hosts shows where profiles are asked for, and whether the API itself is among
// these hosts: what has no details_url is asked for there.
func (k *enrichCheckup) hosts(context.Context) []finding {
	client, err := company.New(k.c.Company)
	if err != nil {
		return one(fail, err.Error(), "check JOBO_BASE_URL, JOBO_API_KEY and COMPANY_HOSTS")
	}
	defer client.Close()
	text := strings.Join(k.c.Company.Hosts, ", ")
	if text == "" {
		text = "that of JOBO_BASE_URL (COMPANY_HOSTS is not set)"
	}
	if _, err := client.URL(nobody, ""); err != nil {
		return one(fail, fmt.Sprintf("%s; the API's own is not among them: %v", text, err), "add "+company.Host(k.c.Company.BaseURL)+" to COMPANY_HOSTS")
	}
	return one(okay, text, "")
}

// The limits of requests that carry no key of a paid plan.
func unpaid() ratelimit.Windows {
	return ratelimit.Windows{{N: 60, Per: time.Minute}, {N: 1000, Per: time.Hour}, {N: 10_000, Per: 24 * time.Hour}}
}

// apiKey judges the key by its looks. There need not be one.
func (k *enrichCheckup) apiKey(context.Context) []finding {
	key := k.c.Company.Key
	switch {
	case !k.c.Company.SendKey && within(k.c.Limits, unpaid()):
		return one(okay, "none is sent: the limits of requests without one apply, which COMPANY_RATE_LIMIT keeps to", "")
	case !k.c.Company.SendKey:
		return one(warn, fmt.Sprintf("none is sent: the API allows such requests %s, and COMPANY_RATE_LIMIT is %s: it will refuse some, which then wait", unpaid(), k.c.Limits),
			fmt.Sprintf("set JOBO_API_KEY (and COMPANY_SEND_KEY=true), or COMPANY_RATE_LIMIT=%s", unpaid()))
	case !feed.KeyLooksRight(key):
		return one(warn, "it does not have the shape of the vendor's keys (jbe_live_... or jbe_test_...)", "if the API refuses it below, copy it again into JOBO_API_KEY, or set COMPANY_SEND_KEY=false")
	case strings.HasPrefix(key.Reveal(), "jbe_test_"):
		return one(okay, "it has the shape of a test key", "")
	}
	return one(okay, "it has the shape of a live key", "")
}

// within reports whether each of limits is kept by who keeps to ours.
func within(ours, limits ratelimit.Windows) bool {
	return !slices.ContainsFunc(limits, func(limit ratelimit.Window) bool {
		return !slices.ContainsFunc(ours, func(w ratelimit.Window) bool { return w.Per >= limit.Per && w.N <= limit.N })
	})
}

// encryption looks at the encryption of the API.
func (k *enrichCheckup) encryption(ctx context.Context) []finding {
	return origin{"the API", k.c.Company.BaseURL, k.c.Company.TLS, k.c.Company.DialContext}.encryption(ctx)
}

// api asks for a company that does not exist, which shows whether it answers.
func (k *enrichCheckup) api(ctx context.Context) []finding {
	config, dates := k.c.Company, &dated{}
	config.Timeout = clientTimeout
	config.Wrap = dates.wrap
	client, err := company.New(config)
	if err != nil {
		return one(fail, err.Error(), "check JOBO_BASE_URL, JOBO_API_KEY and COMPANY_HOSTS")
	}
	defer client.Close()
	url, err := client.URL(nobody, "")
	if err != nil {
		return one(skip, "it would not be asked: see hosts above", "")
	}
	_, err = client.Get(ctx, nobody, url, "")
	k.skew = dates.skew()
	return apiAnswer(err)
}

// apiAnswer judges the answer to a request for a company that does not exist.
func apiAnswer(err error) []finding {
	limits := "it does not tell its request limits"
	if l := company.LimitsOf(err); l.Known {
		limits = fmt.Sprintf("%d of %d requests of its tightest window are left", l.Remaining, l.Limit)
	}
	var status *company.StatusError
	var redirect *company.RefusedError
	verdict, reason, wait := company.Judge(err)
	switch {
	case err == nil:
		return one(warn, "it has a profile for a company that can't exist; "+limits, "check that JOBO_BASE_URL names the API itself, not a proxy or a web page")
	case reason == schemas.ReasonNotFound, reason == schemas.ReasonGone:
		return one(okay, "it answers; "+limits, "")
	case verdict == company.Stop:
		return one(fail, err.Error(), "set JOBO_API_KEY (or the file in JOBO_API_KEY_FILE) to a key that is valid, or COMPANY_SEND_KEY=false")
	case verdict == company.Slow:
		return one(warn, err.Error(), fmt.Sprintf("its request limits are used up: wait %s, and set COMPANY_RATE_LIMIT below them where several programs share the key", wait))
	case errors.As(err, &redirect):
		return one(fail, err.Error(), "set JOBO_BASE_URL to where it redirects to, https in most cases")
	case errors.As(err, &status) && status.Status >= http.StatusInternalServerError:
		return one(fail, err.Error(), "the API itself is in trouble: try again later")
	case verdict == company.Dead:
		return one(fail, err.Error(), "check JOBO_BASE_URL: it does not answer as the API does")
	}
	return one(fail, err.Error(), reachFix(err))
}

// dated is a transport that reads the clock of who answers.
type dated struct {
	next http.RoundTripper

	mu  sync.Mutex
	off *time.Duration
}

func (d *dated) wrap(next http.RoundTripper) http.RoundTripper { d.next = next; return d }

// RoundTrip implements http.RoundTripper.
func (d *dated) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	response, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if at, bad := http.ParseTime(response.Header.Get("Date")); bad == nil {
		off := skewAt(at, time.Since(began))
		d.mu.Lock()
		d.off = &off
		d.mu.Unlock()
	}
	return response, nil
}

// skew is how far our clock is ahead, nil if nobody told.
func (d *dated) skew() *time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// clock compares our clock with the API's.
func (k *enrichCheckup) clock(context.Context) []finding {
	const words = "what says when something was fetched or asked for is wrong by that much, and with several machines a request may be taken for one that was answered before"
	return k.skewOf("the API", words, words)
}

// rate shows how the shared request limits stand.
func (k *enrichCheckup) rate(ctx context.Context) []finding {
	if len(k.c.Limits) == 0 {
		return one(warn, "COMPANY_RATE_LIMIT is off: only the API's refusals hold requests back", "set COMPANY_RATE_LIMIT to the limits of your plan")
	}
	if k.store == nil {
		return one(skip, "it is in Redis, which was not reached", "")
	}
	limiter := ratelimit.NewShared(ratelimit.SharedOptions{Windows: k.c.Limits, Redis: k.store.Scripter(), Prefix: limitPrefix(k.c)})
	state, err := limiter.State(ctx)
	if err != nil {
		return one(fail, err.Error(), "the user of REDIS_URL must be allowed to run scripts (+@scripting)")
	}
	parts := make([]string, 0, len(state.Windows))
	for _, w := range state.Windows {
		parts = append(parts, fmt.Sprintf("%d of %s", w.Used+w.Others, w.Window))
	}
	text := strings.Join(parts, ", ") + " are used"
	if !state.Held.IsZero() {
		return one(warn, text+"; the API holds everybody back until "+stamp(state.Held), "wait, and set COMPANY_RATE_LIMIT below its limits where several programs share the key")
	}
	return one(okay, text, "")
}
