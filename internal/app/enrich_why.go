package app

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/careerstream/careerstream/internal/selection"
)

// whyMost is how much of one field is shown, in bytes.
const whyMost = 80

// why shows the fields of a career site that a selection speaks of.
func why(expression string, site []byte) string {
	var row map[string]json.RawMessage
	if json.Unmarshal(site, &row) != nil {
		return ""
	}
	var shown []string
	for _, field := range mentioned(expression) {
		value := row[field]
		if value == nil {
			value = []byte("null")
		}
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			shown = append(shown, field+"="+clipped(compact.String()))
		}
	}
	return strings.Join(shown, " ")
}

// clipped is a text without its end if it is long.
func clipped(text string) string {
	if len(text) <= whyMost {
		return text
	}
	return strings.ToValidUTF8(text[:whyMost], "") + "..."
}

// mentioned are the fields that an expression names, each once. What is between
// quotes is text and no name.
func mentioned(expression string) []string {
	words := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z_0-9]*`).FindAllString(expression, -1)
	var names []string
	for _, field := range selection.Fields() {
		if slices.Contains(words, field.Name) {
			names = append(names, field.Name)
		}
	}
	return names
}
