package simulator

import (
	"bytes"
	"cmp"
	"strings"
)

// foreignCompany is the id that a spoilt profile has instead of its own.
const foreignCompany = ForeignIDPrefix + "0000-4000-8000-000000000000"

// spoilProfile applies the faults of what a profile says. Answers that carry no
// profile stay as they are.
func spoilProfile(a answer, f *Fault) answer {
	const opening = `{"id":"` // of every profile, see the type
	own := len(opening) + len(foreignCompany) + len(`"`)
	if f == nil || len(a.body) <= own || !bytes.HasPrefix(a.body, []byte(opening)) {
		return a
	}
	id, rest := string(a.body[1:own]), string(a.body[own:])
	switch f.Kind {
	case KindWrongCompany:
		id = `"id":"` + cmp.Or(f.Text, foreignCompany) + `"`
	case KindRowWithoutID:
		id, rest = "", strings.TrimPrefix(rest, ",")
	case KindOversizedRow:
		id += `,"notes":"` + strings.Repeat("far too long ", f.Bytes/13+1) + `"`
	case KindDeepNesting:
		id += `,"nested":` + strings.Repeat("[", f.Bytes) + strings.Repeat("]", f.Bytes)
	case KindDuplicateMembers:
		id += `,"id":"` + foreignCompany + `"`
	case KindInvalidUTF8:
		id += ",\"nickname\":\"bro\xc3\x28ken \xff\xfe\""
	default:
		return a
	}
	a.body = []byte("{" + id + rest)
	return a
}
