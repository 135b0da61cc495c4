package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
)

// problems collects what is wrong with the settings.
type problems struct{ list []error }

// add reports one setting by its environment name, with what was given, what is
// expected and how to mend it.
func (p *problems) add(name, given, expected, fix string) {
	p.list = append(p.list, fmt.Errorf("%s is %q: expected %s; %s", name, given, expected, fix))
}

func (p *problems) integer(name, given string, low, high int) int {
	n, err := strconv.Atoi(given)
	if err != nil || n < low || n > high {
		p.add(name, given, fmt.Sprintf("a whole number from %d to %d", low, high), "set it within that range")
	}
	return n
}

// credits reads an amount of money; nothing given is -1, which means no limit.
func (p *problems) credits(name, given string, low int64) int64 {
	if given == "" {
		return -1
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil || n < low || n > maxCredits {
		p.add(name, given, fmt.Sprintf("a whole number of credits from %d to %d", low, int64(maxCredits)), "write it without separators; 1000 credits are USD 1")
	}
	return n
}

// maxCredits is a trillion, USD a billion: sums of a few such limits and of
// prices stay far from an overflow.
const maxCredits = 1_000_000_000_000

// limits reads rolling windows of requests.
func (p *problems) limits(name, given string) ratelimit.Windows {
	windows, err := ratelimit.Parse(given)
	if err != nil {
		p.add(name, given, "requests in any second, minute, hour or day, or off", err.Error())
	}
	return windows
}

// listen reads an address to listen on; empty means nowhere.
func (p *problems) listen(name, given string) string {
	if given == "" || strings.EqualFold(given, "off") {
		return ""
	}
	_, port, err := net.SplitHostPort(given)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		p.add(name, given, "host:port, :port for every address of this machine, or off", "write it like :9090 or 127.0.0.1:9090")
	}
	return given
}

func (p *problems) boolean(name, given string) bool {
	b, err := strconv.ParseBool(strings.ToLower(given))
	if err != nil {
		p.add(name, given, "true or false", "set one of the two")
	}
	return b
}

// switchMapper reads a flag that is true or false into its text: bare, as in
// --kafka-tls, it means true. Any other word after it stays where it is, as in
// --kafka-tls sync.
type switchMapper struct{}

var _ kong.BoolMapper = switchMapper{}

// Decode implements kong.Mapper.
func (switchMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text := "true"
	if next := ctx.Scan.Peek(); next.Type == kong.FlagValueToken || slices.Contains([]string{"true", "false"}, strings.ToLower(next.String())) {
		text = ctx.Scan.Pop().String()
	}
	target.SetString(text)
	return nil
}

// IsBool implements kong.BoolMapper: the value may be left out.
func (switchMapper) IsBool() bool { return true }

// secretMapper reads the text of a flag. Unlike kong's own mapper it does not
// repeat what it can't take: a password may begin with a dash.
type secretMapper struct{}

// Decode implements kong.Mapper.
func (secretMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if !ctx.Scan.Peek().IsValue() {
		return errors.New("expected a value; one that begins with a dash needs an equals sign before it")
	}
	target.SetString(ctx.Scan.Pop().String())
	return nil
}

func (p *problems) duration(name, given string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(given)
	if err != nil || d < low || d > high {
		p.add(name, given, fmt.Sprintf("a duration from %s to %s", low, high), "write it like 90s, 15m or 6h")
	}
	return d
}

// instant reads a time as RFC 3339, or a day, which begins at midnight UTC.
func (p *problems) instant(name, given string) *time.Time {
	if given == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, given); err == nil {
			utc := t.UTC()
			return &utc
		}
	}
	p.add(name, given, "an instant", "write it like 2026-01-31T00:00:00Z or 2026-01-31")
	return nil
}

func (p *problems) oneOf(name, given string, allowed ...string) string {
	for _, a := range allowed {
		if strings.EqualFold(a, given) {
			return a
		}
	}
	p.add(name, given, "one of "+strings.Join(allowed, ", "), "set one of them")
	return given
}

// nameShape is what Kafka allows in the name of a topic. FEED_NAME has the same
// rule, because it becomes part of a transactional id and of Redis keys.
var nameShape = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`)

func (p *problems) name(name, given string) string {
	if !nameShape.MatchString(given) {
		p.add(name, given, "1 to 200 letters, digits, dots, dashes or underscores", "choose a name of these")
	}
	return given
}

// list splits a comma-separated list; blanks around the parts do not count.
func list(given string) []string {
	var parts []string
	for part := range strings.SplitSeq(given, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// words reads a list of which nothing may be left out: a filter that silently
// selects other rows than were meant costs money.
func (p *problems) words(name, given string) []string {
	if strings.TrimSpace(given) == "" {
		return nil
	}
	for part := range strings.SplitSeq(given, ",") {
		if strings.TrimSpace(part) == "" {
			p.add(name, given, "values with single commas between", "take out the comma that has no value beside it")
			break
		}
	}
	parts := list(given)
	for _, part := range parts {
		if strings.ContainsFunc(part, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
			p.add(name, part, "printable text", "take out its tabs, line ends and other control characters")
		}
	}
	return parts
}

// countries reads a list of country codes. Only their shape is checked: which of
// them there are changes, and the feed has its own few.
func (p *problems) countries(name, given string) []string {
	codes := p.words(name, given)
	for i, code := range codes {
		if !countryShape.MatchString(code) {
			p.add(name, code, "codes of two letters, ISO 3166-1 alpha-2", "write them like DE,US,GB")
		}
		codes[i] = strings.ToUpper(code)
	}
	return codes
}

var countryShape = regexp.MustCompile(`^[a-zA-Z]{2}$`)

// secretOf returns a secret that is given itself or by the name of a file.
func (p *problems) secretOf(name, value, file string) secret.String {
	switch {
	case file == "":
		return secret.New(value)
	case value != "":
		p.list = append(p.list, fmt.Errorf("%s and %s_FILE are both set: expected one of the two; unset one", name, name))
		return secret.String{}
	}
	content, ok := p.file(name+"_FILE", file)
	text := strings.TrimSpace(string(content))
	if ok && text == "" {
		p.add(name+"_FILE", file, "a file that holds the value", "the file is empty")
	}
	return secret.New(text)
}

// file reads the file that a setting names; no name is no file and no mistake.
func (p *problems) file(name, path string) ([]byte, bool) {
	if path == "" {
		return nil, true
	}
	content, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		var inner *os.PathError
		if errors.As(err, &inner) {
			err = inner.Err // the path stands there already
		}
		p.add(name, path, "a file that can be read", fmt.Sprintf("reading it says: %v", err))
	}
	return content, err == nil
}
