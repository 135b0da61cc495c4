package kafka_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/careerstream/careerstream/internal/kafka"
)

// settingsOf returns what was set on the topic itself.
func (b *bundle) settingsOf(topic string) map[string]string {
	b.t.Helper()
	described, err := b.admin().DescribeTopicConfigs(within(b.t, patience), topic)
	if err == nil && len(described) == 1 {
		err = described[0].Err
	}
	if err != nil {
		b.t.Fatalf("settings of %s: %v", topic, err)
	}
	set := map[string]string{}
	for _, c := range described[0].Configs {
		if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			set[c.Key] = c.MaybeValue()
		}
	}
	return set
}

// make creates a topic as somebody else would have.
func (b *bundle) make(topic string, partitions int32, settings map[string]string) {
	b.t.Helper()
	values := map[string]*string{}
	for name, value := range settings {
		values[name] = &value
	}
	if _, err := b.admin().CreateTopic(within(b.t, patience), partitions, -1, values, topic); err != nil {
		b.t.Fatalf("create %s: %v", topic, err)
	}
	b.eventually("topic "+topic, func() bool {
		details, err := b.admin().ListTopics(within(b.t, patience), topic)
		return err == nil && details.Error() == nil
	})
}

func TestEnsureCreatesTopicsWithTheirSettings(t *testing.T) {
	t.Parallel()
	compacted := map[string]string{
		"cleanup.policy": "compact", "compression.type": "producer", "min.cleanable.dirty.ratio": "0.3",
		"delete.retention.ms": "604800000", "max.compaction.lag.ms": "86400000",
	}
	retained := map[string]string{"cleanup.policy": "delete", "compression.type": "producer", "retention.ms": "2592000000"}
	b := connect(t)
	b.ensure()
	tests := map[string]struct {
		topic      kafka.Topic
		partitions int32
		want       map[string]string
	}{
		"career sites": {b.stream.Sites, 3, compacted},
		"progress":     {b.stream.Progress, 1, compacted},
		"dead letters": {b.stream.DeadLetters, 1, retained},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			topic := test.topic
			if !topic.Created || topic.Partitions != test.partitions || topic.MaxMessageBytes != 1048588 || topic.Replication < 1 {
				t.Errorf("topic: got %+v, want it created with %d partitions and a limit of 1048588 bytes", topic, test.partitions)
			}
			if b.fake == nil && len(topic.Ignored) != 0 {
				t.Errorf("settings that Apache Kafka lacks: got %q, want none", topic.Ignored)
			}
			want := maps.Clone(test.want)
			if topic.Replication >= 3 {
				want["min.insync.replicas"] = "2"
			}
			for _, ignored := range topic.Ignored {
				if _, wanted := want[ignored]; !wanted {
					t.Errorf("ignored setting %s: nobody wanted it", ignored)
				}
				delete(want, ignored)
			}
			// A real broker answers before the settings can be read from it.
			b.eventually("settings of "+topic.Name, func() bool { return len(b.settingsOf(topic.Name)) >= len(want) })
			if diff := cmp.Diff(want, b.settingsOf(topic.Name)); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnsureLeavesExistingTopicsAlone(t *testing.T) {
	t.Parallel()
	b := connect(t)
	name := unique()
	b.make(name, 2, map[string]string{"cleanup.policy": "compact", "max.message.bytes": "2000000"})
	before := b.settingsOf(name)
	for range 2 {
		topics, err := b.cluster.Ensure(within(t, patience), true, kafka.Spec{Name: name, Partitions: 6, Compacted: true})
		if err != nil {
			t.Fatalf("Ensure: %v", err)
		}
		got := topics[name]
		if got.Created || got.Partitions != 2 || got.MaxMessageBytes != 2000000 || len(got.Ignored) != 0 {
			t.Errorf("topic: got %+v, want it as found, with 2 partitions and a limit of 2000000 bytes", got)
		}
	}
	if diff := cmp.Diff(before, b.settingsOf(name)); diff != "" {
		t.Errorf("settings (-before +after):\n%s", diff)
	}
}

func TestEnsureTwiceFindsWhatItCreated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.stream
	topics, err := b.cluster.Ensure(within(t, patience), false, s.Sites.Spec, s.Progress.Spec, s.DeadLetters.Spec)
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	for _, want := range []kafka.Topic{s.Sites, s.Progress, s.DeadLetters} {
		want.Created, want.Ignored = false, nil
		if diff := cmp.Diff(want, topics[want.Name]); diff != "" {
			t.Errorf("topic (-first +second):\n%s", diff)
		}
	}
}

func TestEnsureByManyAtOnceCreatesOnce(t *testing.T) {
	t.Parallel()
	b := connect(t)
	spec := kafka.Spec{Name: unique(), Partitions: 3, Compacted: true}
	ctx := within(t, patience)
	var group errgroup.Group
	created := make(chan bool, 4)
	for range cap(created) {
		cluster := open(t, kafka.Config{Brokers: b.brokers})
		group.Go(func() error {
			topics, err := cluster.Ensure(ctx, true, spec)
			created <- topics[spec.Name].Created
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	close(created)
	count := 0
	for is := range created {
		if is {
			count++
		}
	}
	if count != 1 {
		t.Errorf("replicas that say they created the topic: got %d, want 1", count)
	}
}

// Another replica, or an operator, creates the topic between our look and our
// attempt to create it.
func TestEnsureJudgesATopicThatAppearedMeanwhile(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		partitions int32
		policy     string
		want       string // empty means that the topic is accepted
	}{
		"as it should be":          {1, "compact", ""},
		"with too many partitions": {2, "compact", "has 2 partitions"},
		"with another policy":      {1, "delete", `cleanup.policy="delete"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectFake(t)
			topic := unique()
			if err := b.fake.CreateTopic(topic, test.partitions, map[string]string{"cleanup.policy": test.policy}); err != nil {
				t.Fatalf("create: %v", err)
			}
			before := b.settingsOf(topic)
			b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.UnknownTopicOrPartition})
			topics, err := b.cluster.Ensure(within(t, patience), true, kafka.Spec{Name: topic, Compacted: true, Single: true})
			got := topics[topic]
			if test.want != "" {
				wantIn(t, err, topic, test.want)
			} else if err != nil {
				t.Errorf("Ensure: %v", err)
			}
			if got.Created || got.Partitions != test.partitions || got.Replication != 3 {
				t.Errorf("topic: got %+v, want it as found, with %d partitions and 3 replicas", got, test.partitions)
			}
			if diff := cmp.Diff(before, b.settingsOf(topic)); diff != "" {
				t.Errorf("settings (-before +after):\n%s", diff)
			}
		})
	}
}

func TestEnsureRefusesWhatBreaksAPromise(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy     string
		partitions int32
		spec       kafka.Spec
		want       []string
	}{
		"career sites that expire":   {"delete", 3, kafka.Spec{Compacted: true}, []string{"companies vanish", "--add-config cleanup.policy=compact", "rpk topic alter-config"}},
		"compacted ones that expire": {"compact,delete", 3, kafka.Spec{Compacted: true}, []string{"compact,delete", "--add-config cleanup.policy=compact"}},
		"compacted dead letters":     {"compact", 1, kafka.Spec{}, []string{"dead letters", "--add-config cleanup.policy=delete", "rpk topic alter-config"}},
		"compacted, expiring ones":   {"compact,delete", 1, kafka.Spec{}, []string{"dead letters", "--add-config cleanup.policy=delete"}},
		"progress in two partitions": {"compact", 2, kafka.Spec{Setting: "PROGRESS_TOPIC", Compacted: true, Single: true}, []string{"has 2 partitions and must have 1", "name another topic in PROGRESS_TOPIC"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connect(t)
			test.spec.Name = unique()
			b.make(test.spec.Name, test.partitions, map[string]string{"cleanup.policy": test.policy})
			_, err := b.cluster.Ensure(within(t, patience), true, test.spec)
			wantIn(t, err, append(test.want, test.spec.Name)...)
			if !test.spec.Single {
				wantIn(t, err, "--bootstrap-server "+b.brokers[0], "--entity-name "+test.spec.Name)
			}
		})
	}
}

func TestMendingCommandMends(t *testing.T) {
	t.Parallel()
	b := connect(t)
	spec := kafka.Spec{Name: unique(), Compacted: true}
	b.make(spec.Name, 1, map[string]string{"cleanup.policy": "delete"})
	if _, err := b.cluster.Ensure(within(t, patience), true, spec); err == nil {
		t.Fatal("Ensure of a topic that expires: got nil, want an error")
	}
	b.alter(spec.Name, "cleanup.policy", "compact")
	if _, err := b.cluster.Ensure(within(t, patience), true, spec); err != nil {
		t.Errorf("Ensure after the command: %v", err)
	}
}

func TestEnsureReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	b := connect(t)
	missing, wrong, good := unique(), unique(), unique()
	b.make(wrong, 2, map[string]string{"cleanup.policy": "compact"})
	b.make(good, 2, map[string]string{"cleanup.policy": "compact"})
	topics, err := b.cluster.Ensure(within(t, patience), false,
		kafka.Spec{Name: missing, Compacted: true}, kafka.Spec{Name: wrong}, kafka.Spec{Name: good, Compacted: true})
	wantIn(t, err, missing, wrong, "TOPICS_CREATE", "cleanup.policy=compact")
	if topics[good].Partitions != 2 || topics[wrong].Partitions != 2 {
		t.Errorf("topics: got %+v, want those that exist described", topics)
	}
	details, err := b.admin().ListTopics(within(t, patience), missing)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	if details.Has(missing) {
		t.Error("the missing topic was created with TOPICS_CREATE off")
	}
}

func TestEnsureSkipsSettingsThatTheBrokerLacks(t *testing.T) {
	t.Parallel()
	b := connectFake(t)
	lacking := []string{"delete.retention.ms", "min.insync.replicas"}
	b.fake.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, asked := range request.(*kmsg.DescribeConfigsRequest).Resources {
			resource := kmsg.NewDescribeConfigsResponseResource()
			resource.ResourceName, resource.ResourceType = asked.ResourceName, asked.ResourceType
			for name, value := range map[string]string{"cleanup.policy": "compact", "compression.type": "producer", "max.message.bytes": "none"} {
				config := kmsg.NewDescribeConfigsResponseResourceConfig()
				config.Name, config.Value = name, kmsg.StringPtr(value)
				resource.Configs = append(resource.Configs, config)
			}
			response.Resources = append(response.Resources, resource)
		}
		return response, nil, true
	})
	name := unique()
	topics, err := b.cluster.Ensure(within(t, patience), true, kafka.Spec{Name: name, Compacted: true})
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	got := topics[name]
	for _, setting := range lacking {
		if !slices.Contains(got.Ignored, setting) {
			t.Errorf("ignored settings: got %q, want %s among them", got.Ignored, setting)
		}
	}
	if got.MaxMessageBytes != 1048588 {
		t.Errorf("limit of a broker that does not tell: got %d, want Kafka's default", got.MaxMessageBytes)
	}
	if diff := cmp.Diff(map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "compression.type": kadm.StringPtr("producer")}, b.fake.TopicInfo(name).Configs); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEnsureNamesTheTopicThatCannotBeCreated(t *testing.T) {
	t.Parallel()
	b := connect(t)
	name := unique()
	_, err := b.cluster.Ensure(within(t, patience), true, kafka.Spec{Name: name, Replication: 77})
	wantIn(t, err, "create topic "+name, "INVALID_REPLICATION_FACTOR")
}

func TestTopicWithAnotherNumberOfPartitionsIsRefused(t *testing.T) {
	t.Parallel()
	b := connect(t)
	tests := map[string]struct {
		compacted bool
		has       int32
		want      string
	}{
		"too few":           {false, 2, "--partitions 4"},
		"too many":          {false, 5, "--delete"},
		"keys have a place": {true, 2, "--delete"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			topic, policy := unique(), "delete"
			if test.compacted {
				policy = "compact"
			}
			b.make(topic, test.has, map[string]string{"cleanup.policy": policy})
			spec := kafka.Spec{Name: topic, Compacted: test.compacted, Exactly: 4}
			_, err := b.cluster.Ensure(within(t, patience), true, spec)
			wantIn(t, err, topic, fmt.Sprintf("%d partitions and must have 4", test.has), test.want)
			spec.Exactly = test.has
			if _, err := b.cluster.Ensure(within(t, patience), true, spec); err != nil {
				t.Errorf("Ensure of a topic with as many as it must have: %v", err)
			}
		})
	}
	name := unique()
	topics, err := b.cluster.Ensure(within(t, patience), true, kafka.Spec{Name: name, Exactly: 4})
	if err != nil || topics[name].Partitions != 4 {
		t.Errorf("Ensure of a topic that is missing: got %d partitions, %v; want 4", topics[name].Partitions, err)
	}
}
