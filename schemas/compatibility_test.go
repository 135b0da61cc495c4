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

// released are the subjects, with the schema of this version of the package. Every
// version that was ever released stays in the folder of its subject, numbered from 1:
// topics are compacted, so records of all of them may be read at any time, and
// consumers upgrade before or after the programs.
var released = map[string]string{
	schemas.CareerSitesTopic + "-value": schemas.CareerSiteAvro(),
	schemas.CompaniesTopic + "-value":   schemas.CompanyAvro(),
}

// versions are the released schemas of a subject, the oldest first.
func versions(t *testing.T, subject string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("released", subject, "*.avsc"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no released schemas of %s (%v)", subject, err)
	}
	number := func(file string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".avsc"))
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
	return texts
}

// compatible says why two schemas are not: whoever has one of them must be able to
// read what was written with the other, and every field but the key must have a
// default, or it could never be taken away again.
func compatible(older, newer string) error {
	was, err := avro.Parse(older)
	if err != nil {
		return fmt.Errorf("the older schema: %w", err)
	}
	is, err := avro.Parse(newer)
	if err != nil {
		return fmt.Errorf("the newer schema: %w", err)
	}
	return errors.Join(
		reads("consumers with the newer schema do not read older records", was, is),
		reads("consumers with the older schema do not read newer records", is, was),
		defaults(*is.Root().ExpandReferences(), is.Root().Name),
		sameUnits(*was.Root().ExpandReferences(), *is.Root().ExpandReferences()),
	)
}

// sameUnits is about what Avro's own rules do not see: a long of microseconds is read
// as one of milliseconds.
func sameUnits(older, newer avro.SchemaNode) error {
	was := units(older)
	var problems []error
	for field, unit := range units(newer) {
		if before, ok := was[field]; ok && before != unit {
			problems = append(problems, fmt.Errorf("field %s: its unit was %q and is %q", field, before, unit))
		}
	}
	return errors.Join(problems...)
}

func units(record avro.SchemaNode) map[string]string {
	out := make(map[string]string)
	for _, f := range record.Fields {
		for _, branch := range append(f.Type.Branches, f.Type) {
			if branch.Type != "union" && branch.Type != "null" {
				out[f.Name] = branch.LogicalType
			}
		}
	}
	return out
}

func reads(what string, writer, reader *avro.Schema) error {
	var broken *avro.CompatibilityError
	if err := avro.CheckCompatibility(writer, reader); errors.As(err, &broken) {
		return fmt.Errorf("%s: field %s: %s (written as %s, read as %s)", what, broken.Path, broken.Detail, broken.WriterType, broken.ReaderType)
	} else if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func defaults(record avro.SchemaNode, path string) error {
	var problems []error
	for _, f := range record.Fields {
		at := path + "." + f.Name
		if !f.HasDefault && f.Name != "id" {
			problems = append(problems, fmt.Errorf("field %s has no default", at))
		}
		for _, inner := range append(f.Type.Branches, f.Type) {
			if inner.Type == "array" && inner.Items.Type == "record" {
				problems = append(problems, defaults(*inner.Items, at))
			}
		}
		if f.Type.Type == "union" && (len(f.Type.Branches) != 2 || f.Type.Branches[0].Type != "null") {
			problems = append(problems, fmt.Errorf("field %s is a union of other than null and one type", at))
		}
	}
	return errors.Join(problems...)
}

// The gate: FULL_TRANSITIVE, as the registry is asked to hold it.
func TestEveryReleasedSchemaIsCompatibleWithEveryOther(t *testing.T) {
	t.Parallel()
	for subject, now := range released {
		texts := versions(t, subject)
		newest := len(texts)
		if canonical(t, texts[newest-1]) != canonical(t, now) {
			texts = append(texts, now)
			t.Logf("%s: the schema is not released yet; copy it to released/%s/%d.avsc with the release", subject, subject, newest+1)
		}
		for i, older := range texts {
			for j, newer := range texts[i:] {
				if err := compatible(older, newer); err != nil {
					t.Errorf("%s, versions %d and %d: %v", subject, i+1, i+1+j, err)
				}
			}
		}
	}
}

// canonical is a schema without its prose (Avro's Parsing Canonical Form).
func canonical(t *testing.T, text string) string {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Canonical())
}

func TestTheGateNamesWhatBreaks(t *testing.T) {
	t.Parallel()
	const field = `{"name": "ats", "type": ["null", "string"], "default": null,`
	for name, c := range map[string]struct{ old, new, want string }{
		"another type":        {field, `{"name": "ats", "type": ["null", "long"], "default": null,`, "field ats: "},
		"no null any more":    {field, `{"name": "ats", "type": "string", "default": "",`, "field ats: "},
		"a new required one":  {field, `{"name": "ceo", "type": "string"},` + field, "field CareerSite.ceo has no default"},
		"no default any more": {field, `{"name": "ats", "type": ["null", "string"],`, "CareerSite.ats has no default"},
		"another name":        {`"name": "id", "type": "string"`, `"name": "company_id", "type": "string"`, "field CareerSite.company_id has no default"},
		"the record's name":   {`"name": "CareerSite"`, `"name": "Site"`, "CareerSite"},
		"another instant":     {`"timestamp-micros"}], "default": null, "doc": "When the profile`, `"timestamp-millis"}], "default": null, "doc": "When the profile`, "field updated_at: its unit"},
		"a third branch":      {field, `{"name": "ats", "type": ["null", "string", "long"], "default": null,`, "field ats: "},
	} {
		newer := strings.Replace(schemas.CareerSiteAvro(), c.old, c.new, 1)
		if newer == schemas.CareerSiteAvro() {
			t.Fatalf("%s: nothing was changed", name)
		}
		err := compatible(schemas.CareerSiteAvro(), newer)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error about %s", name, err, c.want)
		}
	}
	newer := strings.Replace(schemas.CareerSiteAvro(), field, `{"name": "ceo", "type": ["null", "string"], "default": null},`+field, 1)
	if err := compatible(schemas.CareerSiteAvro(), newer); err != nil {
		t.Errorf("a new field with a default: got %v, want it to be compatible", err)
	}
}
