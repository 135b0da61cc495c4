package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// State is how a subject stands at the registry.
type State struct {
	Subject string
	// ID and Version are those of this program's schema; zero means that it is not
	// registered.
	ID, Version int
	// Newest is the version that was registered last; zero means that the subject is
	// not there.
	Newest int
	// Level is the subject's compatibility level, as the registry holds it.
	Level string
	// Refused says why the registry would not take this program's schema; empty where
	// it has it, or would.
	Refused string
	// Changes are the differences from the newest version to this program's schema,
	// a line each.
	Changes []string
}

// Registered reports whether the registry has this program's schema, with the level
// that is promised.
func (s State) Registered() bool {
	return s.Version != 0 && s.Level == sr.CompatFullTransitive.String()
}

// Look says how a subject stands. It changes nothing.
func (c *Client) Look(ctx context.Context, s Subject) (State, error) {
	state := State{Subject: s.Name()}
	versions, err := c.sr.SubjectVersions(ctx, s.Name())
	switch {
	case notFound(err):
		return state, nil
	case err != nil:
		return state, c.explain("look at subject "+s.Name(), err)
	}
	state.Newest = slices.Max(versions)
	for _, result := range c.sr.Compatibility(ctx, s.Name()) {
		if result.Err != nil {
			return state, c.explain("compatibility of subject "+s.Name(), result.Err)
		}
		state.Level = result.Level.String()
	}
	found, err := c.sr.LookupSchema(ctx, s.Name(), s.schema())
	switch {
	case err == nil:
		state.ID, state.Version = found.ID, found.Version
	case !notFound(err):
		return state, c.explain("look up subject "+s.Name(), err)
	default:
		check, err := c.sr.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), s.Name(), -1, s.schema())
		if err != nil {
			return state, c.explain("check subject "+s.Name(), err)
		}
		if !check.Is {
			state.Refused = oneLine(strings.Join(check.Messages, "; "))
			if state.Refused == "" {
				state.Refused = "it is not compatible"
			}
		}
	}
	newest, err := c.sr.SchemaByVersion(ctx, s.Name(), state.Newest)
	if err != nil {
		return state, c.explain(fmt.Sprintf("get version %d of subject %s", state.Newest, s.Name()), err)
	}
	state.Changes, err = Changes(newest.Schema.Schema, s.Schema)
	return state, err
}

// Push registers a subject's schema and makes the subject FULL_TRANSITIVE. It changes
// nothing where both is so.
func (c *Client) Push(ctx context.Context, s Subject) (State, error) {
	state, err := c.Look(ctx, s)
	if err != nil || state.Registered() {
		return state, err
	}
	if err := c.setLevel(ctx, s); err != nil {
		return state, err
	}
	if _, err := c.create(ctx, s); err != nil {
		return state, err
	}
	return c.Look(ctx, s)
}

// Changes lists what differs from one Avro schema to another, by field: "+" where it is
// new, "-" where it is gone, "~" where it is another. Prose does not count.
func Changes(from, to string) ([]string, error) {
	was, err := fieldsOf(from)
	if err != nil {
		return nil, fmt.Errorf("the registered schema: %w", err)
	}
	is, err := fieldsOf(to)
	if err != nil {
		return nil, fmt.Errorf("this program's schema: %w", err)
	}
	var lines []string
	for _, f := range was {
		if now, there := is.get(f.path); !there {
			lines = append(lines, "- "+f.path+" "+f.kind)
		} else if now != f.kind {
			lines = append(lines, "~ "+f.path+" "+f.kind+" -> "+now)
		}
	}
	for _, f := range is {
		if _, there := was.get(f.path); !there {
			lines = append(lines, "+ "+f.path+" "+f.kind)
		}
	}
	return lines, nil
}

type fieldKind struct{ path, kind string }

type fieldKinds []fieldKind

func (k fieldKinds) get(path string) (string, bool) {
	i := slices.IndexFunc(k, func(f fieldKind) bool { return f.path == path })
	if i < 0 {
		return "", false
	}
	return k[i].kind, true
}

func fieldsOf(text string) (fieldKinds, error) {
	schema, err := avro.Parse(text)
	if err != nil {
		return nil, err
	}
	root := schema.Root().ExpandReferences()
	var out fieldKinds
	out.collect(root.Name, *root)
	return out, nil
}

func (k *fieldKinds) collect(path string, n avro.SchemaNode) {
	for _, f := range n.Fields {
		at := path + "." + f.Name
		kind := kindOf(f.Type)
		if f.HasDefault {
			kind += fmt.Sprintf(" = %v", f.Default)
		}
		*k = append(*k, fieldKind{at, kind})
		k.within(at, f.Type)
	}
}

func (k *fieldKinds) within(path string, n avro.SchemaNode) {
	for _, branch := range n.Branches {
		k.within(path, branch)
	}
	if n.Items != nil {
		k.within(path+"[]", *n.Items)
	}
	if n.Type == "record" {
		k.collect(path, n)
	}
}

func kindOf(n avro.SchemaNode) string {
	switch {
	case n.Type == "union":
		var branches []string
		for _, b := range n.Branches {
			branches = append(branches, kindOf(b))
		}
		return strings.Join(branches, "|")
	case n.LogicalType != "":
		return n.LogicalType
	case n.Items != nil:
		return "array of " + kindOf(*n.Items)
	case n.Values != nil:
		return "map of " + kindOf(*n.Values)
	case n.Type == "record":
		return n.Name
	}
	return n.Type
}
