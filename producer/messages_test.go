//go:build unix

package main_test

import (
	"strings"
)

// says waits for the end, and checks the exit code and what the operator is told:
// on standard error, once, with each of the words.
func (p *process) says(code int, words ...string) {
	p.t.Helper()
	if got := p.wait(); got != code {
		p.t.Fatalf("the producer ended with %d after %s, want %d:\n%s", got, p.took, code, p.stderr.String())
	}
	message := p.message()
	p.t.Logf("%d after %.1fs: %s", code, p.took.Seconds(), message)
	for _, word := range words {
		if !strings.Contains(message, word) {
			p.t.Errorf("the message lacks %q:\n%s", word, message)
		}
	}
	if p.stdout.String() != "" {
		p.t.Errorf("standard output has %q, want nothing", p.stdout.String())
	}
}

// message returns what stands on standard error beside the log, which is JSON
// there, and fails the test if the log says the same.
func (p *process) message() string {
	p.t.Helper()
	var lines, log []string
	for line := range strings.Lines(p.stderr.String()) {
		if strings.HasPrefix(line, `{"level"`) {
			log = append(log, line)
		} else {
			lines = append(lines, line)
		}
	}
	message := strings.TrimSpace(strings.Join(lines, ""))
	if !strings.HasPrefix(message, "producer: ") || strings.Count(message, "producer: ") != 1 {
		p.t.Fatalf("want one message that begins with \"producer: \", got:\n%s", p.stderr.String())
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(message, "producer: "), "\n")
	for _, line := range log {
		if strings.Contains(line, first) {
			p.t.Errorf("the log repeats the message:\n%s", line)
		}
	}
	return message
}

// free checks that nothing was bought.
func (b *bed) free() {
	b.t.Helper()
	if l := b.feed.Ledger(); l.Pages != 0 || l.Credits != 0 {
		b.t.Errorf("%d pages were bought for %d credits, want none", l.Pages, l.Credits)
	}
}

// noMore checks that nothing was bought beyond pages.
func (b *bed) noMore(pages int) {
	b.t.Helper()
	if n := b.pages(); n != pages {
		b.t.Errorf("%d pages were bought, want the %d from before", n, pages)
	}
}

// noRequest checks that the feed was not even asked.
func (b *bed) noRequest() {
	b.t.Helper()
	if status := b.feed.Ledger().Status; len(status) != 0 {
		b.t.Errorf("the feed was asked: answers by status %v", status)
	}
}
