package kafka_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
)

// permission is one ACL of the user that the program signs in as.
type permission struct {
	resource  kmsg.ACLResourceType
	name      string
	operation kmsg.ACLOperation
}

// restricted starts a broker on which the program may do what permissions say,
// and returns the stream of a program that signed in.
func restricted(t *testing.T, feed string, permissions []permission) *kafka.Stream {
	t.Helper()
	acls := make([]kfake.ACL, len(permissions))
	for i, p := range permissions {
		acls[i] = kfake.ACL{Resource: p.resource, Name: p.name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: p.operation, Allow: true}
	}
	ca := newAuthority(t)
	fake := startFake(t, kfake.NumBrokers(1), kfake.TLS(ca.server("")), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser(kafka.ScramSHA256, "root", password), kfake.User(kafka.ScramSHA512, "careerstream", password, acls...))
	for _, topic := range []string{"sites", "progress", "letters"} {
		policy := "compact"
		if topic == "letters" {
			policy = "delete"
		}
		if err := fake.CreateTopic(topic, 1, map[string]string{"cleanup.policy": policy}); err != nil {
			t.Fatalf("create %s: %v", topic, err)
		}
	}
	cluster := open(t, kafka.Config{
		Brokers: fake.ListenAddrs(), TLS: true, CA: ca.file,
		Mechanism: kafka.ScramSHA512, Username: "careerstream", Password: secret.New(password),
	})
	return &kafka.Stream{
		Cluster: cluster, Feed: feed,
		Sites:       kafka.Topic{Spec: kafka.Spec{Name: "sites", Compacted: true}},
		Progress:    kafka.Topic{Spec: kafka.Spec{Name: "progress", Compacted: true, Single: true}},
		DeadLetters: kafka.Topic{Spec: kafka.Spec{Name: "letters"}},
	}
}

// work does everything that the program does to topics that exist, and returns
// what stopped it.
func work(t *testing.T, s *kafka.Stream) error {
	t.Helper()
	ctx := within(t, patience)
	if _, err := s.Cluster.Ensure(ctx, true, s.Sites.Spec, s.Progress.Spec, s.DeadLetters.Spec); err != nil {
		return err
	}
	session, err := s.Fence(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	b := &bundle{t: t, stream: s}
	if err := session.Commit(ctx, b.rows(s.Feed, 3), pages(page(s.Feed, 1)), allow); err != nil {
		return err
	}
	if _, _, _, err := session.Progress(ctx); err != nil {
		return err
	}
	_, err = s.Foreign(ctx, nil)
	return err
}

// enough are the permissions that the producer of a feed needs, and no more.
func enough(feed string) []permission {
	const topic, id = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTransactionalId
	return []permission{
		{id, "feed-producer." + feed, kmsg.ACLOperationWrite},
		{topic, "sites", kmsg.ACLOperationWrite},
		{topic, "sites", kmsg.ACLOperationRead},
		{topic, "sites", kmsg.ACLOperationDescribeConfigs},
		{topic, "progress", kmsg.ACLOperationWrite},
		{topic, "progress", kmsg.ACLOperationRead},
		{topic, "progress", kmsg.ACLOperationDescribeConfigs},
		{topic, "letters", kmsg.ACLOperationWrite},
		{topic, "letters", kmsg.ACLOperationDescribeConfigs},
	}
}

func TestEveryPermissionIsNeededAndNamed(t *testing.T) {
	t.Parallel()
	const feed = "career-sites"
	all := enough(feed)
	t.Run("all of them are enough", func(t *testing.T) {
		t.Parallel()
		if err := work(t, restricted(t, feed, all)); err != nil {
			t.Errorf("with every permission: %v", err)
		}
	})
	for i, missing := range all {
		t.Run("without "+missing.operation.String()+" on "+missing.name, func(t *testing.T) {
			t.Parallel()
			err := work(t, restricted(t, feed, slices.Delete(slices.Clone(all), i, i+1)))
			where, operation := missing.name, map[kmsg.ACLOperation]string{
				kmsg.ACLOperationWrite: "Write", kmsg.ACLOperationRead: "Read", kmsg.ACLOperationDescribeConfigs: "DescribeConfigs",
			}[missing.operation]
			wantIn(t, err, where, "ACL on the ", operation)
			if !retry.IsPermanent(err) {
				t.Errorf("got %v, which is worth another try; want a permanent error", err)
			}
		})
	}
}

func TestUserWhoMayNotCreateTopicsIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	const feed = "career-sites"
	s := restricted(t, feed, []permission{{kmsg.ACLResourceTypeTopic, "new", kmsg.ACLOperationDescribe}})
	_, err := s.Cluster.Ensure(within(t, patience), true, kafka.Spec{Name: "new"})
	wantIn(t, err, "create topic new", "Create", "TOPICS_CREATE")
	if !retry.IsPermanent(err) {
		t.Errorf("got %v, which is worth another try; want a permanent error", err)
	}
}

func TestUserWhoMaySeeNothingIsToldSo(t *testing.T) {
	t.Parallel()
	s := restricted(t, "career-sites", nil)
	_, err := s.Cluster.Ensure(within(t, patience), false, s.Sites.Spec)
	wantIn(t, err, "sites", "TOPIC_AUTHORIZATION_FAILED", "Describe")
	if !retry.IsPermanent(err) {
		t.Errorf("got %v, which is worth another try; want a permanent error", err)
	}
}
