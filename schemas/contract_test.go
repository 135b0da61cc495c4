package schemas_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"

	"github.com/careerstream/careerstream/schemas"
)

// The Avro schemas are the reference; the Go types and the JSON Schemas say the same
// about every member: its name, its type, whether it may be null, its meaning.
func TestAvroJSONSchemaAndGoAgree(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		avro string
		goes reflect.Type
	}{
		schemas.TypeCareerSite: {schemas.CareerSiteAvro(), reflect.TypeFor[schemas.CareerSite]()},
		schemas.TypeCompany:    {schemas.CompanyAvro(), reflect.TypeFor[schemas.Company]()},
	} {
		parsed, err := avro.Parse(c.avro)
		if err != nil {
			t.Fatal(err)
		}
		doc := documentOf(t, kind)
		agree(t, kind, *parsed.Root().ExpandReferences(), doc, doc.Definitions, c.goes)
	}
}

func documentOf(t *testing.T, kind string) *document {
	t.Helper()
	doc, err := parseDocument(schemas.JSONSchema(kind))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return doc
}

func agree(t *testing.T, at string, record avro.SchemaNode, doc *document, definitions map[string]*document, goes reflect.Type) {
	t.Helper()
	goFields := make(map[string]reflect.Type)
	for i := range goes.NumField() {
		f := goes.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		goFields[name] = f.Type
	}
	last := len(record.Fields) - 1
	if extra := record.Fields[last]; extra.Name != "extra" || extra.Type.Type != "map" || extra.Type.Values.Type != "string" || !extra.HasDefault {
		t.Errorf("%s: the last field is %s, want extra, a map of texts that is empty by default", at, extra.Name)
	}
	for _, f := range record.Fields[:last] {
		where := at + "." + f.Name
		property, goType := doc.Properties[f.Name], goFields[f.Name]
		if property == nil || goType == nil {
			t.Errorf("%s: the JSON Schema has it: %v; the Go type has it: %v", where, property != nil, goType != nil)
			continue
		}
		sameMember(t, where, f, property, goType, slices.Contains(doc.Required, f.Name))
		if kind := valueType(f.Type); kind.Type == "array" && kind.Items.Type == "record" {
			name := strings.TrimPrefix(property.Items.Ref, "#/definitions/")
			if definitions[name] == nil || name != kind.Items.Name || definitions[name].Description != kind.Items.Doc {
				t.Errorf("%s: the JSON Schema calls its items %q, Avro %s (%s)", where, name, kind.Items.Name, kind.Items.Doc)
				continue
			}
			agree(t, where, *kind.Items, definitions[name], definitions, goType.Elem())
		}
	}
	if len(goFields) != last || len(doc.Properties) != last {
		t.Errorf("%s: Avro has %d members beside extra, the JSON Schema %d and the Go type %d", at, last, len(doc.Properties), len(goFields))
	}
}

// sameMember compares a member in the three languages. In Avro all but the key are
// nullable, so that an odd row fits; what may be null by contract the other two say.
func sameMember(t *testing.T, at string, f avro.SchemaField, property *document, goType reflect.Type, required bool) {
	t.Helper()
	if f.Doc == "" || property.Description != f.Doc {
		t.Errorf("%s: Avro says %q, the JSON Schema %q", at, f.Doc, property.Description)
	}
	if (f.Type.Type == "union") == (f.Name == "id") {
		t.Errorf("%s: it is a %s in Avro", at, f.Type.Type)
	}
	if nullable := slices.Contains(property.Type, "null"); nullable == required {
		t.Errorf("%s: in the JSON Schema required %v and nullable %v", at, required, nullable)
	}
	if nilable := goType.Kind() == reflect.Pointer || goType.Kind() == reflect.Slice; !required && !nilable || required && goType.Kind() == reflect.Pointer {
		t.Errorf("%s: required %v, and in Go a %s", at, required, goType)
	}
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	kind := valueType(f.Type)
	if got, want := (inTwo{goType.Kind(), property.Type[0], property.Format}), typesOf(kind); got != want {
		t.Errorf("%s: Go and JSON Schema have %v, want %v for Avro's %s", at, got, want, kind.Type)
	}
	if kind.Type == "array" && kind.Items.Type != "record" {
		if got, want := (inTwo{goType.Elem().Kind(), strings.Join(property.Items.Type, " "), ""}), typesOf(*kind.Items); got != want {
			t.Errorf("%s: Go and JSON Schema have items %v, want %v for Avro's %s", at, got, want, kind.Items.Type)
		}
	}
}

// inTwo is what an Avro type is in the two other languages.
type inTwo struct {
	goes         reflect.Kind
	json, format string
}

func typesOf(n avro.SchemaNode) inTwo {
	switch {
	case n.LogicalType == "timestamp-micros":
		return inTwo{reflect.String, "string", "date-time"}
	case n.Type == "string":
		return inTwo{reflect.String, "string", ""}
	case n.Type == "boolean":
		return inTwo{reflect.Bool, "boolean", ""}
	case n.Type == "long":
		return inTwo{reflect.Int64, "integer", ""}
	case n.Type == "double":
		return inTwo{reflect.Float64, "number", ""}
	case n.Type == "array":
		return inTwo{reflect.Slice, "array", ""}
	}
	return inTwo{}
}

// validator compiles a JSON Schema with its formats.
func validator(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schemas.JSONSchema(kind)))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return schema
}

func TestJSONSchemasTakeWhatTheContractAllows(t *testing.T) {
	t.Parallel()
	file := func(name string) string {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const row = `{"id":"a","name":"A","industries":[],"categories":["b2b"],"ats":"lever","listing_url":"https://x","updated_at":"2026-02-03T04:05:06Z"`
	for name, c := range map[string]struct {
		kind, value string
		valid       bool
	}{
		"a row":                   {schemas.TypeCareerSite, row + `,"website":null,"perks":["new"]}`, true},
		"a row without an id":     {schemas.TypeCareerSite, strings.Replace(row, `"id":"a",`, "", 1) + "}", false},
		"a row with another time": {schemas.TypeCareerSite, strings.Replace(row, "2026-02-03T04:05:06Z", "soon", 1) + "}", false},
		"a profile":               {schemas.TypeCompany, `{"id":"a","name":"A","funding_rounds":[{"investor_count":3,"new":1}]}`, true},
		"a profile of another":    {schemas.TypeCompany, `{"id":"a","name":"A","funding_rounds":["seed"]}`, false},
		"a request":               {"company-request", `{"id":"a","force":true,"requested_at":"2026-02-03T04:05:06Z"}`, true},
		"a request for a number":  {"company-request", `{"id":7}`, false},
		"progress halfway":        {"progress", file("progress-v1-halfway.json"), true},
		"progress at the end":     {"progress", file("progress-v1-finished.json"), true},
		"progress of nothing":     {"progress", `{"v":1}`, false},
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(c.value))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := validator(t, c.kind).Validate(value); (err == nil) != c.valid {
			t.Errorf("%s: got %v, want it valid: %v", name, err, c.valid)
		}
	}
}

// Every member of the Go types of progress and requests is described.
func TestJSONSchemasOfProgressAndRequestsNameEveryMember(t *testing.T) {
	t.Parallel()
	for kind, goes := range map[string]reflect.Type{"progress": reflect.TypeFor[schemas.Progress](), "company-request": reflect.TypeFor[schemas.CompanyRequest]()} {
		doc := documentOf(t, kind)
		for i := range goes.NumField() {
			name, options, _ := strings.Cut(goes.Field(i).Tag.Get("json"), ",")
			if doc.Properties[name] == nil || doc.Properties[name].Description == "" {
				t.Errorf("%s: the JSON Schema does not describe %s", kind, name)
			}
			required := slices.Contains(doc.Required, name)
			if always := options == ""; required != always {
				t.Errorf("%s: %s is required: %v, and always written: %v", kind, name, required, always)
			}
		}
		if len(doc.Properties) != goes.NumField() {
			t.Errorf("%s: the JSON Schema has %d members, the Go type %d", kind, len(doc.Properties), goes.NumField())
		}
	}
}
