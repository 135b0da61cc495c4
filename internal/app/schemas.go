package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/registry"
)

// schemasTimeout bounds a verb about schemas.
const schemasTimeout = 30 * time.Second

// SchemaDiffersError means that a subject is not registered as it should be.
type SchemaDiffersError struct{ Subject, Reason, Fix string }

// Error implements error.
func (e *SchemaDiffersError) Error() string {
	return fmt.Sprintf("subject %s: %s; %s", e.Subject, e.Reason, e.Fix)
}

// Schemas runs one of the verbs schemas push, schemas check and schemas diff. Check
// returns a *SchemaDiffersError where the subject is not as the program needs it.
func Schemas(ctx context.Context, v Values, s registry.Subject, verb string, env Env) error {
	client, err := v.client("jobo-schemas")
	if err != nil {
		return err
	}
	if client == nil {
		return &UsageError{Problems: []error{errors.New("SCHEMA_REGISTRY_URL is not set: it is the base URL of the schema registry; set it, as in http://localhost:8081")}}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, schemasTimeout, fmt.Errorf("the schema registry took more than %s", schemasTimeout))
	defer cancel()
	if verb == "schemas push" {
		state, err := client.Push(ctx, s)
		if err == nil {
			subjectStands(env.Stdout, state)
		}
		return err
	}
	state, err := client.Look(ctx, s)
	if err != nil {
		return err
	}
	if verb == "schemas diff" {
		difference(env.Stdout, state)
		return nil
	}
	subjectStands(env.Stdout, state)
	return judgeSubject(state)
}

func subjectStands(out io.Writer, s registry.State) {
	switch {
	case s.Newest == 0:
		fmt.Fprintf(out, "%s: not registered\n", s.Subject)
	case s.Version == 0:
		fmt.Fprintf(out, "%s: %s, version %d is another schema\n", s.Subject, s.Level, s.Newest)
	default:
		fmt.Fprintf(out, "%s: %s, version %d of %d, id %d\n", s.Subject, s.Level, s.Version, s.Newest, s.ID)
	}
}

func judgeSubject(s registry.State) error {
	switch {
	case s.Refused != "":
		return &SchemaDiffersError{s.Subject, "the registry refuses this program's schema: " + s.Refused, "schemas diff shows what differs; a program that is older than the records has to be replaced by a newer one"}
	case s.Version == 0:
		return &SchemaDiffersError{s.Subject, "this program's schema is not registered", "schemas push registers it"}
	case !s.Registered():
		return &SchemaDiffersError{s.Subject, "its compatibility is " + s.Level + ", not FULL_TRANSITIVE", "schemas push sets it"}
	}
	return nil
}

func difference(out io.Writer, s registry.State) {
	switch {
	case s.Newest == 0:
		fmt.Fprintf(out, "%s: not registered\n", s.Subject)
	case len(s.Changes) == 0:
		fmt.Fprintf(out, "%s: version %d is this program's schema\n", s.Subject, s.Newest)
	default:
		fmt.Fprintf(out, "%s: from version %d to this program's schema:\n%s\n", s.Subject, s.Newest, strings.Join(s.Changes, "\n"))
		if s.Refused != "" {
			fmt.Fprintf(out, "the registry refuses it: %s\n", s.Refused)
		}
	}
}
