package app

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/simulator"
)

// topics runs TopicsPlan and returns the first character of each line that it
// printed.
func (w *ward) topics(apply bool) (marks string, err error) {
	w.t.Helper()
	var out strings.Builder
	err = TopicsPlan(w.t.Context(), w.c, apply, &out)
	for line := range strings.Lines(out.String()) {
		if mark := line[:1]; mark != " " { // what the broker lacks
			marks += mark
		}
	}
	return marks, err
}

func (w *ward) wantPartitions(topic string, n int32) {
	w.t.Helper()
	if w.kafka.PartitionInfo(topic, n-1) == nil || w.kafka.PartitionInfo(topic, n) != nil {
		w.t.Errorf("topic %s does not have %d partitions", topic, n)
	}
}

// wantDiffer checks how many differences err says are mended by apply and left.
func wantDiffer(t *testing.T, err error, mended, left int) {
	t.Helper()
	var differ *TopicsDifferError
	if !errors.As(err, &differ) || differ.Mended != mended || differ.Left != left {
		t.Errorf("got %v, want a difference of %d to mend and %d that is left", err, mended, left)
	}
}

func TestTopicsAreComparedCreatedAndThenAsTheyShouldBe(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	for range 2 { // looking changes nothing
		marks, err := w.topics(false)
		if marks != "+++" {
			t.Errorf("got lines %q, want three topics to create", marks)
		}
		wantDiffer(t, err, 3, 0)
	}
	if marks, err := w.topics(true); marks != "+++a" || err != nil {
		t.Errorf("apply: got lines %q and %v, want +++, what was applied, and no error", marks, err)
	}
	for _, apply := range []bool{false, true} {
		if marks, err := w.topics(apply); marks != "===" || err != nil {
			t.Errorf("afterwards, apply %t: got lines %q and %v, want === and no error", apply, marks, err)
		}
	}
	w.wantPartitions("sites", 6)
}

func TestTopicsThatCannotBeMendedAreLeftAndNamed(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	w.create("sites", 6, "delete")
	w.create("progress", 2, "compact")
	marks, err := w.topics(true)
	if !strings.Contains(marks, "~") || !strings.Contains(marks, "!") || !strings.Contains(marks, "+") {
		t.Errorf("got lines %q, want +, ~ and ! among them", marks)
	}
	wantDiffer(t, err, 0, 1)
	if !strings.Contains(err.Error(), "lines with !") {
		t.Errorf("got %q, want a word on where to look", err)
	}
	w.wantPartitions("progress", 2) // as before
	if policy := w.kafka.TopicInfo("sites").Configs["cleanup.policy"]; policy == nil || *policy != "compact" {
		t.Errorf("the policy of sites was not mended")
	}
}

func TestTopicsThatMayNotBeAlteredSayWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{}, everything()...)
	w.create("sites", 6, "delete")
	w.create("progress", 1, "compact")
	w.create("letters", 1, "delete")
	marks, err := w.topics(true)
	if err == nil || !strings.Contains(err.Error(), "sites") || !strings.Contains(err.Error(), "AlterConfigs") {
		t.Errorf("got lines %q and %v, want an error that names sites and AlterConfigs", marks, err)
	}
	alter := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "sites", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAlterConfigs, Allow: true}
	allowed := newWard(t, simulator.Options{}, slices.Concat(everything(), []kfake.ACL{alter})...)
	allowed.create("sites", 6, "delete")
	allowed.create("progress", 1, "compact")
	allowed.create("letters", 1, "delete")
	if _, err := allowed.topics(true); err != nil && strings.Contains(err.Error(), "settings of topic sites") {
		t.Errorf("got %v, want sites mended", err)
	}
}
