package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

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

// hosts shows which hosts a details_url may name. The API's own should be among
// them: many name that.
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
	if _, err := client.URL(nobody, strings.TrimRight(k.c.Company.BaseURL, "/")+"/api/companies/"); err != nil {
		return one(warn, text+"; a details_url at the API's own host becomes a dead letter", "add "+company.Host(k.c.Company.BaseURL)+" to COMPANY_HOSTS")
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
