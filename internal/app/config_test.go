package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/feed"
)

// mistakes are settings that are wrong, each with all that is said about it.
func mistakes(t *testing.T) map[string]struct {
	env  environment
	want string
} {
	empty := file(t, "empty", " \n")
	pem := file(t, "pem", "x")
	type mistake = struct {
		env  environment
		want string
	}
	return map[string]mistake{
		"no key":              {environment{"JOBO_API_KEY": ""}, `JOBO_API_KEY is not set: it is the API key of the feed; set it, or JOBO_API_KEY_FILE to a file that holds it`},
		"key twice":           {environment{"JOBO_API_KEY_FILE": pem}, `JOBO_API_KEY and JOBO_API_KEY_FILE are both set: expected one of the two; unset one`},
		"key with a space":    {environment{"JOBO_API_KEY": "a b"}, `JOBO_API_KEY can't be used: the API key has spaces, line ends or characters that are not ASCII: copy it again`},
		"key file missing":    {environment{"JOBO_API_KEY": "", "JOBO_API_KEY_FILE": "/does/not/exist"}, `JOBO_API_KEY_FILE is "/does/not/exist": expected a file that can be read; reading it says: no such file or directory`},
		"key file empty":      {environment{"JOBO_API_KEY": "", "JOBO_API_KEY_FILE": empty}, `JOBO_API_KEY_FILE is "` + empty + `": expected a file that holds the value; the file is empty`},
		"plain http":          {environment{"JOBO_BASE_URL": "http://feed.example"}, `JOBO_BASE_URL can't be used: base URL "http://feed.example" would send the API key unencrypted: use https, or allow plain http explicitly, as JOBO_INSECURE=true does`},
		"no scheme":           {environment{"JOBO_BASE_URL": "feed.example"}, `JOBO_BASE_URL can't be used: base URL "feed.example" has scheme "": want https, for example https://connect.jobo.world`},
		"insecure":            {environment{"JOBO_INSECURE": "maybe"}, `JOBO_INSECURE is "maybe": expected true or false; set one of the two`},
		"feed name":           {environment{"FEED_NAME": "career sites"}, `FEED_NAME is "career sites": expected 1 to 200 letters, digits, dots, dashes or underscores; choose a name of these`},
		"rate limit":          {environment{"FEED_RATE_LIMIT": "fast"}, `FEED_RATE_LIMIT is "fast": expected requests in any second, minute, hour or day, or off; rate limit "fast": part "fast" is not <number>/<unit>, for example "120/m,5000/h,50000/d"`},
		"batch of 0":          {environment{"BATCH_SIZE": "0"}, `BATCH_SIZE is "0": expected a whole number from 1 to 50; set it within that range`},
		"batch of 51":         {environment{"BATCH_SIZE": "51"}, `BATCH_SIZE is "51": expected a whole number from 1 to 50; set it within that range`},
		"overlap":             {environment{"SYNC_OVERLAP": "15"}, `SYNC_OVERLAP is "15": expected a duration from 0s to 720h0m0s; write it like 90s, 15m or 6h`},
		"negative overlap":    {environment{"SYNC_OVERLAP": "-1s"}, `SYNC_OVERLAP is "-1s": expected a duration from 0s to 720h0m0s; write it like 90s, 15m or 6h`},
		"interval":            {environment{"SYNC_INTERVAL": "0s"}, `SYNC_INTERVAL is "0s": expected a duration from 1s to 720h0m0s; write it like 90s, 15m or 6h`},
		"prefetch":            {environment{"PREFETCH": "17"}, `PREFETCH is "17": expected a whole number from 0 to 16; set it within that range`},
		"windows":             {environment{"BACKFILL_WINDOWS": "65"}, `BACKFILL_WINDOWS is "65": expected a whole number from 0 to 64; set it within that range`},
		"price":               {environment{"CREDITS_PER_ROW": "0"}, `CREDITS_PER_ROW is "0": expected a whole number of credits from 1 to 1000000000000; write it without separators; 1000 credits are USD 1`},
		"budget of nothing":   {environment{"CREDITS_MAX_PER_RUN": "0"}, `CREDITS_MAX_PER_RUN is "0": expected a whole number of credits from 1 to 1000000000000; write it without separators; 1000 credits are USD 1`},
		"budget with dots":    {environment{"CREDITS_MAX_PER_DAY": "1.000"}, `CREDITS_MAX_PER_DAY is "1.000": expected a whole number of credits from 1 to 1000000000000; write it without separators; 1000 credits are USD 1`},
		"budget of no row":    {environment{"CREDITS_MAX_PER_MONTH": "49"}, `CREDITS_MAX_PER_MONTH is "49": expected credits for one row at least, which is CREDITS_PER_ROW=50; raise it; 1000 credits are USD 1`},
		"floor":               {environment{"CREDITS_MIN_BALANCE": "-1"}, `CREDITS_MIN_BALANCE is "-1": expected a whole number of credits from 0 to 1000000000000; write it without separators; 1000 credits are USD 1`},
		"warning":             {environment{"CREDITS_WARN_BALANCE": "low"}, `CREDITS_WARN_BALANCE is "low": expected a whole number of credits from 1 to 1000000000000; write it without separators; 1000 credits are USD 1`},
		"probe":               {environment{"WALLET_PROBE_INTERVAL": "25h"}, `WALLET_PROBE_INTERVAL is "25h": expected a duration from 1s to 24h0m0s; write it like 90s, 15m or 6h`},
		"listen":              {environment{"LISTEN": "9090"}, `LISTEN is "9090": expected host:port, :port for every address of this machine, or off; write it like :9090 or 127.0.0.1:9090`},
		"listen, port":        {environment{"LISTEN": ":65536"}, `LISTEN is ":65536": expected host:port, :port for every address of this machine, or off; write it like :9090 or 127.0.0.1:9090`},
		"country":             {environment{"FILTER_COUNTRY_CODES": "DE,Germany"}, `FILTER_COUNTRY_CODES is "Germany": expected codes of two letters, ISO 3166-1 alpha-2; write them like DE,US,GB`},
		"country with digits": {environment{"FILTER_COUNTRY_CODES": "D1"}, `FILTER_COUNTRY_CODES is "D1": expected codes of two letters, ISO 3166-1 alpha-2; write them like DE,US,GB`},
		"a comma too many":    {environment{"FILTER_INDUSTRIES": "fintech,,biotech"}, `FILTER_INDUSTRIES is "fintech,,biotech": expected values with single commas between; take out the comma that has no value beside it`},
		"a control":           {environment{"FILTER_COMPANY_TYPES": "for\tprofit"}, `FILTER_COMPANY_TYPES is "for\tprofit": expected printable text; take out its tabs, line ends and other control characters`},
		"year":                {environment{"FILTER_FOUNDED_AFTER": "last year"}, `FILTER_FOUNDED_AFTER is "last year": expected a whole number from 1 to 9999; set it within that range`},
		"agency":              {environment{"FILTER_IS_AGENCY": "both"}, `FILTER_IS_AGENCY is "both": expected true or false; set one of the two`},
		"updated":             {environment{"FILTER_UPDATED_AFTER": "31.1.2026"}, `FILTER_UPDATED_AFTER is "31.1.2026": expected an instant; write it like 2026-01-31T00:00:00Z or 2026-01-31`},
		"discovered":          {environment{"FILTER_DISCOVERED_AFTER": "2026-02-30"}, `FILTER_DISCOVERED_AFTER is "2026-02-30": expected an instant; write it like 2026-01-31T00:00:00Z or 2026-01-31`},
		"nothing in between":  {environment{"FILTER_DISCOVERED_AFTER": "2026-02-02", "FILTER_DISCOVERED_BEFORE": "2026-02-02"}, `FILTER_DISCOVERED_BEFORE is "2026-02-02": expected an instant after FILTER_DISCOVERED_AFTER; no company lies between the two as they are`},
		"no broker":           {environment{"KAFKA_BROKERS": " , "}, `KAFKA_BROKERS is " , ": expected host:port, or several with commas between; name at least one broker`},
		"broker, no port":     {environment{"KAFKA_BROKERS": "a:1,b"}, `KAFKA_BROKERS is "b": expected host:port, or several with commas between; name host and port, as in localhost:9092`},
		"broker, no host":     {environment{"KAFKA_BROKERS": ":9092"}, `KAFKA_BROKERS is ":9092": expected host:port, or several with commas between; name host and port, as in localhost:9092`},
		"broker, port name":   {environment{"KAFKA_BROKERS": "a:kafka"}, `KAFKA_BROKERS is "a:kafka": expected host:port, or several with commas between; name host and port, as in localhost:9092`},
		"mechanism":           {environment{"KAFKA_SASL_MECHANISM": "GSSAPI", "KAFKA_SASL_USERNAME": "me", "KAFKA_SASL_PASSWORD": "p"}, `KAFKA_SASL_MECHANISM is "GSSAPI": expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; set one of them`},
		"mechanism alone":     {environment{"KAFKA_SASL_MECHANISM": "PLAIN"}, `KAFKA_SASL_USERNAME is "": expected a user and a password beside KAFKA_SASL_MECHANISM; set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (or KAFKA_SASL_PASSWORD_FILE)`},
		"user alone":          {environment{"KAFKA_SASL_USERNAME": "me"}, `KAFKA_SASL_MECHANISM is "": expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 beside a user or password; set the one that the cluster uses`},
		"ca without tls":      {environment{"KAFKA_TLS_CA": pem}, `KAFKA_TLS is "false": expected true where KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY is set; set KAFKA_TLS=true or unset them`},
		"ca missing":          {environment{"KAFKA_TLS": "true", "KAFKA_TLS_CA": "/does/not/exist"}, `KAFKA_TLS_CA is "/does/not/exist": expected a file that can be read; reading it says: no such file or directory`},
		"cert without key":    {environment{"KAFKA_TLS": "true", "KAFKA_TLS_CERT": pem}, `KAFKA_TLS_CERT is "` + pem + `": expected a certificate and its key, or neither; set both KAFKA_TLS_CERT and KAFKA_TLS_KEY`},
		"topic":               {environment{"CAREER_SITES_TOPIC": "a/b"}, `CAREER_SITES_TOPIC is "a/b": expected 1 to 200 letters, digits, dots, dashes or underscores; choose a name of these`},
		"topics the same":     {environment{"PROGRESS_TOPIC": "jobo.dead-letters.v1"}, `PROGRESS_TOPIC is "jobo.dead-letters.v1": expected three topics with three names; give CAREER_SITES_TOPIC, PROGRESS_TOPIC and DEAD_LETTERS_TOPIC different names`},
		"create":              {environment{"TOPICS_CREATE": "sometimes"}, `TOPICS_CREATE is "sometimes": expected true or false; set one of the two`},
		"partitions":          {environment{"TOPIC_PARTITIONS": "0"}, `TOPIC_PARTITIONS is "0": expected a whole number from 1 to 10000; set it within that range`},
		"replication":         {environment{"TOPIC_REPLICATION_FACTOR": "all"}, `TOPIC_REPLICATION_FACTOR is "all": expected a whole number from -1 to 100; set it within that range`},
		"redis":               {environment{"REDIS_URL": "localhost:6379"}, `REDIS_URL can't be read: expected a URL like redis://localhost:6379/0 or rediss://user:password@host:6380/0; check its scheme and escape special characters of the password`},
		"redis twice":         {environment{"REDIS_URL": "redis://a", "REDIS_URL_FILE": pem}, `REDIS_URL and REDIS_URL_FILE are both set: expected one of the two; unset one`},
		"lease too short":     {environment{"LEASE_TTL": "499ms"}, `LEASE_TTL is "499ms": expected a duration from 500ms to 10m0s; write it like 90s, 15m or 6h`},
		"level":               {environment{"LOG_LEVEL": "loud"}, `LOG_LEVEL is "loud": expected one of debug, info, warn, error; set one of them`},
		"format":              {environment{"LOG_FORMAT": "xml"}, `LOG_FORMAT is "xml": expected one of auto, console, json; set one of them`},
	}
}

func TestEachMistakeSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	for name, m := range mistakes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(keyed().with(m.env), "sync")
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("got %v, want a *UsageError", err)
			}
			if diff := cmp.Diff(m.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	config := file(t, "settings.yaml", "feed-name: a b\nbatchsize: 10\n")
	got := run(t.Context(), environment{
		"CONFIG": config, "BATCH_SIZE": "60", "KAFKA_BROKERS": "broker", "FILTER_FOUNDED_AFTER": "last year",
	}, "sync", "--sync-overlap", "soon")
	want := []string{
		"producer: 7 settings are wrong:",
		config + `:2: there is no setting "batchsize", did you mean "batch-size"?`,
		`FEED_NAME is "a b": expected`,
		`BATCH_SIZE is "60": expected`,
		`SYNC_OVERLAP is "soon": expected`,
		`KAFKA_BROKERS is "broker": expected`,
		`FILTER_FOUNDED_AFTER is "last year": expected`,
		`JOBO_API_KEY is not set`,
	}
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), got.stderr)
	}
	for i, begin := range want {
		if !strings.HasPrefix(lines[i], begin) {
			t.Errorf("line %d: got %q, want it to begin with %q", i, lines[i], begin)
		}
	}
	if got.code != ExitUsage || got.stdout != "" {
		t.Errorf("got exit code %d and %q on standard output, want %d and nothing", got.code, got.stdout, ExitUsage)
	}
}

func TestTheTenFiltersAreReadAsTheFeedTakesThem(t *testing.T) {
	t.Parallel()
	config := mustParse(t, keyed().with(environment{
		"FILTER_INDUSTRIES": "fintech, biotech", "FILTER_COMPANY_SIZES": "11-50", "FILTER_COUNTRY_CODES": "DE, us",
		"FILTER_FUNDING_STAGES": "seed", "FILTER_COMPANY_TYPES": "for_profit", "FILTER_FOUNDED_AFTER": "2010", "FILTER_IS_AGENCY": "FALSE",
		"FILTER_UPDATED_AFTER": "2026-01-31T01:00:00.5+01:00", "FILTER_DISCOVERED_AFTER": "2025-01-31", "FILTER_DISCOVERED_BEFORE": "2025-02-01T00:00:00Z",
	}), "sync")
	year, agency := 2010, false
	at := func(text string) *time.Time {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	want := feed.Filters{
		Industries: []string{"fintech", "biotech"}, CompanySizes: []string{"11-50"}, CountryCodes: []string{"DE", "US"},
		FundingStages: []string{"seed"}, CompanyTypes: []string{"for_profit"}, FoundedAfter: &year, IsAgency: &agency,
		UpdatedAfter: at("2026-01-31T00:00:00.5Z"), DiscoveredAfter: at("2025-01-31T00:00:00Z"), DiscoveredBefore: at("2025-02-01T00:00:00Z"),
	}
	if diff := cmp.Diff(want, config.Filters); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
}

func TestNamesAreWhatKafkaAndRedisTake(t *testing.T) {
	t.Parallel()
	good := []string{"a", "career-sites", "career_sites.v2", "A0", strings.Repeat("x", 200)}
	bad := []string{"a b", "a/b", "a:b", "{a}", "a,b", "ä", "a\n", "a#b", "'a'", strings.Repeat("x", 201)}
	for _, name := range []string{"FEED_NAME", "CAREER_SITES_TOPIC", "PROGRESS_TOPIC", "DEAD_LETTERS_TOPIC"} {
		for _, value := range good {
			if _, err := parse(keyed().with(environment{name: value}), "sync"); err != nil {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		}
		for _, value := range bad {
			if _, err := parse(keyed().with(environment{name: value}), "sync"); err == nil || !strings.HasPrefix(err.Error(), name+" is ") {
				t.Errorf("%s=%q: got %v, want an error about the name", name, value, err)
			}
		}
	}
	if _, err := parse(keyed(), "sync", "--feed-name="); err == nil {
		t.Error("--feed-name= was taken, want an error")
	}
}

func TestRedisURLForms(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://localhost", "redis://localhost:6379/2", "redis://:pa%40ss@host:6379", "rediss://user:pass@host:6380/0", "unix:///run/redis.sock?db=1",
		"redis+sentinel://host:26379?master_name=main", "rediss+sentinel://host:26379?master_name=main",
		"redis+cluster://a:7000?addr=b:7000", "rediss+cluster://a:7000",
	} {
		if _, err := parse(keyed().with(environment{"REDIS_URL": url}), "sync"); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"localhost:6379", "localhost", "http://canary@host", "redisx://canary@host", "redis+tls://:canary@host",
		"redis://:canary@host:port", "redis://:cana%ry@host", "redis://:can ary@host", "redis://:cana/ry@host", "://canary",
	} {
		_, err := parse(keyed().with(environment{"REDIS_URL": url}), "sync")
		if err == nil || !strings.HasPrefix(err.Error(), "REDIS_URL can't be read") || strings.Contains(err.Error(), "cana") {
			t.Errorf("%s: got %v, want an error about REDIS_URL that does not repeat it", url, err)
		}
	}
}
