package app

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
)

// ward is everything that Check looks at, in good health until a test breaks a
// part of it.
type ward struct {
	t     *testing.T
	c     Producer
	feed  *simulator.Server
	kafka *kfake.Cluster
	redis *miniredis.Miniredis
}

// newWard starts the servers. With acls the broker asks for a user, who may do
// what they say.
func newWard(t *testing.T, feed simulator.Options, acls ...kfake.ACL) *ward {
	t.Helper()
	w := &ward{t: t, redis: miniredis.RunT(t)}
	var err error
	if w.feed, err = simulator.Start(t.Context(), "127.0.0.1:0", feed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.feed.Close() })
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	if acls != nil {
		opts = append(opts, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser(kafka.ScramSHA256, "root", "root"), kfake.User(kafka.ScramSHA256, "ann", "pass", acls...))
	}
	if w.kafka, err = kfake.NewCluster(opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kafka.Close)
	env := environment{
		"JOBO_API_KEY": simulator.DefaultAPIKey, "JOBO_BASE_URL": w.feed.URL(), "FEED_RATE_LIMIT": "off",
		"KAFKA_BROKERS": strings.Join(w.kafka.ListenAddrs(), ","), "REDIS_URL": "redis://" + w.redis.Addr(),
		"CAREER_SITES_TOPIC": "sites", "PROGRESS_TOPIC": "progress", "DEAD_LETTERS_TOPIC": "letters",
	}
	if acls != nil {
		env = env.with(environment{"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256", "KAFKA_SASL_USERNAME": "ann", "KAFKA_SASL_PASSWORD": "pass"})
	}
	w.c = mustParse(t, env, "sync")
	return w
}

// create creates a topic as somebody else would have.
func (w *ward) create(topic string, partitions int32, policy string) {
	w.t.Helper()
	if err := w.kafka.CreateTopic(topic, partitions, map[string]string{"cleanup.policy": policy}); err != nil {
		w.t.Fatal(err)
	}
}

// checked is what came out of Check.
type checked struct {
	text string
	err  error
}

// check runs Check.
func (w *ward) check() checked {
	w.t.Helper()
	var out strings.Builder
	err := Check(w.t.Context(), w.c, &out)
	return checked{out.String(), err}
}

// of returns the lines with this verdict.
func (r checked) of(v verdict) []string {
	var lines []string
	for line := range strings.Lines(r.text) {
		if strings.HasPrefix(line, string(v)+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCheckOfAHealthyWorldFindsNothingAndBuysNothing(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	got := w.check()
	if got.err != nil || len(got.of(fail)) != 0 {
		t.Errorf("got %v, want no failure:\n%s", got.err, got.text)
	}
	for _, want := range []string{"test key", "wallet holds 1000000000000 credits", "agrees with the feed's", "transaction.version 2", "will be created", "budgets"} {
		if !strings.Contains(got.text, want) {
			t.Errorf("%q is missing:\n%s", want, got.text)
		}
	}
	if sold := w.feed.Ledger(); sold.Rows != 0 || sold.Credits != 0 {
		t.Errorf("got %d rows for %d credits, want nothing bought", sold.Rows, sold.Credits)
	}
	if len(w.redis.Keys()) != 0 {
		t.Errorf("got keys %q in Redis, want none", w.redis.Keys())
	}
	if strings.Contains(got.text, simulator.DefaultAPIKey) {
		t.Error("the API key is printed")
	}
}

// broken is a world with one fault, and what has to be said about it.
type broken struct {
	feed  simulator.Options
	acls  []kfake.ACL
	harm  func(w *ward)
	items []string // that fail
	says  []string
}

// refused is an address where nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func brokenWorlds() map[string]broken {
	minutesOff := func(n int) simulator.Options {
		return simulator.Options{Clock: func() time.Time { return time.Now().Add(time.Duration(n) * time.Minute) }}
	}
	return map[string]broken{
		"a wrong key":           {harm: func(w *ward) { w.c.Feed.Key = secret.New("jbe_wrong") }, items: []string{"feed"}, says: []string{"status 401", "does not have the shape", "fix: set JOBO_API_KEY"}},
		"no key":                {harm: func(w *ward) { w.c.Feed.Key = secret.New("") }, items: []string{"api key", "feed"}, says: []string{"fix: set JOBO_API_KEY"}},
		"a plan without it":     {feed: simulator.Options{ForbiddenKeys: []string{"jbe_small"}}, harm: func(w *ward) { w.c.Feed.Key = secret.New("jbe_small") }, items: []string{"feed"}, says: []string{"status 403", "plan"}},
		"an empty wallet":       {feed: simulator.Options{Balance: -1}, items: []string{"feed"}, says: []string{"status 402", "the wallet holds 0", "fix: fill the wallet"}},
		"a feed that redirects": {feed: simulator.Options{RedirectPlainHTTP: true}, items: []string{"feed"}, says: []string{"status 301", "fix: set JOBO_BASE_URL"}},
		"a feed that is down":   {harm: func(w *ward) { _ = w.feed.Close() }, items: []string{"feed"}, says: []string{"connection refused", "fix: check JOBO_BASE_URL"}},
		"no feed but a server": {
			harm:  func(w *ward) { w.c.Feed.BaseURL = "https" + strings.TrimPrefix(w.feed.URL(), "http") },
			items: []string{"feed tls", "feed"}, says: []string{"does not speak TLS on this port"},
		},
		"a clock behind by ten minutes":   {feed: minutesOff(10), items: []string{"clock"}, says: []string{"it is 10m0s behind the feed's", "fix: synchronise this machine's clock"}},
		"a clock ahead by ten minutes":    {feed: minutesOff(-10), items: []string{"clock"}, says: []string{"ahead of the feed's"}},
		"a clock ahead by two minutes":    {feed: minutesOff(-2), says: []string{"warn  clock ", "it is 2m"}},
		"Kafka down":                      {harm: func(w *ward) { w.c.Kafka.Brokers = []string{refused(w.t)} }, items: []string{"kafka"}, says: []string{"can't be reached", "fix: start it, or set KAFKA_BROKERS", "skip  topic sites", "skip  kafka acls"}},
		"a wrong SASL password":           {acls: everything(), harm: func(w *ward) { w.c.Kafka.Password = secret.New("wrong") }, items: []string{"kafka"}, says: []string{`user "ann"`, "fix: check KAFKA_SASL_USERNAME"}},
		"a topic that is not compacted":   {harm: func(w *ward) { w.create("sites", 3, "delete") }, items: []string{"topic sites"}, says: []string{"cleanup.policy is delete, wanted compact", "fix: producer topics apply"}},
		"progress in two partitions":      {harm: func(w *ward) { w.create("progress", 2, "compact") }, items: []string{"topic progress"}, says: []string{"partitions is 2, wanted 1", "fix: its records must be in one order"}},
		"a topic that may not be created": {harm: func(w *ward) { w.c.Topics.Create = false }, items: []string{"topic sites", "topic progress", "topic letters"}, says: []string{"TOPICS_CREATE is off", "fix: producer topics apply"}},
		"Redis down":                      {harm: func(w *ward) { w.redis.Close() }, items: []string{"redis"}, says: []string{"connection refused", "fix: check that it runs", "skip  budgets"}},
		"a wrong password of Redis":       {harm: func(w *ward) { w.redis.RequireAuth("right") }, items: []string{"redis"}, says: []string{"asks for a password"}},
		"several at once": {
			harm: func(w *ward) {
				w.redis.Close()
				_ = w.feed.Close()
				w.c.Kafka.Brokers = []string{refused(w.t)}
			},
			items: []string{"feed", "kafka", "redis"}, says: []string{"skip  clock", "skip  brokers"},
		},
	}
}

func TestCheckNamesEachFaultWithItsFix(t *testing.T) {
	t.Parallel()
	for name, world := range brokenWorlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, world.feed, world.acls...)
			if world.harm != nil {
				world.harm(w)
			}
			w.wantFailures(w.check(), world.items, world.says)
		})
	}
}

// wantFailures checks which items failed, in words too.
func (w *ward) wantFailures(got checked, items, says []string) {
	w.t.Helper()
	var named []string
	for _, line := range got.of(fail) {
		item, _, _ := strings.Cut(line[len("FAIL  "):], "  ") // two blanks, or more, end the name
		if !slices.Contains(named, item) {
			named = append(named, item)
		}
	}
	if !slices.Equal(named, items) {
		w.t.Errorf("failed: got %q, want %q:\n%s", named, items, got.text)
	}
	if (got.err != nil) != (len(items) > 0) || got.err != nil && !strings.Contains(got.err.Error(), strings.Join(items, ", ")) {
		w.t.Errorf("got error %v, want one that names %q", got.err, items)
	}
	for _, want := range says {
		if !strings.Contains(got.text, want) {
			w.t.Errorf("%q is missing:\n%s", want, got.text)
		}
	}
}

// everything is what a producer needs on topics that exist.
func everything() []kfake.ACL {
	var acls []kfake.ACL
	may := func(resource kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) {
		for _, operation := range operations {
			acls = append(acls, kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true})
		}
	}
	may(kmsg.ACLResourceTypeTopic, "sites", kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs)
	may(kmsg.ACLResourceTypeTopic, "progress", kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs)
	may(kmsg.ACLResourceTypeTopic, "letters", kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs)
	may(kmsg.ACLResourceTypeTransactionalId, "feed-producer.career-sites", kmsg.ACLOperationWrite)
	return acls
}

func TestCheckNamesEachMissingACL(t *testing.T) {
	t.Parallel()
	for i, without := range everything() {
		t.Run("without "+without.Operation.String()+" on "+without.Name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, simulator.Options{}, slices.Delete(everything(), i, i+1)...)
			w.create("sites", 3, "compact")
			w.create("progress", 1, "compact")
			w.create("letters", 1, "delete")
			got := w.check()
			if got.err == nil || !strings.Contains(got.err.Error(), "kafka acls") {
				t.Errorf("got %v, want an error that names the ACLs", got.err)
			}
			lines := strings.Join(got.of(fail), "")
			if !strings.Contains(lines, "the user lacks ") || !strings.Contains(lines, without.Name) || !strings.Contains(got.text, "--allow-principal User:ann --operation ") {
				t.Errorf("the right on %s is not named with its command:\n%s", without.Name, got.text)
			}
		})
	}
	t.Run("with all of them", func(t *testing.T) {
		t.Parallel()
		w := newWard(t, simulator.Options{}, everything()...)
		w.create("sites", 3, "compact")
		w.create("progress", 1, "compact")
		w.create("letters", 1, "delete")
		w.wantFailures(w.check(), nil, []string{"nothing that can be seen is missing; Write on the transactional id feed-producer.career-sites shows only when it is used"})
	})
}

func TestCheckPrintsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{}, everything()...)
	w.redis.RequireAuth("another")
	w.c.Feed.Key, w.c.Kafka.Password = secret.New("hush-key"), secret.New("hush-kafka")
	w.c.RedisURL = secret.New("redis://:hush-redis@" + w.redis.Addr())
	got := w.check()
	w.wantFailures(got, []string{"feed", "kafka", "redis"}, nil)
	if all := got.text + got.err.Error(); strings.Contains(all, "hush") {
		t.Errorf("a secret is printed:\n%s", all)
	}
}

func TestCheckThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped by the test")
	cancel(why)
	var out strings.Builder
	if err := Check(ctx, w.c, &out); !errors.Is(err, why) || strings.Contains(out.String(), "FAIL") {
		t.Errorf("got %v and %q, want %v and no failure", err, out.String(), why)
	}
}
