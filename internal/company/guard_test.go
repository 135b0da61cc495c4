package company_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

var errDialed = errors.New("a connection was tried")

// counting is a client that counts what it would connect to.
func counting(t testing.TB, cfg company.Config) (client *company.Client, dials *atomic.Int32) {
	t.Helper()
	dials = new(atomic.Int32)
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, errDialed
	}
	return newClient(t, cfg), dials
}

const long = "https://connect.jobo.world/"

// refusedURLs are URLs that a client of the production API never asks for.
var refusedURLs = []struct {
	url  string
	want schemas.DeadLetterReason
}{
	{"https://169.254.169.254/latest/meta-data/", schemas.ReasonURLIPLiteral},
	{"https://[::ffff:127.0.0.1]/", schemas.ReasonURLIPLiteral},
	{"https://[::ffff:7f00:1]/", schemas.ReasonURLIPLiteral},
	{"https://[fd00:ec2::254]/latest/meta-data/", schemas.ReasonURLIPLiteral},
	{"https://[::1]:443/", schemas.ReasonURLIPLiteral},
	{"https://[fe80::1%25eth0]/", schemas.ReasonURLIPLiteral},
	{"https://0x7f000001/", schemas.ReasonURLIPLiteral},
	{"https://0X7F.1/", schemas.ReasonURLIPLiteral},
	{"https://0x/", schemas.ReasonURLIPLiteral},
	{"https://2130706433/", schemas.ReasonURLIPLiteral},
	{"https://0177.0.0.1/", schemas.ReasonURLIPLiteral},
	{"https://017700000001/", schemas.ReasonURLIPLiteral},
	{"https://127.1/", schemas.ReasonURLIPLiteral},
	{"https://0/", schemas.ReasonURLIPLiteral},
	{"https://127.0.0.1./", schemas.ReasonURLIPLiteral},
	{"https://127.0.0.1../", schemas.ReasonURLIPLiteral},
	{"https://connect.jobo.world.1/", schemas.ReasonURLIPLiteral},
	{"https://8.8.8.8/", schemas.ReasonURLIPLiteral},
	{"https://\uff11\uff12\uff17.0.0.1/", schemas.ReasonURLIPLiteral},
	{"https://127\u30020\u30020\u30021/", schemas.ReasonURLIPLiteral},
	{"https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", schemas.ReasonURLIPLiteral},
	{"https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", schemas.ReasonURLIPLiteral},
	{"https://%31%32%37.0.0.1/", schemas.ReasonURLMalformed},
	{"https://127.0.0.1%2f.jobo.world/", schemas.ReasonURLMalformed},
	{"https://[::1/", schemas.ReasonURLMalformed},
	{"https://fd00::1/", schemas.ReasonURLMalformed},
	{"https://user:" + canary + "@connect.jobo.world/", schemas.ReasonURLUserInfo},
	{"https://connect.jobo.world@evil.example/", schemas.ReasonURLUserInfo},
	{"https://connect.jobo.world:443@evil.example/", schemas.ReasonURLUserInfo},
	{"https://@connect.jobo.world/", schemas.ReasonURLUserInfo},
	{"https://user:" + canary + "%40connect.jobo.world/", schemas.ReasonURLMalformed},
	{`https://connect.jobo.world\@evil.example/`, schemas.ReasonURLMalformed},
	{`https:\\connect.jobo.world\`, schemas.ReasonURLMalformed},
	{"https://connect.jobo.world#@evil.example/", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/#", schemas.ReasonURLMalformed},
	{"http://connect.jobo.world/", schemas.ReasonURLScheme},
	{"http://connect.jobo.world:443/", schemas.ReasonURLScheme},
	{"http://169.254.169.254/latest/meta-data/", schemas.ReasonURLScheme},
	{"http://127.0.0.1:9090/metrics", schemas.ReasonURLScheme},
	{"ftp://user:" + canary + "@connect.jobo.world/", schemas.ReasonURLScheme},
	{"file:///etc/passwd", schemas.ReasonURLScheme},
	{"gopher://connect.jobo.world:6379/_FLUSHALL", schemas.ReasonURLScheme},
	{"javascript:alert(1)", schemas.ReasonURLScheme},
	{"https://connect.jobo.world:8443/", schemas.ReasonURLHost},
	{"https://connect.jobo.world:80/", schemas.ReasonURLHost},
	{"https://connect.jobo.world:0443/", schemas.ReasonURLHost},
	{"https://connect.jobo.world./", schemas.ReasonURLHost},
	{"https://connect.jobo.world.evil.example/", schemas.ReasonURLHost},
	{"https://evilconnect-jobo.world/", schemas.ReasonURLHost},
	{"https://evil-jobo.world/", schemas.ReasonURLHost},
	{"https://127.0.0.1.nip.io/", schemas.ReasonURLHost},
	{"https://localhost/", schemas.ReasonURLHost},
	{"https://.jobo.world/", schemas.ReasonURLHost},
	{"https://a..jobo.world/", schemas.ReasonURLHost},
	{"https://a,b.jobo.world/", schemas.ReasonURLHost},
	{"https://j\u00f6bo.world/", schemas.ReasonURLHost},
	{"https://\uff43onnect.jobo.world/", schemas.ReasonURLHost},
	{"https://connect.jobo.world:/", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world:4a3/", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/\r\nX-Api-Key: x", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/\x00", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/\u0085", schemas.ReasonURLMalformed},
	{" https://connect.jobo.world/", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/%zz", schemas.ReasonURLMalformed},
	{"https:connect.jobo.world/", schemas.ReasonURLMalformed},
	{"https:///" + canary + "@connect.jobo.world/", schemas.ReasonURLMalformed},
	{"//connect.jobo.world/", schemas.ReasonURLMalformed},
	{"connect.jobo.world/api", schemas.ReasonURLMalformed},
	{"/api/companies/1", schemas.ReasonURLMalformed},
	{"https://connect.jobo.world/?\u00e9", schemas.ReasonURLMalformed},
	{long + strings.Repeat("a", 2049-len(long)), schemas.ReasonURLTooLong},
	{long + strings.Repeat("\u00e9", 700), schemas.ReasonURLTooLong},
}

func TestRefusedURLsAreNeverAskedFor(t *testing.T) {
	t.Parallel()
	client, dials := counting(t, company.Config{SendKey: true, Key: secret.New(canary)})
	for _, c := range refusedURLs {
		_, err := client.URL(id, c.url)
		var refused *company.RefusedError
		if !errors.As(err, &refused) || refused.Reason != c.want {
			t.Errorf("%q: got %v, want reason %s", c.url, err, c.want)
			continue
		}
		if verdict, reason, _ := company.Judge(err); verdict != company.Dead || reason != c.want {
			t.Errorf("%q: got verdict %v and reason %s, want dead and %s", c.url, verdict, reason, c.want)
		}
		if strings.Contains(printedChain(err), canary) || strings.ContainsAny(err.Error(), "\r\n\x00?#") {
			t.Errorf("%q: the error shows what it must not: %q", c.url, err)
		}
		if _, err := client.Get(t.Context(), id, c.url, ""); outcome(err) != string(c.want) {
			t.Errorf("%q: Get ends with %v, want reason %s", c.url, err, c.want)
		}
	}
	if n := dials.Load(); n != 0 {
		t.Errorf("%d connections were tried, want none", n)
	}
}

func TestGoodURLsAreAskedForAsTheyWereJudged(t *testing.T) {
	t.Parallel()
	client, dials := counting(t, company.Config{})
	urls := map[string]string{
		"": "https://connect.jobo.world/api/companies/" + id,
		"https://connect.jobo.world/api/companies/x":       "https://connect.jobo.world/api/companies/x",
		"HTTPS://Connect.JOBO.world:443/A?b=C%20d&e":       "https://connect.jobo.world:443/A?b=C%20d&e",
		"https://jobo.world/x/../y":                        "https://jobo.world/x/../y",
		"https://a.b.jobo.world":                           "https://a.b.jobo.world",
		"https://jobo.world//evil.example/@x:y":            "https://jobo.world//evil.example/@x:y",
		"https://jobo.world/caf\u00e9":                     "https://jobo.world/caf%C3%A9",
		long + strings.Repeat("a", 2048-len(long)):         long + strings.Repeat("a", 2048-len(long)),
		"https://1.jobo.world/?next=https://evil.example/": "https://1.jobo.world/?next=https://evil.example/",
	}
	for given, want := range urls {
		got, err := client.URL(id, given)
		if err != nil || got != want {
			t.Errorf("%q: got %q and %v, want %q", given, got, err, want)
		}
		if _, err := client.Get(t.Context(), id, got, ""); !errors.Is(err, errDialed) {
			t.Errorf("%q: Get ends with %v, want a connection to be tried", given, err)
		}
	}
	if got, want := dials.Load(), int32(len(urls)); got != want {
		t.Errorf("%d connections were tried, want %d", got, want)
	}
}

func TestWhatIsAskedForDependsOnTheSettings(t *testing.T) {
	t.Parallel()
	local := company.Config{BaseURL: "http://127.0.0.1:1234"}
	six := company.Config{BaseURL: "http://[::1]:1234"}
	named := company.Config{BaseURL: "http://localhost:1234", Hosts: []string{"profiles.example"}}
	plain := company.Config{BaseURL: "http://api.example", Insecure: true}
	listed := company.Config{BaseURL: "https://127.0.0.1:1234", Hosts: []string{"A.example", "b.example:8443", "*.c.example", ".d.example:1", "127.0.0.1:1234"}}
	for _, c := range []struct {
		cfg  company.Config
		url  string
		want schemas.DeadLetterReason // empty: it is asked for
	}{
		{local, "http://127.0.0.1:1234/x", ""},
		{local, "https://127.0.0.1:1234/x", schemas.ReasonURLIPLiteral},
		{local, "http://127.0.0.1:1235/x", schemas.ReasonURLScheme},
		{local, "http://127.0.0.1/x", schemas.ReasonURLScheme},
		{local, "http://127.1:1234/x", schemas.ReasonURLScheme},
		{local, "http://localhost:1234/x", schemas.ReasonURLScheme},
		{local, "http://[::ffff:127.0.0.1]:1234/x", schemas.ReasonURLScheme},
		{local, "http://u@127.0.0.1:1234/x", schemas.ReasonURLUserInfo},
		{local, "https://connect.jobo.world/x", schemas.ReasonURLHost},
		{six, "http://[::1]:1234/x", ""},
		{six, "http://[0:0::1]:1234/x", schemas.ReasonURLScheme},
		{named, "http://localhost:1234/x", schemas.ReasonURLHost},
		{named, "https://profiles.example/x", ""},
		{named, "http://profiles.example/x", schemas.ReasonURLScheme},
		{plain, "http://api.example:80/x", ""},
		{plain, "http://api.example:8080/x", schemas.ReasonURLScheme},
		{plain, "http://www.api.example/x", schemas.ReasonURLScheme},
		{plain, "https://api.example/x", schemas.ReasonURLHost},
		{listed, "https://127.0.0.1:1234/x", ""},
		{listed, "https://a.example/x", ""},
		{listed, "https://www.a.example/x", schemas.ReasonURLHost},
		{listed, "https://b.example:8443/x", ""},
		{listed, "https://b.example/x", schemas.ReasonURLHost},
		{listed, "https://x.y.c.example/x", ""},
		{listed, "https://c.example/x", schemas.ReasonURLHost},
		{listed, "https://x.d.example:1/x", ""},
		{listed, "https://d.example:1/x", schemas.ReasonURLHost},
		{listed, "https://jobo.world/x", schemas.ReasonURLHost},
	} {
		client, _ := counting(t, c.cfg)
		_, err := client.URL(id, c.url)
		if got := strings.TrimPrefix(outcome(err), "profile"); got != string(c.want) {
			t.Errorf("%s with base %s: got %v, want reason %q", c.url, c.cfg.BaseURL, err, c.want)
		}
		// The API itself is asked whatever the hosts are.
		if _, err := client.URL(id, ""); err != nil {
			t.Errorf("base %s: %v", c.cfg.BaseURL, err)
		}
	}
}

func TestCompanyIDsAreOnePartOfThePath(t *testing.T) {
	t.Parallel()
	client, _ := counting(t, company.Config{BaseURL: "https://api.example/v1/"})
	for id, want := range map[string]string{
		"a/../b?c#d": "https://api.example/v1/api/companies/a%2F..%2Fb%3Fc%23d",
		"\u00e9 %":   "https://api.example/v1/api/companies/%C3%A9%20%25",
		"..":         "",
		".":          "",
		"":           "",
		"a\nb":       "",
	} {
		got, err := client.URL(id, "")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", id, got, err, want)
		}
		if err != nil && outcome(err) != string(schemas.ReasonBadID) {
			t.Errorf("%q: got %v, want reason %s", id, err, schemas.ReasonBadID)
		}
	}
	long, _ := counting(t, company.Config{BaseURL: "https://api.example/" + strings.Repeat("a", 2000)})
	if _, err := long.URL(id, ""); outcome(err) != string(schemas.ReasonURLTooLong) {
		t.Errorf("got %v, want reason %s", err, schemas.ReasonURLTooLong)
	}
}

func TestUnusableSettingsAreRefused(t *testing.T) {
	t.Parallel()
	key := secret.New(canary)
	for want, cfg := range map[string]company.Config{
		"no API key":        {SendKey: true},
		"not ASCII":         {SendKey: true, Key: secret.New(canary + "\n")},
		"can't be read":     {BaseURL: "https://user:" + canary + "@a b"},
		"user info":         {BaseURL: "https://user:" + canary + "@a"},
		"want https":        {BaseURL: "ftp://a"},
		"no host":           {BaseURL: "https:///a"},
		"plain http":        {BaseURL: "http://api.example"},
		"want host":         {Hosts: []string{"https://jobo.world"}},
		"xn--":              {Hosts: []string{"j\u00f6bo.world"}},
		"port \"0\"":        {Hosts: []string{"jobo.world:0"}},
		"port \"65536\"":    {Hosts: []string{"jobo.world:65536"}},
		"IP address":        {Hosts: []string{"10.0.0.1"}},
		"\"[::1]:443\"":     {Hosts: []string{"[::1]:443"}},
		"\"127.0.0.1:1\"":   {BaseURL: "http://127.0.0.1:2", Hosts: []string{"127.0.0.1:1"}},
		"host \"\"":         {Hosts: []string{""}},
		"host \"*\"":        {Hosts: []string{"*"}},
		"host \"*.\"":       {Hosts: []string{"*."}},
		"host \"a.*.b\"":    {Hosts: []string{"a.*.b"}},
		"host \"a/b\"":      {Hosts: []string{"a/b"}},
		"host \"u@a\"":      {Hosts: []string{"u@a"}},
		"host \"a.b.\"":     {Hosts: []string{"a.b."}},
		"host \"..a\"":      {Hosts: []string{"..a"}},
		"host \"*.0x7f\"":   {Hosts: []string{"*.0x7f"}, SendKey: true, Key: key},
		"host \"2130706\"":  {Hosts: []string{"2130706"}},
		"a query":           {BaseURL: "https://a?b"},
		"host \"a.example ": {Hosts: []string{"a.example b"}},
	} {
		_, err := company.New(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(printedChain(err), canary) {
			t.Errorf("got %v, want an error with %q and no secret", err, want)
		}
	}
}

// FuzzGuard checks what passes with a reader of its own.
func FuzzGuard(f *testing.F) {
	for _, c := range refusedURLs {
		f.Add(c.url)
	}
	f.Add("https://a.b.jobo.world:443/x?y=z")
	client, _ := counting(f, company.Config{})
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := client.URL(id, raw)
		if err != nil {
			var refused *company.RefusedError
			if !errors.As(err, &refused) || refused.Reason == "" || refused.Detail == "" {
				t.Fatalf("%q: %v is no refusal with a reason", raw, err)
			}
			return
		}
		rest, ok := strings.CutPrefix(got, "https://")
		authority, _, _ := strings.Cut(rest, "/")
		authority, _, _ = strings.Cut(authority, "?")
		host := strings.TrimSuffix(authority, ":443")
		if !ok || host != "connect.jobo.world" && host != "jobo.world" && !strings.HasSuffix(host, ".jobo.world") ||
			strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Fatalf("%q is asked for as %q", raw, got)
		}
		if len(got) > 2048 || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' || r == '\\' }) {
			t.Fatalf("%q has what no URL has", got)
		}
		u, err := url.Parse(got)
		if err != nil || u.Host != authority || u.User != nil {
			t.Fatalf("%q reads as %+v and %v", got, u, err)
		}
		if again, err := client.URL(id, got); err != nil || again != got {
			t.Fatalf("%q becomes %q and %v when it is judged again", got, again, err)
		}
	})
}
