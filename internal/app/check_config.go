package app

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
)

// configuration shows what the program would work with, secrets left out.
func (k *checkup) configuration(context.Context) []finding {
	c := k.c
	filters, err := c.Filters.Canonical()
	if err != nil {
		return one(fail, fmt.Sprintf("the filters can't be encoded: %v", err), "check the FILTER_ settings")
	}
	parts := []string{
		fmt.Sprintf("stream %s from %s", c.FeedName, k.baseURL()),
		fmt.Sprintf("filters %s", filters),
		fmt.Sprintf("pages of %d", c.BatchSize),
		"kafka " + describeKafka(c.Kafka),
		"redis " + redisAddress(c.RedisURL.Reveal()),
	}
	text := strings.Join(parts, "; ")
	if c.Feed.Insecure && strings.HasPrefix(k.baseURL(), "http:") {
		return one(warn, text+"; the API key is sent unencrypted", "use https in JOBO_BASE_URL and unset JOBO_INSECURE")
	}
	return one(okay, text, "")
}

func (k *checkup) baseURL() string { return cmp.Or(k.c.Feed.BaseURL, feed.DefaultBaseURL) }

func describeKafka(c kafka.Config) string {
	text := strings.Join(c.Brokers, ",")
	if c.Mechanism != "" {
		text += " as " + c.Username + " with " + c.Mechanism
	}
	if c.TLS {
		text += " over TLS"
	}
	return text
}

// redisAddress is a URL of Redis without what may be, or hold, a password: user
// info and options.
func redisAddress(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(a URL that can't be read)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// apiKey judges the key by its looks; the feed has the last word.
func (k *checkup) apiKey(context.Context) []finding {
	switch key := k.c.Feed.Key; {
	case key.Empty():
		return one(fail, "there is none", "set JOBO_API_KEY, or JOBO_API_KEY_FILE to a file that holds it")
	case !feed.KeyLooksRight(key):
		return one(warn, "it does not have the shape of the vendor's keys (jbe_live_... or jbe_test_...)", "if the feed refuses it below, copy it again into JOBO_API_KEY")
	case strings.HasPrefix(key.Reveal(), "jbe_test_"):
		return one(okay, "it has the shape of a test key", "")
	}
	return one(okay, "it has the shape of a live key", "")
}
