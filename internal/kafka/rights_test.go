package kafka_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/careerstream/careerstream/internal/kafka"
)

// rights looks at what the user of a stream lacks, and returns it as text.
func rights(t *testing.T, s *kafka.Stream, needs ...kafka.Need) (missing, unseen []string) {
	t.Helper()
	got, err := s.Cluster.Rights(within(t, patience), s.TransactionalID(), needs...)
	if err != nil {
		t.Fatalf("Rights: %v", err)
	}
	for _, right := range got.Missing {
		missing = append(missing, right.String())
	}
	for _, right := range got.Unseen {
		unseen = append(unseen, right.String())
	}
	return missing, unseen
}

// needs are those of the producer.
func needs(s *kafka.Stream) []kafka.Need {
	return []kafka.Need{{Spec: s.Sites.Spec, Read: true}, {Spec: s.Progress.Spec, Read: true}, {Spec: s.DeadLetters.Spec}}
}

func TestEachMissingRightIsSeenBeforehand(t *testing.T) {
	t.Parallel()
	const feed = "career-sites"
	all := enough(feed)
	want := []string{
		"Describe, Write on the transactional id feed-producer.career-sites",
		"Write on the topic sites",
		"Read on the topic sites",
		"DescribeConfigs on the topic sites",
		"Write on the topic progress",
		"Read on the topic progress",
		"DescribeConfigs on the topic progress",
		"Describe, Write on the topic letters", // nothing implies Describe there but Write
		"DescribeConfigs on the topic letters",
	}
	for i, without := range all {
		t.Run("without "+without.operation.String()+" on "+without.name, func(t *testing.T) {
			t.Parallel()
			s := restricted(t, feed, slices.Delete(slices.Clone(all), i, i+1))
			missing, _ := rights(t, s, needs(s)...)
			if diff := cmp.Diff([]string{want[i]}, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("all of them", func(t *testing.T) {
		t.Parallel()
		s := restricted(t, feed, all)
		missing, unseen := rights(t, s, needs(s)...)
		if len(missing) != 0 {
			t.Errorf("missing: got %q, want nothing", missing)
		}
		if diff := cmp.Diff([]string{"Write on the transactional id feed-producer.career-sites"}, unseen); diff != "" {
			t.Errorf("unseen (-want +got):\n%s", diff)
		}
	})
}

func TestMissingRightComesWithTheCommand(t *testing.T) {
	t.Parallel()
	s := restricted(t, "career-sites", nil)
	got, err := s.Cluster.Rights(within(t, patience), s.TransactionalID(), needs(s)...)
	if err != nil {
		t.Fatalf("Rights: %v", err)
	}
	const add = " --add --allow-principal User:careerstream --operation "
	for _, want := range []string{add + "Describe --operation DescribeConfigs --operation Write --operation Read --topic sites", add + "Describe --operation Write --transactional-id feed-producer.career-sites"} {
		if !slices.ContainsFunc(got.Missing, func(r kafka.Right) bool {
			return strings.HasSuffix(r.Fix, want)
		}) {
			t.Errorf("got %v, want a command that ends with %q", got.Missing, want)
		}
	}
}

func TestRightToCreateIsSeenBeforehand(t *testing.T) {
	t.Parallel()
	const topic, cluster = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeCluster
	base := []permission{
		{topic, "new", kmsg.ACLOperationWrite},
		{topic, "new", kmsg.ACLOperationAlterConfigs},
		{kmsg.ACLResourceTypeTransactionalId, "feed-producer.f", kmsg.ACLOperationWrite},
	}
	for name, test := range map[string]struct {
		more   []permission
		create bool
		want   []string
	}{
		"nowhere":                  {nil, true, []string{"Create on the topic new"}},
		"on the topic":             {[]permission{{topic, "new", kmsg.ACLOperationCreate}}, true, nil},
		"on the cluster":           {[]permission{{cluster, "kafka-cluster", kmsg.ACLOperationCreate}}, true, nil},
		"not needed, nothing made": {nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := restricted(t, "f", append(slices.Clone(base), test.more...))
			missing, _ := rights(t, s, kafka.Need{Spec: kafka.Spec{Name: "new"}, Create: test.create})
			if diff := cmp.Diff(test.want, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			changes, err := s.Cluster.Plan(within(t, patience), kafka.Spec{Name: "new"})
			if err != nil || len(changes) != 1 || changes[0].Kind != kafka.Create {
				t.Errorf("plan afterwards: got %v and %v, want the topic still missing", changes, err)
			}
		})
	}
}

func TestRightsThatOldBrokersDoNotTellOfAreUnseen(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1), kfake.MaxVersions(kversion.V2_2_0()))
	b.make(b.stream.DeadLetters.Name, 1, nil)
	missing, unseen := rights(t, b.stream, kafka.Need{Spec: b.stream.DeadLetters.Spec})
	want := []string{"Describe, DescribeConfigs, Write on the topic " + b.stream.DeadLetters.Name, "Write on the transactional id " + b.stream.TransactionalID()}
	if diff := cmp.Diff(want, unseen); len(missing) != 0 || diff != "" {
		t.Errorf("got %q missing, want nothing; unseen (-want +got):\n%s", missing, diff)
	}
}

func TestLookingAtRightsFencesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	b.commit(session, b.stream.Feed, 1)
	for range 2 {
		if missing, _ := rights(t, b.stream, needs(b.stream)...); len(missing) != 0 {
			t.Errorf("missing on a broker without ACLs: got %q, want nothing", missing)
		}
	}
	b.commit(session, b.stream.Feed, 2)
}
