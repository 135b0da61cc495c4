package app

import (
	"context"
	"fmt"
	"io"

	"github.com/careerstream/careerstream/internal/kafka"
)

// TopicsDifferError means that topics are not as they should be.
type TopicsDifferError struct {
	// Mended is how many of the differences `topics apply` mends, Left how many
	// it can't.
	Mended, Left int
}

// Error implements error.
func (e *TopicsDifferError) Error() string {
	switch {
	case e.Left == 0:
		return fmt.Sprintf("the topics differ in %d things: producer topics apply mends them", e.Mended)
	case e.Mended == 0:
		return fmt.Sprintf("the topics differ in %d things that can't be mended in place: the lines with ! say what to do", e.Left)
	}
	return fmt.Sprintf("the topics differ in %d things: producer topics apply mends %d of them; for the others the lines with ! say what to do", e.Mended+e.Left, e.Mended)
}

// TopicsPlan prints how the topics differ from what they should be, and with
// apply mends what can be mended. It returns a *TopicsDifferError where
// something is left that differs: without apply that is no failure of its own,
// and up to the verb.
func TopicsPlan(ctx context.Context, c Producer, apply bool, out io.Writer) error {
	if err := c.usableKafka(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers took more than %s over the topics", topicsTimeout))
	defer cancel()
	cluster, err := kafka.Open(ctx, c.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	sites, progress, letters := c.specs()
	changes, err := cluster.Plan(ctx, sites, progress, letters)
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Fprintln(out, change)
	}
	differ := differences(changes)
	if !apply || differ.Mended == 0 {
		return differ.orNil()
	}
	if err := cluster.Apply(ctx, changes); err != nil {
		return err
	}
	fmt.Fprintf(out, "applied %d changes\n", differ.Mended)
	// What was applied is looked at again: another program may have been at the
	// same topics.
	if changes, err = cluster.Plan(ctx, sites, progress, letters); err != nil {
		return err
	}
	return differences(changes).orNil()
}

// differences counts what is not as it should be.
func differences(changes []kafka.Change) *TopicsDifferError {
	e := new(TopicsDifferError)
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
