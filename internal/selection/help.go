package selection

import (
	"fmt"
	"strings"
)

// The types of fields, as they are called in front of people.
const (
	kindText = "text"
	kindList = "list of texts"
	kindTime = "time"
)

// Field is a field of a career site that an expression may use.
type Field struct {
	// Name is how it is written, Type one of text, list of texts and time, Doc
	// what it holds.
	Name, Type, Doc string
}

// Fields returns all of them, in the order of the contract.
func Fields() []Field {
	return []Field{
		{"id", kindText, "the company id"},
		{"name", kindText, "its name"},
		{"website", kindText, "its own site"},
		{"logo_url", kindText, "a picture"},
		{"summary", kindText, "one paragraph"},
		{"industries", kindList, `one to three tags, such as "fintech"`},
		{"categories", kindList, `business model, such as "saas"`},
		{"linkedin_url", kindText, ""},
		{"crunchbase_url", kindText, ""},
		{"ats", kindText, `provider of the career site, such as "greenhouse"`},
		{"listing_url", kindText, "where the jobs are listed"},
		{"discovered_at", kindTime, "never changes"},
		{"updated_at", kindTime, "moves with every change"},
		{"details_url", kindText, "where the profile is"},
	}
}

func kindOf(name string) string {
	for _, f := range Fields() {
		if f.Name == name {
			return f.Type
		}
	}
	return ""
}

// Help is what users need to know of the language, for a page of help.
func Help() string {
	var b strings.Builder
	b.WriteString(`The selection is an expression over the fields of a career site; true selects
all of them, and nothing at all none but those that are asked for. Examples:

  "fintech" in industries and ats == "greenhouse"
  any(industries, # startsWith "bio") and not (ats in ["workday", "taleo"])
  lower(summary) contains "hiring" or updated_at >= "2026-01-01"

Fields:

`)
	for _, f := range Fields() {
		fmt.Fprintf(&b, "  %-15s %-14s %s\n", f.Name, f.Type, f.Doc)
	}
	b.WriteString(`
A text that is null is like an empty one, a list that is null has no elements, and
no comparison with a time that is null holds; website == nil asks for it. Texts are
compared exactly, lower() helps where case does not matter. Times are compared with
a text in RFC 3339, or a day, in UTC. There is no now(): what is chosen does not
depend on when it is asked. What a site does not have, such as the first of no
industries, chooses it not. The language is expr (https://expr-lang.org).
`)
	return strings.ReplaceAll(b.String(), " \n", "\n")
}
