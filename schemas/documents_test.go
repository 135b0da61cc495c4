package schemas_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careerstream/careerstream/schemas"
)

// topics are those of the contract, with what their values are described by.
var topics = map[string]string{
	schemas.CareerSitesTopic: schemas.TypeCareerSite, schemas.CompaniesTopic: schemas.TypeCompany,
	schemas.ProgressTopic: "progress", schemas.RequestsTopic: "company-request", schemas.DeadLettersTopic: "",
}

// official is a JSON Schema of somebody else, which our documents have to obey.
func official(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "official", name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// tree reads a YAML file as JSON.
func tree(t *testing.T, name string) (map[string]any, []byte) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return doc.(map[string]any), asJSON //nolint:forcetypeassert // the official schemas want an object
}

func TestAsyncAPIIsValidAndCompleteAndTrue(t *testing.T) {
	t.Parallel()
	doc, text := tree(t, "asyncapi.yaml")
	if err := official(t, "asyncapi-3.1.0").Validate(doc); err != nil {
		t.Errorf("asyncapi.yaml: %v", err)
	}
	var api struct {
		Channels map[string]struct {
			Address  string
			Bindings struct{ Kafka struct{ Topic string } }
		}
		Components struct {
			Messages map[string]struct {
				Payload struct {
					Ref string `json:"$ref"`
				}
			}
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for name, c := range api.Channels {
		addresses = append(addresses, c.Address)
		if _, known := topics[c.Address]; !known || c.Bindings.Kafka.Topic != c.Address {
			t.Errorf("channel %s has the address %s and the topic %s", name, c.Address, c.Bindings.Kafka.Topic)
		}
	}
	if len(addresses) != len(topics) {
		t.Errorf("it has the topics %v, want %d of them", addresses, len(topics))
	}
	for name, m := range api.Components.Messages {
		if _, err := os.Stat(m.Payload.Ref); err != nil && name != "deadLetter" {
			t.Errorf("message %s: %v", name, err)
		}
	}
	// Every header that the package names is described, and none that it does not.
	described := make(map[string]bool)
	for name, s := range api.Components.Schemas {
		for header := range s.Properties {
			described[header] = true
		}
		for _, header := range s.Required {
			if s.Properties[header] == nil {
				t.Errorf("%s requires %s and does not describe it", name, header)
			}
		}
	}
	for _, header := range headerNames(t) {
		if !described[header] {
			t.Errorf("header %s is not described", header)
		}
		delete(described, header)
	}
	if len(described) > 0 {
		t.Errorf("headers that do not exist are described: %v", described)
	}
}

// headerNames are the header constants of the package, as its source has them.
func headerNames(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("headers.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\tHeader\w+\s*= "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	if len(names) < 20 {
		t.Fatalf("got the headers %v", names)
	}
	return names
}

// property is a member in a data contract.
type property struct {
	Name, LogicalType, Description string
	Required                       bool
	Items                          *property
	Properties                     []property
}

func TestDataContractsAreValidAndAgreeWithTheJSONSchemas(t *testing.T) {
	t.Parallel()
	schema := official(t, "odcs-3.1.0")
	for file, topic := range map[string]string{"career-sites.odcs.yaml": schemas.CareerSitesTopic, "companies.odcs.yaml": schemas.CompaniesTopic} {
		doc, text := tree(t, file)
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		var contract struct {
			Schema []struct {
				Name       string
				Properties []property
			}
		}
		if err := json.Unmarshal(text, &contract); err != nil {
			t.Fatal(err)
		}
		if len(contract.Schema) != 1 || contract.Schema[0].Name != topic {
			t.Fatalf("%s is not about %s", file, topic)
		}
		want := documentOf(t, topics[topic])
		sameProperties(t, file, contract.Schema[0].Properties, want, want.Definitions)
	}
}

func sameProperties(t *testing.T, at string, got []property, want *document, definitions map[string]*document) {
	t.Helper()
	for _, p := range got {
		w := want.Properties[p.Name]
		if w == nil {
			t.Errorf("%s: %s is no member", at, p.Name)
			continue
		}
		kind := w.Type[0]
		if w.Format == "date-time" {
			kind = "timestamp"
		}
		if p.LogicalType != kind || p.Description != w.Description || p.Required != slices.Contains(want.Required, p.Name) {
			t.Errorf("%s: %s is %s, required %v: %q; the JSON Schema has %v %s: %q", at, p.Name, p.LogicalType, p.Required, p.Description, w.Type, w.Format, w.Description)
		}
		switch {
		case (w.Items == nil) != (p.Items == nil):
			t.Errorf("%s: %s has items %v, the JSON Schema %v", at, p.Name, p.Items, w.Items)
		case w.Items == nil:
		case w.Items.Ref != "":
			sameProperties(t, at+"."+p.Name, p.Items.Properties, definitions[strings.TrimPrefix(w.Items.Ref, "#/definitions/")], definitions)
		case p.Items.LogicalType != w.Items.Type[0]:
			t.Errorf("%s: the items of %s are %s, want %s", at, p.Name, p.Items.LogicalType, w.Items.Type[0])
		}
	}
	if len(got) != len(want.Properties) {
		t.Errorf("%s has %d members, want %d", at, len(got), len(want.Properties))
	}
}

// Each topic has a page, with every member, its type, whether it may be missing and
// what it means, or every reason.
func TestEveryTopicHasAPage(t *testing.T) {
	t.Parallel()
	for topic, kind := range topics {
		text, err := os.ReadFile(filepath.Join("docs", topic+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(text)
		if !strings.HasPrefix(page, "# "+topic+"\n") {
			t.Errorf("the page of %s has another title", topic)
		}
		if kind == "" {
			for _, reason := range schemas.Reasons() {
				if !strings.Contains(page, "`"+string(reason)+"`") {
					t.Errorf("the page of %s does not name the reason %s", topic, reason)
				}
			}
			continue
		}
		doc := documentOf(t, kind)
		_, typed := avroSubjects[topic+"-value"]
		for i, section := range strings.Split(page, "\n## ") {
			title, _, _ := strings.Cut(section, "\n")
			object := doc.Definitions[title]
			if i == 0 {
				object = doc
			}
			if object == nil {
				t.Errorf("the page of %s has a section %q, which is no object", topic, title)
				continue
			}
			sameRows(t, topic+": "+title, section, object, typed)
			delete(doc.Definitions, title)
		}
		if len(doc.Definitions) > 0 {
			t.Errorf("the page of %s lacks the sections %v", topic, slices.Sorted(maps.Keys(doc.Definitions)))
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) != len(topics) {
		t.Errorf("got the pages %v, %v; want one for each topic", pages, err)
	}
}

// sameRows compares the table of a section with an object's members. Its columns are
// the member, its type, "null" or "always" if there is such a one, and its meaning.
func sameRows(t *testing.T, at, section string, object *document, typed bool) {
	t.Helper()
	var columns []string
	rows := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		switch {
		case cells[0] == "member":
			columns = cells
			continue
		case columns == nil || !strings.HasPrefix(line, "| `"):
			continue
		}
		rows++
		name := strings.Trim(cells[0], "`")
		p := object.Properties[name]
		if p == nil {
			t.Errorf("%s: %s is no member", at, name)
			continue
		}
		want := []string{cells[0], typeText(p, typed)}
		yes := map[bool]string{true: "yes", false: "no"}
		switch required := slices.Contains(object.Required, name); {
		case slices.Contains(columns, "null"):
			want = append(want, yes[!required])
		case slices.Contains(columns, "always"):
			want = append(want, yes[required])
		}
		if want = append(want, p.Description); !slices.Equal(cells, want) {
			t.Errorf("%s: got the row %q, want %q", at, cells, want)
		}
	}
	if rows != len(object.Properties) {
		t.Errorf("%s has %d members, want %d", at, rows, len(object.Properties))
	}
}

// typeText is a type in the words of the pages: those of Avro where there is a schema.
func typeText(p *document, typed bool) string {
	switch {
	case len(p.Type) == 0:
		return "any"
	case p.Format == "date-time" && typed:
		return "instant (RFC 3339; in Avro microseconds)"
	case p.Format == "date-time":
		return p.Format
	case !typed:
		return p.Type[0]
	case p.Type[0] == "array" && p.Items.Ref != "":
		name := strings.TrimPrefix(p.Items.Ref, "#/definitions/")
		return "list of [" + name + "](#" + strings.ToLower(name) + ")"
	case p.Type[0] == "array":
		return "list of " + p.Items.Type[0] + "s"
	}
	words := map[string]string{"integer": "long", "number": "double"}
	return cmp.Or(words[p.Type[0]], p.Type[0])
}
