package simulator

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
)

// padding makes profiles as large as [Options.ProfileBytes] wants them. What goes
// in is encoded once and copied, so that a large profile costs little more to
// serve than a small one. The zero value adds nothing.
type padding struct {
	size  int
	press []byte // elements of press_references, each with a comma behind it
	ends  []int  // where each of them ends
	words string // for the description: ASCII without escapes, so that it may be cut anywhere
}

// The members that are filled. Every profile has the first.
const (
	memberDescription = `"description":"`
	memberPress       = `"press_references":[`
)

func newPadding(size int) padding {
	p := padding{size: max(size, 0)}
	if p.size == 0 {
		return p
	}
	// Twice the size: a profile takes a run of elements that begins anywhere in the
	// first half.
	for i := 0; len(p.press) < 2*p.size; i++ {
		n := strconv.Itoa(i)
		p.press = append(p.press, `{"url":"https://news.invalid/archive/`+n+`","posted_on":"2024-`...)
		p.press = append(p.press, []string{"02-11", "05-30", "08-07", "11-19"}[i%4]...)
		p.press = append(p.press, `","title":"Round `+n+` closes with new and present investors","publisher":"TechDaily"},`...)
		p.ends = append(p.ends, len(p.press))
	}
	const sentence = "It publishes a report on its products, its people and its plans every quarter. "
	p.words = strings.Repeat(sentence, p.size/len(sentence)+1)
	return p
}

// apply fills an encoded profile up to the size. seed says where to begin, so
// that neighbours are not filled alike. Where a profile has press references, they
// take three quarters, many small members as real profiles have them; the
// description takes the rest.
func (p *padding) apply(profile []byte, seed int) []byte {
	if p.size <= len(profile) {
		return profile
	}
	missing := p.size - len(profile)
	var press []byte
	lead := bytes.Index(profile, []byte(memberDescription)) + len(memberDescription)
	list := lead
	if at := bytes.Index(profile, []byte(memberPress)); at >= 0 {
		list = at + len(memberPress)
		press = p.run(seed, missing*3/4)
	}
	out := make([]byte, 0, p.size)
	out = append(out, profile[:lead]...)
	out = append(out, p.words[:missing-len(press)]...)
	out = append(out, profile[lead:list]...)
	out = append(out, press...)
	return append(out, profile[list:]...)
}

// run returns as many whole elements as fit into most bytes.
func (p *padding) run(seed, most int) []byte {
	first, start := seed%(len(p.ends)/2+1), 0
	if first > 0 {
		start = p.ends[first-1]
	}
	behind := sort.SearchInts(p.ends, start+most+1)
	if behind <= first {
		return nil
	}
	return p.press[start:p.ends[behind-1]]
}
