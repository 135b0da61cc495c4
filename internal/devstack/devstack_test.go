package devstack_test

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// taken returns a listener on a port of its own, which stays taken until t ends.
func taken(t *testing.T) (port int, l net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port, l
}

// free returns a port that was free a moment ago. Each belongs to one caller
// alone, as far as this process goes.
func free(t *testing.T) int {
	t.Helper()
	port, l := taken(t)
	_ = l.Close()
	return port
}

// answers checks that all three servers do what they are for.
func answers(t *testing.T, s *devstack.Stack, rows int) {
	t.Helper()
	ctx := t.Context()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, -1, nil, "t"); err != nil {
		t.Errorf("Kafka: create a topic: %v", err)
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Errorf("Kafka: %v", err)
	}

	o, err := redis.ParseURL(s.RedisURL())
	if err != nil {
		t.Fatal(err)
	}
	store := redis.NewClient(o)
	defer func() { _ = store.Close() }()
	if err := store.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Errorf("Redis: %v", err)
	}
	if got, err := s.Redis.Get("k"); err != nil || got != "v" {
		t.Errorf("Redis: got %q, %v for what was set to %q", got, err, "v")
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Feed.URL()+"/api/career-sites/feed", strings.NewReader(`{"batch_size":50}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var page struct {
		Sites []json.RawMessage `json:"career_sites"`
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		t.Fatalf("feed: status %d: %v", response.StatusCode, err)
	}
	if len(page.Sites) != rows {
		t.Errorf("feed: got %d rows, want %d", len(page.Sites), rows)
	}
}

func TestServersAnswerOnFreePorts(t *testing.T) {
	t.Parallel()
	s, err := devstack.Start(t.Context(), devstack.Options{Feed: simulator.Options{Rows: 7}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Moved != nil {
		t.Errorf("got %q moved, want nothing: no port was asked for", s.Moved)
	}
	answers(t, s, 7)
}

func TestServersListenOnThePortsGiven(t *testing.T) {
	t.Parallel()
	o := devstack.Options{KafkaPort: free(t), RedisPort: free(t), FeedPort: free(t), Feed: simulator.Options{Rows: 1}}
	s, err := devstack.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Moved != nil {
		t.Skipf("another program was quicker: %q", s.Moved)
	}
	local := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	if got, want := s.Brokers(), []string{local(o.KafkaPort)}; !slices.Equal(got, want) {
		t.Errorf("Kafka: got %q, want %q", got, want)
	}
	if got, want := s.RedisURL(), "redis://"+local(o.RedisPort)+"/0"; got != want {
		t.Errorf("Redis: got %q, want %q", got, want)
	}
	if got, want := s.Feed.URL(), "http://"+local(o.FeedPort); got != want {
		t.Errorf("feed: got %q, want %q", got, want)
	}
	answers(t, s, 1)
}

func TestTakenPortsAreReplacedAndNamed(t *testing.T) {
	t.Parallel()
	kafka, _ := taken(t)
	redis, _ := taken(t)
	feed, _ := taken(t)
	s, err := devstack.Start(t.Context(), devstack.Options{KafkaPort: kafka, RedisPort: redis, FeedPort: feed, Feed: simulator.Options{Rows: 3}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := []string{
		"Kafka: port " + strconv.Itoa(kafka) + " is taken, using another",
		"Redis: port " + strconv.Itoa(redis) + " is taken, using another",
		"feed: port " + strconv.Itoa(feed) + " is taken, using another",
	}
	if !slices.Equal(s.Moved, want) {
		t.Errorf("got %q moved, want %q", s.Moved, want)
	}
	answers(t, s, 3)
}

func TestNothingIsLeftOnceClosed(t *testing.T) {
	// Not parallel: goroutines of other tests would look like this one's.
	before := goleak.IgnoreCurrent()
	s, err := devstack.Start(t.Context(), devstack.Options{Feed: simulator.Options{Rows: 2}})
	if err != nil {
		t.Fatal(err)
	}
	answers(t, s, 2)
	addresses := append(s.Brokers(), s.Redis.Addr(), s.Feed.Addr().String())
	s.Close()
	goleak.VerifyNone(t, before)
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%s is still taken: %v", address, err)
			continue
		}
		_ = l.Close()
	}
}
