package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Kind says what a Change is about.
type Kind int

// The kinds of changes.
const (
	// Keep is a topic that is as it should be.
	Keep Kind = iota
	// Create is a topic that does not exist.
	Create
	// Set is a setting that Apply gives the topic.
	Set
	// Advise is a setting that somebody chose otherwise. It breaks no promise, so
	// it is theirs: Apply leaves it.
	Advise
	// Lack is a setting that the broker does not have. Nothing depends on it.
	Lack
	// Unmendable is what no request changes without harm to the data.
	Unmendable
)

// Change is one difference between a topic as it is and as it should be.
type Change struct {
	Kind Kind
	// Spec is the topic as it should be.
	Spec Spec
	// Setting is what differs, Now its value and Wanted the one that it should
	// have. Create and Keep have none of them.
	Setting, Now, Wanted string
	// Breaks says that a promise is broken while the topic is like this: the
	// program does not start.
	Breaks bool
	// Fix is how to mend what Apply leaves; empty where Apply mends it.
	Fix string
}

// Differs reports whether the topic is not as it should be. Advice and settings
// that the broker lacks do not count.
func (c Change) Differs() bool { return c.Kind == Create || c.Kind == Set || c.Kind == Unmendable }

// Mends reports whether Apply does something about it.
func (c Change) Mends() bool { return c.Kind == Create || c.Kind == Set }

// String is the change as a line of a diff.
func (c Change) String() string {
	name := c.Spec.Name
	switch c.Kind {
	case Create:
		return fmt.Sprintf("+ create topic %s: %s", name, c.Spec.describe())
	case Set:
		return fmt.Sprintf("~ topic %s: %s %s -> %s", name, c.Setting, orNothing(c.Now), c.Wanted)
	case Advise:
		return fmt.Sprintf("? topic %s: %s is %s, advised is %s: somebody chose it, so it stays", name, c.Setting, orNothing(c.Now), c.Wanted)
	case Lack:
		return fmt.Sprintf("  topic %s: the broker has no setting %s (advised %s)", name, c.Setting, c.Wanted)
	case Unmendable:
		return fmt.Sprintf("! topic %s: %s is %s, wanted %s, can't be mended: %s", name, c.Setting, c.Now, c.Wanted, c.Fix)
	default:
		return fmt.Sprintf("= topic %s: as it should be", name)
	}
}

func orNothing(value string) string {
	if value == "" {
		return "(nothing)"
	}
	return value
}

// describe is what a topic is created as.
func (s Spec) describe() string {
	replicas := "replicas by the broker's default"
	if s.Replication > 0 {
		replicas = fmt.Sprintf("replicas %d", s.Replication)
	}
	text := fmt.Sprintf("partitions %d, %s", max(s.Partitions, 1), replicas)
	want := s.settings(int(s.Replication))
	for _, name := range slices.Sorted(maps.Keys(want)) {
		text += ", " + name + "=" + want[name]
	}
	return text
}

// Plan says, topic by topic, what is missing or differs from what the topics
// should be, and a Keep for each that lacks nothing. It changes nothing. It needs
// Describe and DescribeConfigs on the topics.
func (c *Cluster) Plan(ctx context.Context, specs ...Spec) ([]Change, error) {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	details, err := c.list(ctx, names)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, spec := range specs {
		detail := details[spec.Name]
		if errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
			changes = append(changes, Change{Kind: Create, Spec: spec})
			continue
		}
		if detail.Err != nil {
			return nil, fmt.Errorf("topic %s: %w", spec.Name, classify(detail.Err))
		}
		configs, err := c.configs(ctx, spec.Name)
		if err != nil {
			return nil, err
		}
		found := append(c.shape(asFound(spec, detail)), compare(spec, detail.Partitions.NumReplicas(), configs)...)
		if !slices.ContainsFunc(found, Change.Differs) {
			changes = append(changes, Change{Kind: Keep, Spec: spec})
		}
		changes = append(changes, found...)
	}
	return changes, nil
}

// shape is what is wrong with partitions and replicas. Partitions can only be
// added, which would move companies to others and with it break their order;
// replicas only be assigned by an operator, who knows the brokers.
func (c *Cluster) shape(topic Topic) []Change {
	var found []Change
	if topic.Single && topic.Partitions != 1 {
		found = append(found, Change{
			Kind: Unmendable, Spec: topic.Spec, Setting: "partitions", Breaks: true,
			Now: strconv.Itoa(int(topic.Partitions)), Wanted: "1", Fix: "its records must be in one order: name another topic, which is then created",
		})
	}
	if want := topic.Exactly; want > 0 && topic.Partitions != want {
		found = append(found, Change{
			Kind: Unmendable, Spec: topic.Spec, Setting: "partitions", Breaks: true,
			Now: strconv.Itoa(int(topic.Partitions)), Wanted: strconv.Itoa(int(want)), Fix: c.repartition(topic),
		})
	}
	if want := int(topic.Spec.Replication); want > 0 && topic.Replication != want {
		found = append(found, Change{
			Kind: Unmendable, Spec: topic.Spec, Setting: "replicas", Now: strconv.Itoa(topic.Replication), Wanted: strconv.Itoa(want),
			Fix: "kafka-reassign-partitions.sh gives it others, or set TOPIC_REPLICATION_FACTOR to what it has",
		})
	}
	return found
}

// compare is what differs between the settings that a topic has and those that
// it should have. A default that differs is taken for a creation that was cut
// off before its second request, so it is set.
func compare(spec Spec, replicas int, have map[string]setting) []Change {
	var found []Change
	want := spec.settings(replicas)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		now, known := have[name]
		change := Change{Kind: Set, Spec: spec, Setting: name, Now: now.value, Wanted: want[name]}
		switch {
		case name == "cleanup.policy" && spec.keeps(now.value), same(name, now.value, want[name]):
			continue
		case name == "cleanup.policy":
			change.Breaks = true
		case !known:
			change.Kind = Lack
		case now.chosen:
			change.Kind = Advise
			change.Fix = fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s", spec.Name, name, want[name])
		}
		found = append(found, change)
	}
	return found
}

// same reports whether a setting is as good as the wanted one. Brokers print
// numbers as they like, 0.3 as 0.300000.
func same(name, now, want string) bool {
	a, errA := strconv.ParseFloat(now, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA != nil || errB != nil {
		return now == want
	}
	return a == b || name == "min.insync.replicas" && a > b
}

// Apply creates the missing topics of a Plan and sets what it says is to be set,
// and waits until the brokers report it. It never changes the partitions of a
// topic that exists, nor a setting that somebody chose. All that went wrong is
// reported at once.
func (c *Cluster) Apply(ctx context.Context, changes []Change) error {
	var problems []error
	set := make(map[string]map[string]string)
	for _, change := range changes {
		switch name := change.Spec.Name; change.Kind {
		case Create:
			if err := c.createWhole(ctx, change.Spec); err != nil {
				problems = append(problems, err)
			}
		case Set:
			if set[name] == nil {
				set[name] = make(map[string]string)
			}
			set[name][change.Setting] = change.Wanted
		default: // nothing to be done
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		err := c.alter(ctx, name, set[name])
		if err == nil {
			err = c.awaitSettings(ctx, name, set[name])
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// createWhole creates a topic, and waits for its settings where it is ours.
func (c *Cluster) createWhole(ctx context.Context, spec Spec) error {
	topic, err := c.create(ctx, spec)
	if err != nil || !topic.Created {
		return err
	}
	want := spec.settings(topic.Replication)
	for _, lacking := range topic.Ignored {
		delete(want, lacking)
	}
	return c.awaitSettings(ctx, spec.Name, want)
}

// awaitSettings returns when the brokers report the settings: the controller
// takes them first and tells the others.
func (c *Cluster) awaitSettings(ctx context.Context, name string, want map[string]string) error {
	for {
		have, err := c.configs(ctx, name)
		if err != nil {
			return err
		}
		late := ""
		for setting, value := range want {
			if !same(setting, have[setting].value, value) {
				late = setting
			}
		}
		if late == "" {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("topic %s: %s was set and is not reported yet: %w", name, late, err)
		}
	}
}
