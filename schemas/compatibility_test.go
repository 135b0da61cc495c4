package schemas_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/avro"

	"github.com/careerstream/careerstream/schemas"
)

// Every version of a schema that was ever released stays in the folder of its subject,
// numbered from 1: topics are compacted, so records of all of them may be read at any
// time, and consumers upgrade before or after the programs.

// avroSubjects have an Avro schema; these are the ones of this version of the package.
var avroSubjects = map[string]string{
	schemas.CareerSitesTopic + "-value": schemas.CareerSiteAvro(),
	schemas.CompaniesTopic + "-value":   schemas.CompanyAvro(),
}

// versions are the schemas of a subject whose files end in ext, the oldest first: the
// released ones, and now unless it is the newest of them.
func versions(t *testing.T, subject, ext, now string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("released", subject, "*"+ext))
	if err != nil || len(files) == 0 {
		t.Fatalf("no released schemas of %s (%v)", subject, err)
	}
	number := func(file string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ext))
		if err != nil {
			t.Fatalf("%s is not numbered", file)
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	var texts []string
	for i, file := range files {
		if number(file) != i+1 {
			t.Fatalf("%s: version %d of %s is missing", file, i+1, subject)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[len(texts)-1] != now {
		texts = append(texts, now)
		t.Logf("the schema of %s is not released yet: copy it to released/%s/%d%s with the release", subject, subject, len(texts), ext)
	}
	return texts
}

// eachPair fails where two versions of a subject are not compatible.
func eachPair(t *testing.T, subject string, texts []string, compatible func(older, newer string) error) {
	t.Helper()
	for i, older := range texts {
		for j, newer := range texts[i:] {
			if err := compatible(older, newer); err != nil {
				t.Errorf("%s, versions %d and %d: %v", subject, i+1, i+1+j, err)
			}
		}
	}
}

// The gate: FULL_TRANSITIVE, as the registry is asked to hold it, and more.
func TestEveryReleasedAvroSchemaIsCompatibleWithEveryOther(t *testing.T) {
	t.Parallel()
	for subject, now := range avroSubjects {
		eachPair(t, subject, versions(t, subject, ".avsc", now), compatible)
	}
}

// compatible says why two schemas are not: whoever has one of them must be able to
// read what was written with the other, every field but the key must have a default,
// and every field of the older one must stay what it was.
func compatible(older, newer string) error {
	was, err := avro.Parse(older)
	if err != nil {
		return fmt.Errorf("the older schema: %w", err)
	}
	is, err := avro.Parse(newer)
	if err != nil {
		return fmt.Errorf("the newer schema: %w", err)
	}
	before, after := *was.Root().ExpandReferences(), *is.Root().ExpandReferences()
	return errors.Join(
		reads("consumers with the newer schema do not read older records", was, is),
		reads("consumers with the older schema do not read newer records", is, was),
		shapely(after, after.Name),
		kept(before, after, before.Name),
	)
}

func reads(what string, writer, reader *avro.Schema) error {
	var broken *avro.CompatibilityError
	err := avro.CheckCompatibility(writer, reader)
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &broken):
		return fmt.Errorf("%s: %w", what, err)
	case broken.WriterType == "":
		return fmt.Errorf("%s: field %s.%s: %s", what, reader.Root().Name, broken.Path, broken.Detail)
	}
	return fmt.Errorf("%s: field %s.%s: %s (written as %s, read as %s)", what, reader.Root().Name, broken.Path, broken.Detail, broken.WriterType, broken.ReaderType)
}

// shapely holds a schema to the rules that let it evolve: a field without a default
// can't be read from records of before it.
func shapely(record avro.SchemaNode, path string) error {
	var problems []error
	for _, f := range record.Fields {
		at := path + "." + f.Name
		if !f.HasDefault && f.Name != "id" {
			problems = append(problems, fmt.Errorf("field %s has no default", at))
		}
		if f.Type.Type == "union" && (len(f.Type.Branches) != 2 || f.Type.Branches[0].Type != "null") {
			problems = append(problems, fmt.Errorf("field %s is a union of other than null and one type", at))
		}
		if inner := valueType(f.Type); inner.Type == "array" && inner.Items.Type == "record" {
			problems = append(problems, shapely(*inner.Items, at))
		}
	}
	return errors.Join(problems...)
}

// kept is about what Avro's own rules let through: a field that is gone, or has another
// name, reads as null from then on, and a long of microseconds as one of milliseconds.
func kept(older, newer avro.SchemaNode, path string) error {
	var problems []error
	for _, was := range older.Fields {
		at := path + "." + was.Name
		i := slices.IndexFunc(newer.Fields, func(f avro.SchemaField) bool { return f.Name == was.Name })
		if i < 0 {
			problems = append(problems, fmt.Errorf("field %s is gone or has another name: whoever reads it would get null", at))
			continue
		}
		before, after := valueType(was.Type), valueType(newer.Fields[i].Type)
		if before.LogicalType != after.LogicalType {
			problems = append(problems, fmt.Errorf("field %s: its unit was %q and is %q", at, before.LogicalType, after.LogicalType))
		}
		if before.Type == "array" && after.Type == "array" {
			problems = append(problems, kept(*before.Items, *after.Items, at))
		}
	}
	return errors.Join(problems...)
}

// valueType is what a field holds where it is not null.
func valueType(n avro.SchemaNode) avro.SchemaNode {
	for _, branch := range n.Branches {
		if branch.Type != "null" {
			return branch
		}
	}
	return n
}

// planted is a change, and what the gate has to say about it: nothing where it is
// compatible.
type planted struct {
	old, new string
	want     []string
}

func (p planted) try(t *testing.T, schema string, compatible func(older, newer string) error) {
	t.Helper()
	changed := strings.Replace(schema, p.old, p.new, 1)
	if changed == schema {
		t.Fatal("nothing was changed")
	}
	err := compatible(schema, changed)
	if (err == nil) != (len(p.want) == 0) {
		t.Errorf("got %v, want an error with %q", err, p.want)
	}
	for _, want := range p.want {
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestTheGateNamesTheFieldAndTheReason(t *testing.T) {
	t.Parallel()
	const (
		ats   = `{"name": "ats", "type": ["null", "string"], "default": null,`
		at    = `{"name": "updated_at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": null,`
		newer = "consumers with the newer schema do not read older records: "
		older = "consumers with the older schema do not read newer records: "
	)
	for name, p := range map[string]planted{
		"another type": {
			ats, `{"name": "ats", "type": ["null", "long"], "default": null,`,
			[]string{newer + "field CareerSite.ats: writer union branch has no matching reader branch (written as union[1]:string", older + "field CareerSite.ats: "},
		},
		"no null any more": {
			ats, `{"name": "ats", "type": "string", "default": "",`,
			[]string{newer + "field CareerSite.ats: incompatible types (written as null, read as string)"},
		},
		"a new field without a default": {
			ats, `{"name": "ceo", "type": "string"},` + ats,
			[]string{newer + "field CareerSite.ceo: reader field has no default", "field CareerSite.ceo has no default"},
		},
		"no default any more": {ats, `{"name": "ats", "type": ["null", "string"],`, []string{"field CareerSite.ats has no default"}},
		"another name":        {`"name": "ats"`, `"name": "provider"`, []string{"field CareerSite.ats is gone or has another name"}},
		"another key": {
			`"name": "id", "type": "string"`, `"name": "company_id", "type": "string"`,
			[]string{older + "field CareerSite.id: reader field has no default", "field CareerSite.id is gone"},
		},
		"the record's name": {`"name": "CareerSite"`, `"name": "Site"`, []string{"record names do not match (written as world.jobo.CareerSite, read as world.jobo.Site)"}},
		"another unit": {
			at, strings.Replace(at, "micros", "millis", 1),
			[]string{`field CareerSite.updated_at: its unit was "timestamp-micros" and is "timestamp-millis"`},
		},
		"a third branch": {
			ats, `{"name": "ats", "type": ["null", "string", "long"], "default": null,`,
			[]string{older + "field CareerSite.ats: ", "field CareerSite.ats is a union of other than null and one type"},
		},
		"a new field with a default": {ats, `{"name": "ceo", "type": ["null", "string"], "default": null},` + ats, nil},
		"another meaning in words":   {"Provider of the career site", "Software behind the career site", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.try(t, schemas.CareerSiteAvro(), compatible)
		})
	}
}

func TestTheGateLooksIntoNestedRecords(t *testing.T) {
	t.Parallel()
	const count = `{"name": "investor_count", "type": ["null", "long"], "default": null,`
	for name, p := range map[string]planted{
		"another type": {
			count, strings.Replace(count, "long", "double", 1),
			[]string{"do not read newer records: field Company.funding_rounds.items.investor_count: "},
		},
		"another name":        {`"name": "investor_count"`, `"name": "investors_count"`, []string{"field Company.funding_rounds.investor_count is gone"}},
		"no default any more": {count, strings.Replace(count, ` "default": null,`, "", 1), []string{"field Company.funding_rounds.investor_count has no default"}},
		"a new field":         {count, `{"name": "round", "type": ["null", "long"], "default": null},` + count, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.try(t, schemas.CompanyAvro(), compatible)
		})
	}
}
