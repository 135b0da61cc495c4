package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
)

// ring is a ward that an enricher looks at.
type ring struct {
	*ward

	e Enricher
}

func newRing(t *testing.T, api simulator.Options, acls ...kfake.ACL) *ring {
	t.Helper()
	w := newWard(t, api, acls...)
	env := environment{
		"JOBO_API_KEY": simulator.DefaultAPIKey, "JOBO_BASE_URL": w.feed.URL(),
		"KAFKA_BROKERS": strings.Join(w.kafka.ListenAddrs(), ","), "REDIS_URL": "redis://" + w.redis.Addr(),
		"CAREER_SITES_TOPIC": "sites", "COMPANIES_TOPIC": "companies", "REQUESTS_TOPIC": "requests", "RETRIES_TOPIC": "retries",
		"DEAD_LETTERS_TOPIC": "letters", "ENRICH_GROUP": "team", "ENRICH_RETRY_DELAYS": "1m", "ENRICH_SELECT": `ats == "greenhouse"`,
	}
	if acls != nil {
		env = env.with(environment{"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256", "KAFKA_SASL_USERNAME": "ann", "KAFKA_SASL_PASSWORD": "pass"})
	}
	return &ring{w, mustEnricher(t, env, "check")}
}

func (r *ring) check() checked {
	r.t.Helper()
	var out strings.Builder
	err := EnrichCheck(r.t.Context(), r.e, &out)
	return checked{out.String(), err}
}

// topics creates all topics as the enricher wants them.
func (r *ring) topics() {
	r.t.Helper()
	for name, policy := range map[string]string{"sites": "compact", "companies": "compact", "requests": "delete", "letters": "delete", "retries.0": "delete", "retries.1": "delete"} {
		r.create(name, 3, policy)
	}
}

func TestEnrichCheckOfAHealthyWorldFindsNothingAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRing(t, simulator.Options{})
	got := r.check()
	r.wantFailures(got, nil, []string{
		`ats == "greenhouse"; enricher plan`, "that of JOBO_BASE_URL", "test key", "it answers; 359 of 360 requests of its tightest window are left", "agrees with the API's", "transaction.version 2",
		"will be created", "nothing that can be seen is missing", "team: there is no such group yet", "0 of 360/m, 0 of 10000/h, 0 of 100000/d are used",
	})
	if len(r.redis.Keys()) != 0 || r.kafka.TopicInfo("sites") != nil {
		t.Errorf("got keys %q and a topic %v, want nothing written", r.redis.Keys(), r.kafka.TopicInfo("sites"))
	}
	if r.feed.ProfilesServed() != 0 || strings.Contains(got.text, simulator.DefaultAPIKey) {
		t.Errorf("got %d profiles, want none, and no key printed:\n%s", r.feed.ProfilesServed(), got.text)
	}
}

func TestEnrichCheckNamesEachFaultWithItsFix(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		api   simulator.Options
		harm  func(r *ring)
		items []string
		says  []string
	}{
		"no key":                    {harm: func(r *ring) { r.e.Company.SendKey = false }, says: []string{"warn  api key ", "none is sent: the API allows such requests 60/m,1000/h,10000/d, and COMPANY_RATE_LIMIT is 360/m", "fix: set JOBO_API_KEY", "it answers; 59 of 60"}},
		"no key, and low limits":    {harm: func(r *ring) { r.e.Company.SendKey, r.e.Limits = false, unpaid() }, says: []string{"ok    api key ", "COMPANY_RATE_LIMIT keeps to"}},
		"a key of another shape":    {harm: func(r *ring) { r.e.Company.Key = secret.New("jbe_wrong") }, says: []string{"warn  api key ", "does not have the shape"}},
		"an API that redirects":     {api: simulator.Options{RedirectPlainHTTP: true}, items: []string{"api"}, says: []string{"fix: set JOBO_BASE_URL to where it redirects to"}},
		"an API that is down":       {harm: func(r *ring) { _ = r.feed.Close() }, items: []string{"api"}, says: []string{"connection refused", "fix: check JOBO_BASE_URL", "skip  clock"}},
		"hosts without the API":     {harm: func(r *ring) { r.e.Company.Hosts = []string{"jobo.world"} }, says: []string{"warn  hosts ", "becomes a dead letter", "fix: add 127.0.0.1:", "ok    api "}},
		"a clock that is wrong":     {api: simulator.Options{Clock: func() time.Time { return time.Now().Add(10 * time.Minute) }}, items: []string{"clock"}, says: []string{"it is 10m0s behind the API's", "timedatectl"}},
		"limits that are off":       {harm: func(r *ring) { r.e.Limits = nil }, says: []string{"warn  rate limit ", "COMPANY_RATE_LIMIT is off"}},
		"nothing selected":          {harm: func(r *ring) { r.e.Selection = mustEnricher(r.t, nil, "check").Selection }, says: []string{"ok    selection ", "only companies that are requested"}},
		"Kafka down":                {harm: func(r *ring) { r.e.Kafka.Brokers = []string{refused(r.t)} }, items: []string{"kafka"}, says: []string{"skip  topic retries.1", "skip  kafka acls", "skip  group"}},
		"topics that differ":        {harm: func(r *ring) { r.create("sites", 3, "compact"); r.create("companies", 2, "compact") }, items: []string{"topic companies"}, says: []string{"partitions is 2, wanted 3", "fix: name another topic"}},
		"a topic of another policy": {harm: func(r *ring) { r.create("retries.1", 6, "compact") }, items: []string{"topic retries.1"}, says: []string{"wanted delete", "fix: enricher topics apply"}},
		"topics nobody may create":  {harm: func(r *ring) { r.topics(); r.e.Topics.Create, r.e.Topics.Retries = false, "others" }, items: []string{"topic others.0", "topic others.1"}, says: []string{"TOPICS_CREATE is off", "fix: enricher topics apply"}},
		"Redis down":                {harm: func(r *ring) { r.redis.Close() }, items: []string{"redis"}, says: []string{"connection refused", "skip  rate limit"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, test.api)
			if test.harm != nil {
				test.harm(r)
			}
			r.wantFailures(r.check(), test.items, test.says)
		})
	}
}

// member is what an enricher needs on topics that exist.
func memberACLs() []kfake.ACL {
	var acls []kfake.ACL
	may := func(resource kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, operations ...kmsg.ACLOperation) {
		for _, operation := range operations {
			acls = append(acls, kfake.ACL{Resource: resource, Name: name, Pattern: pattern, Operation: operation, Allow: true})
		}
	}
	const topic, literal, prefixed = kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	for _, name := range []string{"sites", "requests"} {
		may(topic, name, literal, kmsg.ACLOperationRead, kmsg.ACLOperationDescribeConfigs)
	}
	for _, name := range []string{"companies", "letters", "retries.0", "retries.1"} {
		may(topic, name, literal, kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs)
	}
	may(kmsg.ACLResourceTypeGroup, "team", literal, kmsg.ACLOperationRead)
	may(kmsg.ACLResourceTypeTransactionalId, "enricher.team.", prefixed, kmsg.ACLOperationWrite)
	return acls
}

func TestEnrichCheckNamesEachMissingACL(t *testing.T) {
	t.Parallel()
	for i, without := range memberACLs() {
		t.Run("without "+without.Operation.String()+" on "+without.Name, func(t *testing.T) {
			t.Parallel()
			r := newRing(t, simulator.Options{}, slices.Delete(memberACLs(), i, i+1)...)
			r.topics()
			got := r.check()
			if got.err == nil || !strings.Contains(got.err.Error(), "kafka acls") {
				t.Errorf("got %v, want an error that names the ACLs", got.err)
			}
			if lines := strings.Join(got.of(fail), ""); !strings.Contains(lines, "the user lacks ") || !strings.Contains(lines, without.Name) {
				t.Errorf("the right on %s is not named:\n%s", without.Name, got.text)
			}
		})
	}
	t.Run("with all of them", func(t *testing.T) {
		t.Parallel()
		r := newRing(t, simulator.Options{}, memberACLs()...)
		r.topics()
		r.wantFailures(r.check(), nil, []string{"nothing that can be seen is missing", "Write on the transactional ids that begin with enricher.team. shows only when it is used"})
	})
}

func TestWhatIsSaidOfTheAPIsAnswer(t *testing.T) {
	t.Parallel()
	answer := func(status int, header http.Header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for name, values := range header {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   verdict
		text   string
		fix    string
	}{
		"no such company":         {answer(404, nil, "{}"), okay, "it answers; it does not tell its request limits", ""},
		"one that is gone":        {answer(410, nil, "{}"), okay, "it answers", ""},
		"a key that is refused":   {answer(401, nil, "{}"), fail, "status 401", "COMPANY_SEND_KEY=false"},
		"limits that are used up": {answer(429, http.Header{"Retry-After": {"7"}}, "{}"), warn, "status 429", "wait 7s"},
		"trouble of its own":      {answer(503, nil, "{}"), fail, "status 503", "try again later"},
		"another API":             {answer(405, nil, "{}"), fail, "status 405", "does not answer as the API does"},
		"a profile of nobody":     {answer(200, nil, fmt.Sprintf(`{"id":%q}`, nobody)), warn, "a company that can't exist", "not a proxy"},
		"a web page":              {answer(200, nil, "<html>"), fail, "bad_profile", "does not answer as the API does"},
		"nothing at all":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fail, "EOF", "no proxy is used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			t.Cleanup(server.Close)
			k := newEnrichCheckup(Enricher{Company: company.Config{BaseURL: server.URL, Key: secret.New("any"), SendKey: true}})
			got := k.api(t.Context())[0]
			if got.verdict != test.want || !strings.Contains(got.text, test.text) || !strings.Contains(got.fix, test.fix) {
				t.Errorf("got %s %q with the fix %q, want %s, %q and %q", got.verdict, got.text, got.fix, test.want, test.text, test.fix)
			}
		})
	}
}

func TestLimitsThatKeepToOthers(t *testing.T) {
	t.Parallel()
	for ours, want := range map[string]bool{
		"60/m,1000/h,10000/d": true, "10/m,100/h,100/d": true, "100/d": false, "60/m,1000/h": false, "360/m,1000/h,10000/d": false, "off": false,
	} {
		limits, err := ratelimit.Parse(ours)
		if err != nil {
			t.Fatal(err)
		}
		if got := within(limits, unpaid()); got != want {
			t.Errorf("%s: got %t, want %t", ours, got, want)
		}
	}
}

func TestEnrichCheckPrintsNoSecrets(t *testing.T) {
	t.Parallel()
	r := newRing(t, simulator.Options{}, memberACLs()...)
	r.redis.RequireAuth("another")
	r.e.Company.Key, r.e.Kafka.Password = secret.New("hush-key"), secret.New("hush-kafka")
	r.e.RedisURL = secret.New("redis://:hush-redis@" + r.redis.Addr())
	got := r.check()
	r.wantFailures(got, []string{"kafka", "redis"}, nil)
	if all := errors.Join(got.err, errors.New(got.text)).Error(); strings.Contains(all, "hush") {
		t.Errorf("a secret is printed:\n%s", all)
	}
}

func TestEnrichCheckThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	r := newRing(t, simulator.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped by the test")
	cancel(why)
	var out strings.Builder
	if err := EnrichCheck(ctx, r.e, &out); !errors.Is(err, why) || strings.Contains(out.String(), "FAIL") {
		t.Errorf("got %v and %q, want %v and no failure", err, out.String(), why)
	}
}

func TestEnrichCheckLooksAtTheEncryptionOfTheAPI(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refusal is what the test wants
	server.StartTLS()
	t.Cleanup(server.Close)
	k := newEnrichCheckup(Enricher{Company: company.Config{BaseURL: server.URL}})
	if got := k.encryption(t.Context())[0]; got.verdict != fail || !strings.Contains(got.fix, "SSL_CERT_FILE") {
		t.Errorf("got %s %q with the fix %q, want FAIL with SSL_CERT_FILE", got.verdict, got.text, got.fix)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	k.c.Company.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if got := k.encryption(t.Context())[0]; got.verdict != okay || !strings.Contains(got.text, "TLS 1.3") {
		t.Errorf("a trusted one: got %s %q, want ok and TLS 1.3", got.verdict, got.text)
	}
}
