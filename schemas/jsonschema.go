package schemas

import "embed"

// The JSON Schemas (draft-07) of the values, for whoever checks JSON. They leave the
// objects open: members may appear at any time, and reach consumers as they are.
//
//go:embed jsonschema/*.schema.json
var jsonSchemas embed.FS

// JSONSchema returns the JSON Schema of a record's value by its CloudEvents type,
// TypeCareerSite or TypeCompany, or of the records that have none: "company-request"
// and "progress". It is empty for everything else.
func JSONSchema(kind string) string {
	name := map[string]string{TypeCareerSite: "career-site", TypeCompany: "company", "company-request": kind, "progress": kind}[kind]
	text, err := jsonSchemas.ReadFile("jsonschema/" + name + ".schema.json")
	if err != nil {
		return ""
	}
	return string(text)
}
