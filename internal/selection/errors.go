package selection

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

// Error is an expression that can't be understood.
type Error struct {
	// Text is the line of the expression that is wrong, Column the place in it, in
	// characters from 0.
	Text   string
	Column int
	// Message says what is wrong.
	Message string
}

// Error implements error. It takes several lines: the expression, a mark below the
// place, what is wrong there, and the fields that there are.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s^\n%s\nfields:", e.Text, strings.Repeat(" ", e.Column), e.Message)
	for i, f := range Fields() {
		if i%4 == 0 {
			b.WriteString("\n ")
		}
		fmt.Fprintf(&b, " %s (%s)", f.Name, f.Type)
	}
	return b.String()
}

// wrong turns what the compiler says into an Error.
func wrong(text string, err error) *Error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &Error{Text: firstLine(text), Message: plain(firstLine(err.Error()))}
	}
	lines := strings.Split(text, "\n")
	line := max(min(at.Line-1, len(lines)-1), 0)
	e := &Error{Text: strings.ReplaceAll(lines[line], "\t", " "), Message: plain(at.Message)}
	e.Column = max(min(at.Column, utf8.RuneCountInString(e.Text)), 0)
	if name, unknown := strings.CutPrefix(e.Message, "unknown name "); unknown {
		e.Message = "there is no field " + name
		if near := nearest(name); near != "" {
			e.Message += "; did you mean " + near + "?"
		}
	}
	return e
}

// plain is what the compiler says, in words for people.
func plain(message string) string {
	return strings.ReplaceAll(message, "expected bool, but got", "the expression must be true or false, and it is a")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// nearest is the field whose name differs least from name, if it is near enough.
func nearest(name string) string {
	best, least := "", 3
	for _, f := range Fields() {
		if d := distance(name, f.Name); d < least {
			best, least = f.Name, d
		}
	}
	return best
}

// distance is how many letters have to be added, left out or changed to make b of
// a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
