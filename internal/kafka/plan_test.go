package kafka_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/careerstream/careerstream/internal/kafka"
)

// plan returns what a plan would change, by setting; a Keep or Create is under
// its kind's own name.
func (b *bundle) plan(specs ...kafka.Spec) ([]kafka.Change, map[string]kafka.Kind) {
	b.t.Helper()
	changes, err := b.cluster.Plan(within(b.t, patience), specs...)
	if err != nil {
		b.t.Fatalf("Plan: %v", err)
	}
	kinds := map[string]kafka.Kind{}
	for _, change := range changes {
		switch change.Kind {
		case kafka.Keep:
			kinds["keep"] = change.Kind
		case kafka.Create:
			kinds["create"] = change.Kind
		default:
			kinds[change.Setting] = change.Kind
		}
	}
	return changes, kinds
}

func (b *bundle) apply(changes []kafka.Change) {
	b.t.Helper()
	if err := b.cluster.Apply(within(b.t, patience), changes); err != nil {
		b.t.Fatalf("Apply: %v", err)
	}
}

// wantKept checks that nothing differs any more.
func (b *bundle) wantKept(specs ...kafka.Spec) {
	b.t.Helper()
	// A real broker answers before the settings can be read from it.
	b.eventually("topics as they should be", func() bool {
		changes, _ := b.plan(specs...)
		return !slices.ContainsFunc(changes, kafka.Change.Differs)
	})
}

func TestApplyCreatesWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := connect(t, kfake.NumBrokers(1))
	s := b.stream
	specs := []kafka.Spec{s.Sites.Spec, s.Progress.Spec, s.DeadLetters.Spec}
	changes, _ := b.plan(specs...)
	if len(changes) != 3 || slices.ContainsFunc(changes, func(c kafka.Change) bool { return c.Kind != kafka.Create }) {
		t.Fatalf("plan: got %v, want three topics to be created", changes)
	}
	b.apply(changes)
	b.wantKept(specs...)
	topics, err := b.cluster.Ensure(within(t, patience), false, specs...)
	if err != nil || topics[s.Sites.Name].Partitions != 3 {
		t.Errorf("Ensure: got %+v and %v, want 3 partitions and no error", topics[s.Sites.Name], err)
	}
}

// A start that was cut off between the two requests of a creation leaves this.
func TestApplyEndsACreationThatWasCutOff(t *testing.T) {
	t.Parallel()
	b := connect(t, kfake.NumBrokers(1))
	spec := kafka.Spec{Name: unique(), Compacted: true}
	b.make(spec.Name, 1, map[string]string{"cleanup.policy": "compact"})
	changes, kinds := b.plan(spec)
	if kind, found := kinds["delete.retention.ms"]; !found || kind != kafka.Set {
		t.Errorf("plan: got %v, want delete.retention.ms to be set", changes)
	}
	b.apply(changes)
	b.wantKept(spec)
	if got := b.settingsOf(spec.Name)["delete.retention.ms"]; got != "604800000" {
		t.Errorf("delete.retention.ms: got %q, want 604800000", got)
	}
}

func TestApplyMendsAPolicyThatBreaksAPromise(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec         kafka.Spec
		policy, want string
	}{
		"career sites that expire": {kafka.Spec{Compacted: true}, "delete", "compact"},
		"compacted dead letters":   {kafka.Spec{}, "compact", "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connect(t, kfake.NumBrokers(1))
			test.spec.Name = unique()
			b.make(test.spec.Name, 2, map[string]string{"cleanup.policy": test.policy})
			changes, kinds := b.plan(test.spec)
			if kinds["cleanup.policy"] != kafka.Set || !slices.ContainsFunc(changes, func(c kafka.Change) bool { return c.Breaks && c.Mends() }) {
				t.Errorf("plan: got %v, want cleanup.policy to be set because a promise is broken", changes)
			}
			b.apply(changes)
			b.wantKept(test.spec)
			if got := b.settingsOf(test.spec.Name)["cleanup.policy"]; got != test.want {
				t.Errorf("cleanup.policy: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestApplyLeavesWhatSomebodyChose(t *testing.T) {
	t.Parallel()
	b := connect(t, kfake.NumBrokers(1))
	spec := kafka.Spec{Name: unique()}
	b.make(spec.Name, 1, map[string]string{"cleanup.policy": "delete", "retention.ms": "3600000"})
	changes, kinds := b.plan(spec)
	if kinds["retention.ms"] != kafka.Advise || slices.ContainsFunc(changes, kafka.Change.Differs) {
		t.Errorf("plan: got %v, want advice about retention.ms and no difference", changes)
	}
	before := b.settingsOf(spec.Name)
	b.apply(changes)
	if after := b.settingsOf(spec.Name); !maps.Equal(before, after) {
		t.Errorf("settings: got %v, want %v as before", after, before)
	}
}

func TestApplyNeverTouchesPartitionsOrReplicas(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1))
	spec := kafka.Spec{Name: unique(), Replication: 3, Compacted: true, Single: true}
	b.make(spec.Name, 2, map[string]string{"cleanup.policy": "compact"})
	changes, kinds := b.plan(spec)
	if kinds["partitions"] != kafka.Unmendable || kinds["replicas"] != kafka.Unmendable {
		t.Errorf("plan: got %v, want partitions and replicas that can't be mended", changes)
	}
	for _, change := range changes {
		if want := change.Setting == "partitions"; change.Breaks != want {
			t.Errorf("%v: breaks a promise %t, want %t", change, change.Breaks, want)
		}
	}
	b.apply(changes)
	left, _ := b.plan(spec)
	left = slices.DeleteFunc(left, func(c kafka.Change) bool { return !c.Differs() })
	if len(left) != 2 || left[0].Setting != "partitions" || left[1].Setting != "replicas" {
		t.Errorf("plan after Apply: got %v, want partitions and replicas alone", left)
	}
	details, err := b.admin().ListTopics(within(t, patience), spec.Name)
	if err != nil || len(details[spec.Name].Partitions) != 2 {
		t.Errorf("got %d partitions and %v, want the 2 that were there", len(details[spec.Name].Partitions), err)
	}
}

func TestApplyMendsTheRestWhereOneTopicFails(t *testing.T) {
	t.Parallel()
	b := connect(t, kfake.NumBrokers(1))
	impossible, missing := kafka.Spec{Name: unique(), Replication: 77}, kafka.Spec{Name: unique()}
	wrong := kafka.Spec{Name: unique(), Compacted: true}
	b.make(wrong.Name, 1, map[string]string{"cleanup.policy": "delete"})
	changes, _ := b.plan(impossible, missing, wrong)
	err := b.cluster.Apply(within(t, patience), changes)
	wantIn(t, err, "create topic "+impossible.Name, "INVALID_REPLICATION_FACTOR")
	b.wantKept(missing, wrong)
}
