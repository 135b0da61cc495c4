package kafka

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompareTellsWhatIsWrongWithSettings(t *testing.T) {
	t.Parallel()
	good := map[string]setting{
		"cleanup.policy": {"compact", true}, "compression.type": {"producer", false}, "min.cleanable.dirty.ratio": {"0.300000", true},
		"delete.retention.ms": {"604800000", true}, "max.compaction.lag.ms": {"86400000", true}, "min.insync.replicas": {"2", true},
	}
	const gone = "gone"
	tests := map[string]struct {
		name    string
		now     setting
		want    Kind
		breaks  bool
		nothing bool
	}{
		"as it should be":                   {"compression.type", setting{"producer", false}, Keep, false, true},
		"a number printed otherwise":        {"min.cleanable.dirty.ratio", setting{"0.3", true}, Keep, false, true},
		"more replicas in sync than needed": {"min.insync.replicas", setting{"3", false}, Keep, false, true},
		"fewer of them, by default":         {"min.insync.replicas", setting{"1", false}, Set, false, false},
		"another policy":                    {"cleanup.policy", setting{"delete", false}, Set, true, false},
		"another policy, by choice":         {"cleanup.policy", setting{"compact,delete", true}, Set, true, false},
		"a default":                         {"delete.retention.ms", setting{"86400000", false}, Set, false, false},
		"somebody's choice":                 {"delete.retention.ms", setting{"86400000", true}, Advise, false, false},
		"a setting that the broker lacks":   {"max.compaction.lag.ms", setting{gone, false}, Lack, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := map[string]setting{}
			for setting, value := range good {
				have[setting] = value
			}
			have[test.name] = test.now
			if test.now.value == gone {
				delete(have, test.name)
			}
			found := compare(Spec{Name: "t", Compacted: true}, 3, have)
			if test.nothing {
				if len(found) != 0 {
					t.Errorf("got %v, want nothing", found)
				}
				return
			}
			if len(found) != 1 || found[0].Kind != test.want || found[0].Setting != test.name || found[0].Breaks != test.breaks {
				t.Errorf("got %+v, want one change of kind %d about %s, breaks %t", found, test.want, test.name, test.breaks)
			}
		})
	}
}

func TestChangesReadLikeADiff(t *testing.T) {
	t.Parallel()
	spec := Spec{Name: "t", Partitions: 6, Replication: 3}
	changes := []Change{
		{Kind: Create, Spec: spec},
		{Kind: Create, Spec: Spec{Name: "u"}},
		{Kind: Set, Spec: spec, Setting: "cleanup.policy", Now: "delete", Wanted: "compact"},
		{Kind: Set, Spec: spec, Setting: "compression.type", Wanted: "producer"},
		{Kind: Advise, Spec: spec, Setting: "retention.ms", Now: "1", Wanted: "2"},
		{Kind: Lack, Spec: spec, Setting: "max.compaction.lag.ms", Wanted: "1"},
		{Kind: Unmendable, Spec: spec, Setting: "partitions", Now: "2", Wanted: "1", Fix: "name another"},
		{Kind: Keep, Spec: spec},
	}
	want := []string{
		"+ create topic t: partitions 6, replicas 3, cleanup.policy=delete, compression.type=producer, min.insync.replicas=2, retention.ms=2592000000",
		"+ create topic u: partitions 1, replicas by the broker's default, cleanup.policy=delete, compression.type=producer, retention.ms=2592000000",
		"~ topic t: cleanup.policy delete -> compact",
		"~ topic t: compression.type (nothing) -> producer",
		"? topic t: retention.ms is 1, advised is 2: somebody chose it, so it stays",
		"  topic t: the broker has no setting max.compaction.lag.ms (advised 1)",
		"! topic t: partitions is 2, wanted 1, can't be mended: name another",
		"= topic t: as it should be",
	}
	var got []string
	for _, change := range changes {
		got = append(got, change.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
