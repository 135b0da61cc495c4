package app

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
)

func TestWhatIsSaidOfRedis(t *testing.T) {
	t.Parallel()
	const unknown = checkpoint.Unknown
	good := checkpoint.Diagnosis{Version: "7.0.15", Role: "master", Snapshots: "no", AppendOnly: "yes", Eviction: "noeviction"}
	tests := map[string]struct {
		harm func(d *checkpoint.Diagnosis)
		look func(d checkpoint.Diagnosis) finding
		want verdict
		says string
	}{
		"a master":                 {nil, serving, okay, "version 7.0.15"},
		"a replica":                {func(d *checkpoint.Diagnosis) { d.Role = "slave" }, serving, fail, "takes no writes"},
		"a log of each change":     {nil, ofProducer().persistence, okay, "appendonly"},
		"snapshots":                {func(d *checkpoint.Diagnosis) { d.AppendOnly, d.Snapshots = "no", "yes" }, ofProducer().persistence, okay, "snapshots"},
		"nothing on disk":          {func(d *checkpoint.Diagnosis) { d.AppendOnly = "no" }, ofProducer().persistence, warn, "lease and budgets are lost at a restart; nothing is bought twice"},
		"an unknown persistence":   {func(d *checkpoint.Diagnosis) { d.AppendOnly, d.Snapshots = "no", unknown }, ofProducer().persistence, skip, "does not tell"},
		"no eviction":              {nil, ofProducer().eviction, okay, "noeviction"},
		"eviction of anything":     {func(d *checkpoint.Diagnosis) { d.Eviction, d.MaxMemory = "allkeys-lru", 1<<20 }, ofProducer().eviction, warn, "may be thrown away"},
		"eviction without a bound": {func(d *checkpoint.Diagnosis) { d.Eviction = "volatile-ttl" }, ofProducer().eviction, warn, "harmless until maxmemory is set"},
		"an unknown policy":        {func(d *checkpoint.Diagnosis) { d.Eviction = unknown }, ofProducer().eviction, skip, "does not tell"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := good
			if test.harm != nil {
				test.harm(&d)
			}
			got := test.look(d)
			if got.verdict != test.want || !strings.Contains(got.text, test.says) {
				t.Errorf("got %s %q, want %s with %q", got.verdict, got.text, test.want, test.says)
			}
			if needsFix := got.verdict == warn || got.verdict == fail; needsFix != (got.fix != "") {
				t.Errorf("got %s with the fix %q, want a fix where something is wrong alone", got.verdict, got.fix)
			}
		})
	}
}

func TestWhatIsSaidOfTransactions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		features kafka.Features
		want     verdict
		says     string
	}{
		"the strong promise": {kafka.Features{Version: "v4.3", TransactionVersion: 2}, okay, "transaction.version 2"},
		"a stronger one":     {kafka.Features{Version: "v9.0", TransactionVersion: 3}, okay, "transaction.version 3"},
		"not upgraded":       {kafka.Features{Version: "v4.3", TransactionVersion: 1}, warn, "KIP-890"},
		"older":              {kafka.Features{Version: "v3.9"}, warn, "KIP-890"},
		"silent":             {kafka.Features{TransactionVersion: -1}, warn, "does not report"},
		"Redpanda":           {kafka.Features{Product: "Redpanda", TransactionVersion: -1}, okay, "Redpanda"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := transactions(test.features, "broker:9092")[0]
			if got.verdict != test.want || !strings.Contains(got.text, test.says) {
				t.Errorf("got %s %q, want %s with %q", got.verdict, got.text, test.want, test.says)
			}
		})
	}
}

func TestWhatIsSaidOfBudgets(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		budget Budget
		want   verdict
		says   string
	}{
		"none":              {Budget{}, okay, "no limit but the wallet; spent with this key: 0 today, 0 this month, 0 reserved"},
		"a day's":           {Budget{PerRun: -1, PerDay: 5000, PerMonth: -1}, okay, "at most 5000 credits a day; spent"},
		"a floor":           {Budget{PerRun: -1, PerDay: -1, PerMonth: -1, MinBalance: 70}, okay, "70 stay in the wallet"},
		"one that is spent": {Budget{PerRun: -1, PerDay: 0, PerMonth: -1}, warn, "used up"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, simulator.Options{})
			w.c.Budget = test.budget
			got := w.check()
			if line := strings.Join(got.of(test.want), ""); got.err != nil || !strings.Contains(line, test.says) {
				t.Errorf("got %v, want %q among the lines with %s:\n%s", got.err, test.says, test.want, got.text)
			}
		})
	}
}

func TestWhatIsSaidOfAFeedThatAnswersOddly(t *testing.T) {
	t.Parallel()
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", kind)
			out.Header().Set("Retry-After", "7")
			out.WriteHeader(status)
			_, _ = io.WriteString(out, body)
		}
	}
	const jsonKind = "application/json"
	tests := map[string]struct {
		answer    http.HandlerFunc
		want      verdict
		text, fix string
	}{
		"an error of its own":     {answer(503, jsonKind, "{}"), fail, "status 503", "try again later"},
		"limits that are used up": {answer(429, jsonKind, "{}"), warn, "status 429", "wait 7s"},
		"no such page":            {answer(404, jsonKind, "{}"), fail, "status 404", "check JOBO_BASE_URL"},
		"a web page":              {answer(200, "text/html", "<html>"), fail, "not JSON", "not a proxy or a web page"},
		"rows all the same":       {answer(200, jsonKind, `{"career_sites":[{"id":"a","updated_at":"2026-01-01T00:00:00Z"}],"next_cursor":null,"has_more":false}`), fail, "1 rows, for 50 credits", "check JOBO_BASE_URL"},
		"nothing, as it should":   {answer(200, jsonKind, `{"career_sites":[],"next_cursor":null,"has_more":false}`), okay, "the wallet is not told", ""},
		"nothing at all":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fail, "EOF", "no proxy is used"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			t.Cleanup(server.Close)
			k := &checkup{c: Producer{Feed: feed.Config{BaseURL: server.URL, Key: secret.New("any")}}}
			got := k.feed(t.Context())[0]
			if got.verdict != test.want || !strings.Contains(got.text, test.text) || !strings.Contains(got.fix, test.fix) {
				t.Errorf("got %s %q with the fix %q, want %s, %q and %q", got.verdict, got.text, got.fix, test.want, test.text, test.fix)
			}
			if strings.Contains(got.text, "billed") {
				t.Errorf("got %q, which speaks of money that could not be spent", got.text)
			}
		})
	}
}

func TestEncryptionOfTheFeedIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refusal is what the test wants
	server.StartTLS()
	t.Cleanup(server.Close)
	w.c.Feed.BaseURL = server.URL
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	got := (&checkup{c: w.c}).feedTLS(t.Context())[0]
	if got.verdict != fail || !strings.Contains(got.fix, "SSL_CERT_FILE") {
		t.Errorf("a certificate of an unknown CA: got %s %q with the fix %q, want FAIL with SSL_CERT_FILE", got.verdict, got.text, got.fix)
	}
	w.c.Feed.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	got = (&checkup{c: w.c}).feedTLS(t.Context())[0]
	end := server.Certificate().NotAfter.UTC().Format(time.DateOnly)
	if got.verdict != okay || got.text != "TLS 1.3, certificate good until "+end {
		t.Errorf("a trusted one: got %s %q, want ok, TLS 1.3 and %s", got.verdict, got.text, end)
	}
}

func TestAddressOfRedisIsShownWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"redis://localhost:6379/0":                                    "redis://localhost:6379/0",
		"rediss://user:hush@host:6380/1?protocol=3":                   "rediss://host:6380/1",
		"redis+sentinel://h:1?master_name=m&username=u&password=hush": "redis+sentinel://h:1",
		"unix:///run/redis.sock":                                      "unix:///run/redis.sock",
		"redis://%zz:hush@h":                                          "(a URL that can't be read)",
	} {
		if got := redisAddress(raw); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
