package schemas_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/schemas"
)

// document is a JSON Schema, with the keywords that ours use. parseDocument refuses
// every other one, so that none is used that the gate does not judge.
type document struct {
	Schema      string               `json:"$schema"`
	ID          string               `json:"$id"`
	Comment     string               `json:"$comment"`
	Title       string               `json:"title"`
	Description string               `json:"description"`
	Ref         string               `json:"$ref"`
	Definitions map[string]*document `json:"definitions"`

	Type       oneOrMore            `json:"type"`
	Enum       []string             `json:"enum"`
	Format     string               `json:"format"`
	MinLength  *float64             `json:"minLength"`
	MaxLength  *float64             `json:"maxLength"`
	Minimum    *float64             `json:"minimum"`
	Required   []string             `json:"required"`
	Properties map[string]*document `json:"properties"`
	Items      *document            `json:"items"`
	Additional any                  `json:"additionalProperties"`
}

// oneOrMore are the names of types: draft-07 has a string or a list.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) == nil {
		*o = oneOrMore{name}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

func parseDocument(text string) (*document, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	doc := new(document)
	return doc, dec.Decode(doc)
}

// jsonSubjects are the topics whose values have a JSON Schema.
var jsonSubjects = map[string]string{
	schemas.CareerSitesTopic: schemas.TypeCareerSite, schemas.CompaniesTopic: schemas.TypeCompany,
	schemas.RequestsTopic: "company-request", schemas.ProgressTopic: "progress",
}

func TestEveryReleasedJSONSchemaIsCompatibleWithEveryOther(t *testing.T) {
	t.Parallel()
	for topic, kind := range jsonSubjects {
		subject := topic + "-value"
		eachPair(t, subject, versions(t, subject, ".schema.json", schemas.JSONSchema(kind)), compatibleJSON)
	}
}

// compatibleJSON says why the newer schema may not follow the older one: it has to
// take every value that the older one took, and to promise what that one promised.
// New members are free: the objects are open, and whoever does not know them passes
// over them.
func compatibleJSON(older, newer string) error {
	was, err := parseDocument(older)
	if err != nil {
		return fmt.Errorf("the older schema: %w", err)
	}
	is, err := parseDocument(newer)
	if err != nil {
		return fmt.Errorf("the newer schema: %w", err)
	}
	if was.Title != is.Title {
		return fmt.Errorf("schema %s is called %s now", was.Title, is.Title)
	}
	return widens(was, is, was.Definitions, is.Definitions, was.Title)
}

// widens compares two schemas of the same member.
func widens(was, is *document, wasDefs, isDefs map[string]*document, at string) error {
	if was.Ref != "" || is.Ref != "" {
		if was.Ref != is.Ref {
			return fmt.Errorf("field %s: it was a %q and is a %q", at, was.Ref, is.Ref)
		}
		name := strings.TrimPrefix(was.Ref, "#/definitions/")
		if wasDefs[name] == nil || isDefs[name] == nil {
			return fmt.Errorf("field %s: there is no definition %s", at, name)
		}
		return widens(wasDefs[name], isDefs[name], wasDefs, isDefs, at)
	}
	var problems []error
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("field "+at+": "+format, args...))
	}
	if !allows(is.Type, was.Type) {
		say("its type was %v and is %v: types only widen", was.Type, is.Type)
	}
	if !allows(is.Enum, was.Enum) {
		say("its values were %v and are %v: they only become more", was.Enum, is.Enum)
	}
	if is.Format != "" && is.Format != was.Format {
		say("its format was %q and is %q", was.Format, is.Format)
	}
	if above(is.MinLength, was.MinLength) || above(is.Minimum, was.Minimum) || above(negated(is.MaxLength), negated(was.MaxLength)) {
		say("its bounds are tighter than they were")
	}
	if is.Additional != nil && !reflect.DeepEqual(is.Additional, was.Additional) {
		say("members that it does not name were allowed (%v) and are limited (%v)", was.Additional, is.Additional)
	}
	for _, name := range was.Required {
		if !slices.Contains(is.Required, name) {
			say("member %s was always there and need not be any more", name)
		}
	}
	for _, name := range is.Required {
		if !slices.Contains(was.Required, name) {
			say("member %s is required, and older records need not have it", name)
		}
	}
	for name, before := range was.Properties {
		if after := is.Properties[name]; after != nil {
			problems = append(problems, widens(before, after, wasDefs, isDefs, at+"."+name))
		} else {
			say("member %s is gone or has another name", name)
		}
	}
	switch {
	case was.Items == nil && is.Items != nil:
		say("its items were anything and are limited")
	case was.Items != nil && is.Items != nil:
		problems = append(problems, widens(was.Items, is.Items, wasDefs, isDefs, at))
	}
	return errors.Join(problems...)
}

// allows reports whether all names of before are among after; none means anything.
// Every integer is a number.
func allows(after, before []string) bool {
	if len(after) == 0 || len(before) == 0 {
		return len(after) == 0
	}
	return !slices.ContainsFunc(before, func(name string) bool {
		return !slices.Contains(after, name) && (name != "integer" || !slices.Contains(after, "number"))
	})
}

// above reports whether a lower bound is tighter than it was; nil is no bound.
func above(is, was *float64) bool { return is != nil && (was == nil || *is > *was) }

// negated turns an upper bound into a lower one.
func negated(bound *float64) *float64 {
	if bound == nil {
		return nil
	}
	return new(-*bound)
}

func TestTheGateOfJSONSchemasNamesTheFieldAndTheReason(t *testing.T) {
	t.Parallel()
	const (
		ats   = `"ats": {` + "\n" + `      "type": "string",`
		count = `"investor_count": {` + "\n" + `          "type": [` + "\n" + `            "integer",`
	)
	for name, p := range map[string]struct {
		kind string
		planted
	}{
		"another type":         {schemas.TypeCareerSite, planted{ats, strings.Replace(ats, "string", "integer", 1), []string{"field CareerSite.ats: its type was [string] and is [integer]: types only widen"}}},
		"a wider type":         {schemas.TypeCareerSite, planted{ats, strings.Replace(ats, `"string"`, `["string", "null"]`, 1), nil}},
		"a nested wider type":  {schemas.TypeCompany, planted{count, strings.Replace(count, "integer", "number", 1), nil}},
		"a nested other type":  {schemas.TypeCompany, planted{count, strings.Replace(count, "integer", "string", 1), []string{"field Company.funding_rounds.investor_count: its type was"}}},
		"another name":         {schemas.TypeCareerSite, planted{`"website": {`, `"homepage": {`, []string{"field CareerSite: member website is gone or has another name"}}},
		"a new member":         {schemas.TypeCareerSite, planted{`"website": {`, `"ceo": {"type": "string"}, "website": {`, nil}},
		"a new required one":   {schemas.TypeCareerSite, planted{`"ats",`, `"ats", "website",`, []string{"member website is required, and older records need not have it"}}},
		"no promise any more":  {schemas.TypeCareerSite, planted{`"ats",`, ``, []string{"field CareerSite: member ats was always there"}}},
		"no null any more":     {schemas.TypeCareerSite, planted{`"string",` + "\n" + `        "null"`, `"string"`, []string{"field CareerSite.website: its type was [string null] and is [string]"}}},
		"a format":             {schemas.TypeCareerSite, planted{ats, ats + ` "format": "uri",`, []string{`field CareerSite.ats: its format was "" and is "uri"`}}},
		"a bound":              {schemas.TypeCareerSite, planted{ats, ats + ` "maxLength": 9,`, []string{"field CareerSite.ats: its bounds are tighter"}}},
		"a tighter bound":      {"company-request", planted{`"maxLength": 512`, `"maxLength": 511`, []string{"field CompanyRequest.id: its bounds are tighter"}}},
		"a looser bound":       {"company-request", planted{`"maxLength": 512`, `"maxLength": 513`, nil}},
		"a closed object":      {schemas.TypeCareerSite, planted{`"required"`, `"additionalProperties": false, "required"`, []string{"field CareerSite: members that it does not name were allowed"}}},
		"a value less":         {"progress", planted{`"backfill",`, ``, []string{"field Progress.mode: its values were [backfill incremental] and are [incremental]"}}},
		"a value more":         {"progress", planted{`"backfill",`, `"backfill", "repair",`, nil}},
		"items of a kind":      {"progress", planted{`"type": "object"` + "\n      }", `"type": "string"` + "\n      }", []string{"field Progress.purchases: its type was [object] and is [string]"}}},
		"a keyword of no rule": {schemas.TypeCareerSite, planted{ats, ats + ` "pattern": "^a",`, []string{`unknown field "pattern"`}}},
		"other records":        {schemas.TypeCompany, planted{"#/definitions/FundingRound", "#/definitions/Leader", []string{"field Company.funding_rounds: it was a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.try(t, schemas.JSONSchema(p.kind), compatibleJSON)
		})
	}
}
