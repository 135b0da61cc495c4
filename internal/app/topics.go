package app

import (
	"context"
	"fmt"
	"io"

	"github.com/careerstream/careerstream/internal/kafka"
)

// TopicsDifferError means that topics are not as they should be.
type TopicsDifferError struct {
	// Program is whose topics they are.
	Program string
	// Mended is how many of the differences `topics apply` mends, Left how many
	// it can't.
	Mended, Left int
}

// Error implements error.
func (e *TopicsDifferError) Error() string {
	switch {
	case e.Left == 0:
		return fmt.Sprintf("the topics differ in %d things: %s topics apply mends them", e.Mended, e.Program)
	case e.Mended == 0:
		return fmt.Sprintf("the topics differ in %d things that can't be mended in place: the lines with ! say what to do", e.Left)
	}
	return fmt.Sprintf("the topics differ in %d things: %s topics apply mends %d of them; for the others the lines with ! say what to do", e.Mended+e.Left, e.Program, e.Mended)
}

// TopicsPlan prints how the topics differ from what they should be, and with
// apply mends what can be mended. It returns a *TopicsDifferError where
// something is left that differs: without apply that is no failure of its own,
// and up to the verb.
func TopicsPlan(ctx context.Context, c Producer, apply bool, out io.Writer) error {
	return topicsPlan(ctx, "producer", c.Kafka, apply, out, func(context.Context, *kafka.Cluster) []kafka.Spec {
		sites, progress, letters := c.specs()
		return []kafka.Spec{sites, progress, letters}
	})
}

// topicsPlan is TopicsPlan for the topics of either program. specs may ask the
// cluster for what they depend on.
func topicsPlan(ctx context.Context, program string, config kafka.Config, apply bool, out io.Writer, specs func(context.Context, *kafka.Cluster) []kafka.Spec) error {
	if err := usableKafka(config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers took more than %s over the topics", topicsTimeout))
	defer cancel()
	cluster, err := kafka.Open(ctx, config)
	if err != nil {
		return err
	}
	defer cluster.Close()
	wanted := specs(ctx, cluster)
	changes, err := cluster.Plan(ctx, wanted...)
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Fprintln(out, change)
	}
	differ := differences(program, changes)
	if !apply || differ.Mended == 0 {
		return differ.orNil()
	}
	if err := cluster.Apply(ctx, changes); err != nil {
		return err
	}
	fmt.Fprintf(out, "applied %d changes\n", differ.Mended)
	// What was applied is looked at again: another program may have been at the
	// same topics.
	if changes, err = cluster.Plan(ctx, wanted...); err != nil {
		return err
	}
	return differences(program, changes).orNil()
}

// differences counts what is not as it should be.
func differences(program string, changes []kafka.Change) *TopicsDifferError {
	e := &TopicsDifferError{Program: program}
	for _, change := range changes {
		switch {
		case change.Mends():
			e.Mended++
		case change.Differs():
			e.Left++
		}
	}
	return e
}

// orNil is nil where nothing differs.
func (e *TopicsDifferError) orNil() error {
	if e.Mended+e.Left == 0 {
		return nil
	}
	return e
}
