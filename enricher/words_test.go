//go:build unix

package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// wordsSay waits for the end of a run, and checks the exit code and what the
// operator is told: on standard error, once, with each of the words.
func wordsSay(t *testing.T, p *process, code int, words ...string) {
	t.Helper()
	if got := p.wait(); got != code {
		t.Fatalf("the enricher ended with %d, want %d:\n%s", got, code, p.stderr.String())
	}
	var told, log []string
	for line := range strings.Lines(p.stderr.String()) {
		if strings.HasPrefix(line, `{"level"`) {
			log = append(log, line)
		} else {
			told = append(told, line)
		}
	}
	message := strings.TrimSpace(strings.Join(told, ""))
	t.Logf("%d: %s", code, message)
	if !strings.HasPrefix(message, "enricher: ") || strings.Count(message, "enricher: ") != 1 {
		t.Fatalf("want one message that begins with \"enricher: \", got:\n%s", p.stderr.String())
	}
	for _, word := range words {
		if !strings.Contains(message, word) {
			t.Errorf("the message lacks %q:\n%s", word, message)
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(message, "enricher: "), "\n")
	for _, line := range log {
		if strings.Contains(line, first) {
			t.Errorf("the log repeats the message:\n%s", line)
		}
	}
	if p.stdout.String() != "" {
		t.Errorf("standard output has %q, want nothing", p.stdout.String())
	}
}

// wordsListener takes a port.
func wordsListener(t *testing.T) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

func TestWrongUsageIsExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Rows: 1}, nil)
	const wrong = `"fintech" in industries and atz == "greenhouse"`
	for name, c := range map[string]struct {
		args, changes, words []string
	}{
		"no verb":         {nil, nil, []string{"no verb", "run", "--help"}},
		"unknown verb":    {[]string{"runn"}, nil, []string{"runn", "run", "--help"}},
		"unknown flag":    {[]string{"run", "--enrich-selekt=true"}, nil, []string{"--enrich-selekt", `did you mean "--enrich-select"`, "--help"}},
		"wrong value":     {[]string{"run", "--enrich-batch=0"}, nil, []string{"ENRICH_BATCH", `"0"`, "from 1 to 10000"}},
		"wrong selection": {[]string{"run"}, []string{"ENRICH_SELECT=" + wrong}, []string{"ENRICH_SELECT", "atz", "\n  " + wrong + "\n", "^", "industries"}},
		"no boolean":      {[]string{"plan"}, []string{"ENRICH_SELECT=ats"}, []string{"ENRICH_SELECT", "^"}},
		"plain http":      {[]string{"run"}, []string{"JOBO_BASE_URL=http://companies.example"}, []string{"http://companies.example", "plain http", "JOBO_INSECURE"}},
		"address of host": {[]string{"run"}, []string{"COMPANY_HOSTS=10.0.0.1"}, []string{"COMPANY_HOSTS", "10.0.0.1", "IP address"}},
		"no such reason":  {[]string{"redrive", "--reason=bored"}, nil, []string{"--reason", "bored", "not_found"}},
		"bad id":          {[]string{"request", "a\tb"}, nil, []string{"control characters"}},
		"refused URL":     {[]string{"request", "a", "--details-url=https://169.254.169.254/"}, nil, []string{"--details-url", "169.254.169.254", "IP address"}},
		"port taken":      {[]string{"run"}, []string{"LISTEN=" + wordsListener(t)}, []string{"LISTEN", "taken", "another port"}},
		"all at once": {
			[]string{"run"},
			[]string{"ENRICH_CONCURRENCY=none", "ENRICH_RETRY_DELAYS=1h,1m", "COMPANY_RATE_LIMIT=many", "COMPANIES_TOPIC=" + r.sites(), "KAFKA_BROKERS=localhost"},
			[]string{"settings are wrong", "ENRICH_CONCURRENCY", "ENRICH_RETRY_DELAYS", "COMPANY_RATE_LIMIT", "COMPANIES_TOPIC", "KAFKA_BROKERS"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *r.bed
			b.t = t
			wordsSay(t, b.launch(r.env(c.changes...), c.args...), 2, c.words...)
		})
	}
}

func TestFailuresNameTheCauseAndTheCure(t *testing.T) {
	t.Parallel()
	nobody := "127.0.0.1:1" // where nothing listens
	for name, c := range map[string]struct {
		changes, words []string
	}{
		"no Kafka":     {[]string{"KAFKA_BROKERS=" + nobody}, []string{nobody, "KAFKA_BROKERS", "refused"}},
		"no Redis":     {[]string{"REDIS_URL=redis://:hunter2@" + nobody}, []string{nobody, "refused", "check"}},
		"wrong key":    {[]string{"ENRICH_SELECT=true"}, []string{"401", "JOBO_API_KEY", "/api/companies/"}},
		"topics to be": {[]string{"TOPICS_CREATE=false", "CAREER_SITES_TOPIC=nobodys.sites"}, []string{"nobodys.sites", "TOPICS_CREATE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, simulator.Options{Rows: 3}, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
			})
			r.apply()
			r.putSites()
			wordsSay(t, r.replica(c.changes...), 1, c.words...)
		})
	}
}

func TestATopicThatBreaksThePromiseIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		topic      string // which of the rig's
		partitions int32
		policy     string
		words      []string
	}{
		"other partitions":     {"companies", 3, "compact", []string{"3 partitions", "must have 6"}},
		"profiles that expire": {"companies", 6, "delete", []string{"compact", "kafka-configs.sh", "--alter"}},
		"letters that merge":   {"letters", 1, "compact", []string{"delete", "kafka-configs.sh", "--alter"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, simulator.Options{Rows: 1}, nil)
			topic := r.name + "." + c.topic
			if _, err := r.admin.CreateTopic(t.Context(), c.partitions, -1, map[string]*string{"cleanup.policy": &c.policy}, topic); err != nil {
				t.Fatal(err)
			}
			wordsSay(t, r.replica(), 1, append(c.words, topic)...)
		})
	}
}

func TestAMalformedRequestIsADeadLetterAndNoStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Rows: 3}, nil)
	r.apply()
	bad := map[string]string{ // by key: the value
		"not-json":   `please`,
		"not-object": `["a"]`,
		"two-names":  `{"id":"somebody-else"}`,
		"wrong-type": `{"force":"yes"}`,
		"a\x00b":     ``,
		"half":       `{"id":"half"`,
	}
	for key, value := range bad {
		r.put(r.requests(), &kgo.Record{Key: []byte(key), Value: []byte(value)})
	}
	for id := range r.api.Truth() { // after them
		r.put(r.requests(), &kgo.Record{Key: []byte(id)})
	}
	p := r.replica("ENRICH_SELECT=")
	letters := r.tail(r.letters()).until("the dead letters", rigAtLeast(len(bad)), p)
	r.tail(r.companies()).until("the profiles", rigAtLeast(3), p)
	p.stop()
	for _, letter := range letters {
		value, is := bad[string(letter.Key)]
		if !is || string(letter.Value) != value || rigHeader(letter, schemas.HeaderReason) != string(schemas.ReasonBadRequest) {
			t.Errorf("got a dead letter of %q for %q with %q, want %q for %q", letter.Key, rigHeader(letter, schemas.HeaderReason), letter.Value, schemas.ReasonBadRequest, value)
		}
		delete(bad, string(letter.Key))
	}
	if len(bad) > 0 {
		t.Errorf("these have no dead letter: %q", bad)
	}
}

func TestThousandsAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	const n = 5000
	r := newRig(t, simulator.Options{Rows: 1}, nil)
	r.apply()
	var ids strings.Builder
	for i := range n {
		fmt.Fprintf(&ids, "company-%04d\n", i)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "request", "--reason", "a list")
	cmd.Env, cmd.Stdin = r.env(), strings.NewReader(ids.String())
	out, err := cmd.Output()
	if want := fmt.Sprintf("published %d requests to %s\n", n, r.requests()); err != nil || string(out) != want {
		t.Errorf("got %q and %v, want %q", out, err, want)
	}
	asked := make(map[string]bool)
	for _, record := range r.tail(r.requests()).until("the requests", rigAtLeast(n)) {
		request, err := schemas.DecodeRequest(record.Key, record.Value)
		if err != nil || request.Reason != "a list" || request.RequestedAt.IsZero() {
			t.Fatalf("got %s (%v), want a request with a reason and a time", record.Value, err)
		}
		asked[request.ID] = true
	}
	if len(asked) != n || !asked["company-0000"] || !asked["company-4999"] {
		t.Errorf("%d companies were asked for, want %d", len(asked), n)
	}
}

func TestWhatIsRedrivenIsFetched(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Rows: 3}, nil)
	r.apply()
	var ids []string
	for id := range r.api.Truth() {
		ids = append(ids, id)
	}
	away := ids[0]
	if err := r.api.Remove(away); err != nil {
		t.Fatal(err)
	}
	r.putSites()
	p := r.replica()
	r.tail(r.letters()).until("the dead letter", rigAtLeast(1), p)
	profiles := r.tail(r.companies())
	profiles.until("the others' profiles", rigAtLeast(2), p)
	if err := r.api.Restore(away); err != nil {
		t.Fatal(err)
	}
	if out := r.do("redrive", "--dry-run").stdout.String(); !strings.Contains(out, "1 companies") || !strings.Contains(out, "not_found: 1") {
		t.Errorf("got %q, want what it would do", out)
	}
	r.do("redrive", "--reason", "not_found")
	records := profiles.until("the profile that was missing", rigAtLeast(3), p)
	if out := r.do("redrive").stdout.String(); !strings.Contains(out, "0 companies") {
		t.Errorf("got %q, want nothing to do any more", out)
	}
	p.stop()
	want, _ := r.api.Profile(away)
	if last := records[2]; string(last.Key) != away || string(last.Value) != string(want) {
		t.Errorf("got the profile of %s, want that of %s", last.Key, away)
	}
}
