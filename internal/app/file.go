package app

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// sources resolves a flag that was not given on the command line: from the
// environment, then from the YAML file.
type sources struct {
	lookup func(string) (string, bool)
	file   map[string]string // by canonical name
}

var _ kong.Resolver = (*sources)(nil)

// Validate implements kong.Resolver; the file was checked when it was read.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. A variable or a key that is set to nothing
// counts as not set, as in a compose file that passes on what may be missing,
// unless the setting has a meaning for nothing.
func (s *sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	counts := func(value string, set bool) bool { return set && (value != "" || flag.Tag.Has("empty")) }
	for _, env := range flag.Envs {
		if value, set := s.lookup(env); counts(value, set) {
			return value, nil
		}
	}
	if value, set := s.file[canonical(flag.Name)]; counts(value, set) {
		return value, nil
	}
	if len(flag.Envs) > 0 {
		// Said here even where it is nothing: kong would look into the process's
		// own environment.
		return flag.Default, nil
	}
	return nil, nil //nolint:nilnil // kong's way to say that this resolver knows nothing
}

// open reads the YAML file if one is named. It has to look for the name by
// itself: the file must be there before the flags are resolved.
func (s *sources) open(env Env) []error {
	path, _ := env.lookup("CONFIG")
	for i, arg := range env.Args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		} else if arg == "--config" && i+1 < len(env.Args) {
			path = env.Args[i+1]
		}
	}
	if path == "" {
		return nil
	}
	var problems []error
	s.file, problems = readFile(path, settingNames())
	return problems
}

// canonical makes JOBO_BASE_URL, jobo_base_url and jobo-base-url one name.
func canonical(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// readFile reads a YAML file of settings: one mapping from names to scalars or
// lists. known are the names that there are, in any program.
func readFile(path string, known []string) (map[string]string, []error) {
	content, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, []error{fmt.Errorf("CONFIG is %q: expected a YAML file that can be read; reading it says: %w", path, err)}
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: not YAML: %s", path, yaml.FormatError(err, false, false))}
	}
	values := make(map[string]string)
	var wrong []error
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		mapping, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			if single, isSingle := doc.Body.(*ast.MappingValueNode); isSingle {
				mapping = &ast.MappingNode{Values: []*ast.MappingValueNode{single}}
			} else {
				return nil, []error{fmt.Errorf("%s:%d: expected one setting a line, like kafka-brokers: localhost:9092", path, doc.Body.GetToken().Position.Line)}
			}
		}
		for _, entry := range mapping.Values {
			name, value, err := readEntry(entry, known)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, entry.Key.GetToken().Position.Line, err))
				continue
			}
			if _, twice := values[name]; twice {
				wrong = append(wrong, fmt.Errorf("%s:%d: %s is set a second time: keep one of the two", path, entry.Key.GetToken().Position.Line, name))
				continue
			}
			values[name] = value
		}
	}
	return values, wrong
}

func readEntry(entry *ast.MappingValueNode, known []string) (name, value string, err error) {
	given := entry.Key.GetToken().Value
	name = canonical(given)
	if !slices.Contains(known, name) {
		return "", "", fmt.Errorf("there is no setting %q%s", given, suggestion(name, known))
	}
	items := []ast.Node{entry.Value}
	if list, ok := entry.Value.(*ast.SequenceNode); ok {
		items = list.Values
	}
	var parts []string
	for _, item := range items {
		text, ok := scalar(item)
		if !ok {
			return "", "", fmt.Errorf("%s: expected one value or a list of values", given)
		}
		parts = append(parts, text)
	}
	return name, strings.Join(parts, ","), nil
}

// scalar returns a value as it is written: 0644 and 2026-01-31 mean to a setting
// what they would mean as a flag. Anchors, aliases and tags are no plain values.
func scalar(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.LiteralNode: // | or >, its token is the sign alone
		return strings.TrimSpace(node.Value.Value), true
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// suggestion names the setting that was probably meant, if one is near.
func suggestion(name string, known []string) string {
	best, least := "", 4
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is Levenshtein's: how many letters to insert, drop or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
