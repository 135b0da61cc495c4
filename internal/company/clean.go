package company

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// maxTextRunes is how much of a server's own words an error repeats.
const maxTextRunes = 300

// clean makes words that came over the wire fit for a log: one line, without
// control and invisible formatting characters, the API key masked (a server may
// repeat what it was given), at most maxTextRunes. It cuts last, so that no part
// of a key is left at the cut.
func (c *Client) clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = c.redact(strings.Join(strings.Fields(s), " "))
	runes := []rune(s)
	if len(runes) > maxTextRunes {
		return string(runes[:maxTextRunes-3]) + "..."
	}
	return s
}

// scrub returns err, or its redacted words alone where they hold the key:
// net/http quotes what it can't read of an answer.
func (c *Client) scrub(err error) error {
	if text := err.Error(); c.redact(text) != text {
		return errors.New(c.clean(text))
	}
	return err
}

// shown is u as errors repeat it.
func (c *Client) shown(u *url.URL) string { return c.redact(shown(u)) }

func (c *Client) redact(s string) string { return c.keyed.keys.redact(s) }
