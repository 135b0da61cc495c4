package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/careerstream/careerstream/internal/registry"
)

// registryItems are none where values are JSON.
func registryItems(v Values, s registry.Subject) []item {
	if !v.Avro {
		return nil
	}
	return []item{{"schema registry", schemaRegistry(v, s)}}
}

// schemaRegistry looks whether the schema of what is published is registered.
func schemaRegistry(v Values, s registry.Subject) func(ctx context.Context) []finding {
	return func(ctx context.Context) []finding {
		client, err := v.client("jobo-check")
		if err != nil {
			return one(fail, err.Error(), "check the SCHEMA_REGISTRY settings")
		}
		defer client.Close()
		state, err := client.Look(ctx, s)
		var away *registry.Error
		switch {
		case errors.As(err, &away):
			return one(fail, fmt.Sprintf("schema registry at %s: %s: %s", away.URL, away.Doing, away.Reason), away.Fix)
		case err != nil:
			return one(fail, err.Error(), "check SCHEMA_REGISTRY_URL")
		}
		var differs *SchemaDiffersError
		switch err := judgeSubject(state); {
		case err == nil:
			return one(okay, fmt.Sprintf("subject %s, version %d, %s", state.Subject, state.Version, state.Level), "")
		case !errors.As(err, &differs):
			return one(fail, err.Error(), "")
		case state.Refused != "" || state.Version == 0 && !v.AutoRegister:
			return one(fail, "subject "+differs.Subject+": "+differs.Reason, differs.Fix)
		case state.Version == 0:
			return one(okay, "subject "+differs.Subject+": not registered yet; the start registers it", "")
		default:
			return one(warn, "subject "+differs.Subject+": "+differs.Reason, differs.Fix)
		}
	}
}
