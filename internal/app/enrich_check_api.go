package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// nobody is the id of no company.
const nobody = "00000000-0000-0000-0000-000000000000"

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
	if err == nil {
		_, err = client.Get(ctx, nobody, url, "")
	}
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
