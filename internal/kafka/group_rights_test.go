package kafka_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
)

func TestRightsOfAMemberAreSeenBeforehand(t *testing.T) {
	t.Parallel()
	const topic, group, id = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTransactionalId
	reading := []permission{{topic, "sites", kmsg.ACLOperationRead}, {topic, "sites", kmsg.ACLOperationDescribeConfigs}}
	for name, c := range map[string]struct {
		more    []permission
		missing []string
	}{
		"none on the group": {
			more:    []permission{{id, "enricher.team.check", kmsg.ACLOperationWrite}},
			missing: []string{"Read on the group team"},
		},
		"none on the transactional ids": {
			more:    []permission{{group, "team", kmsg.ACLOperationRead}},
			missing: []string{"Describe, Write on the transactional ids that begin with enricher.team."},
		},
		"all": {more: []permission{{group, "team", kmsg.ACLOperationRead}, {id, "enricher.team.check", kmsg.ACLOperationWrite}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := restricted(t, "any", append(c.more, reading...))
			// Write on the topic is not there, and not needed.
			rights, err := s.Cluster.MemberRights(within(t, patience), "team", kafka.Need{Spec: s.Sites.Spec, ReadOnly: true})
			if err != nil {
				t.Fatalf("MemberRights: %v", err)
			}
			var missing []string
			for _, right := range rights.Missing {
				missing = append(missing, right.String())
				if name, is := strings.CutPrefix(right.Resource, "transactional ids"); is && !strings.HasSuffix(right.Fix, "--operation Write --resource-pattern-type prefixed --transactional-id enricher.team.") {
					t.Errorf("got the command %q for %s, want it for the prefix", right.Fix, name)
				}
			}
			if diff := cmp.Diff(c.missing, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

// A program that writes needs Write, whatever it reads.
func TestReadingAloneNeedsNoWrite(t *testing.T) {
	t.Parallel()
	s := restricted(t, "any", []permission{{kmsg.ACLResourceTypeTopic, "sites", kmsg.ACLOperationRead}, {kmsg.ACLResourceTypeTopic, "sites", kmsg.ACLOperationDescribeConfigs}})
	for need, want := range map[kafka.Need]bool{
		{Spec: s.Sites.Spec, ReadOnly: true}: false,
		{Spec: s.Sites.Spec, Read: true}:     true,
	} {
		missing, _ := rights(t, s, need)
		if got := slices.Contains(missing, "Write on the topic sites"); got != want {
			t.Errorf("%+v: got %q missing, want Write on the topic among it: %t", need, missing, want)
		}
	}
}

// The planned topics say so where partitions do not match.
func TestPlanSeesPartitionsThatMustBeEqual(t *testing.T) {
	t.Parallel()
	b := setup(t)
	spec := b.stream.Sites.Spec // it has three
	for want, exactly := range map[string]int32{"": 3, "4": 4} {
		spec.Exactly = exactly
		changes, err := b.cluster.Plan(within(t, patience), spec)
		if err != nil {
			t.Fatal(err)
		}
		wanted := ""
		for _, change := range changes {
			if change.Kind == kafka.Unmendable && change.Setting == "partitions" && change.Breaks && change.Fix != "" {
				wanted = change.Wanted
			}
		}
		if wanted != want {
			t.Errorf("exactly %d: got a wish for %q partitions, want %q", exactly, wanted, want)
		}
	}
}
