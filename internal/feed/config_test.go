package feed_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestNewChecksWhereTheKeyWouldGo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		url      string
		insecure bool
		problem  string // empty: accepted
	}{
		{"", false, ""},
		{"https://connect.jobo.world", false, ""},
		{"https://feed.example:8443/base", false, ""},
		{"http://localhost:8080", false, ""},
		{"http://127.0.0.1:8080", false, ""},
		{"http://127.9.9.9", false, ""},
		{"http://[::1]:8080", false, ""},
		{"http://feed.example", true, ""},
		{"http://feed.example", false, "unencrypted"},
		{"http://connect.jobo.world", false, "unencrypted"},
		{"http://localhost.example", false, "unencrypted"},
		{"http://10.0.0.1", false, "unencrypted"},
		{"ftp://feed.example", false, "scheme"},
		{"feed.example", false, "scheme"},
		{"//feed.example", false, "scheme"},
		{"https://", false, "no host"},
		{"https:///path", false, "no host"},
		{"https://:443", false, "no host"},
		{"https://user:hunter2@feed.example", false, "user info"},
		{"https://feed.example?key=hunter2", false, "user info, a query"},
		{"https://feed.example?", false, "user info, a query"},
		{"https://feed.example#hunter2", false, "fragment"},
		{"https://user:hunter2@feed.example:port", false, "can't be read"},
		{"https://feed.example/\x7f", false, "can't be read"},
	} {
		client, err := feed.New(feed.Config{BaseURL: tc.url, Insecure: tc.insecure, Key: secret.New(canary)})
		if tc.problem == "" {
			if err != nil || client == nil {
				t.Errorf("%q: %v, want it accepted", tc.url, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.problem) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q in it and no secret", tc.url, err, tc.problem)
		}
	}
}

func TestNewChecksTheKeyWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "hunter2\n", " hunter2", "hunter2\r\nX-Other: 1", "hunt\u00e9r2", "hunter2\x00"} {
		_, err := feed.New(feed.Config{Key: secret.New(key)})
		if err == nil || !strings.Contains(err.Error(), "API key") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("key %q: %v, want a problem that does not show it", key, err)
		}
	}
}

func TestTheShapeOfAKeyIsKnown(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		canary: true,
		"jbe_live_" + strings.Repeat("A", 21) + "_" + strings.Repeat("-", 43): true,
		"jbe_live_" + strings.Repeat("A", 20) + "_" + strings.Repeat("-", 43): false,
		canary + "x":  false,
		canary + "\n": false,
		"x" + canary:  false,
		strings.Replace(canary, "test", "prod", 1): false,
		"": false,
	} {
		if got := feed.KeyLooksRight(secret.New(key)); got != want {
			t.Errorf("KeyLooksRight(%q) = %v, want %v", key, got, want)
		}
	}
}

// certified is a feed over TLS, and the settings that trust it.
func certified(t *testing.T, change func(*tls.Config)) (*httptest.Server, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(good(3))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10}
	s.Config.ErrorLog = nil
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, &tls.Config{RootCAs: pool}
}

func TestOverTLS(t *testing.T) {
	t.Parallel()
	page := func(t *testing.T, url string, settings *tls.Config) (feed.Page, int, error) {
		t.Helper()
		tries := 0
		client, err := feed.New(feed.Config{
			BaseURL: url, Key: secret.New(canary), TLS: settings, Timeout: 10 * time.Second,
			Observe: func(feed.Attempt) { tries++ }, Retry: retry.Policy{Tries: 2, Base: time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		page, err := client.Page(t.Context(), feed.Query{})
		return page, tries, err
	}
	t.Run("a trusted feed is read", func(t *testing.T) {
		t.Parallel()
		s, trust := certified(t, nil)
		if got, _, err := page(t, s.URL, trust); err != nil || len(got.Rows) != 3 {
			t.Errorf("page of %d rows, %v; want 3", len(got.Rows), err)
		}
	})
	t.Run("a certificate that is not trusted ends the tries", func(t *testing.T) {
		t.Parallel()
		s, _ := certified(t, nil)
		_, tries, err := page(t, s.URL, nil)
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) || tries != 1 || feed.UnknownTries(err) != 0 {
			t.Errorf("error %v after %d tries, want an unknown authority after one", err, tries)
		}
	})
	t.Run("TLS 1.1 is refused even where the settings allow it", func(t *testing.T) {
		t.Parallel()
		s, trust := certified(t, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
		trust.MinVersion = tls.VersionTLS10
		if _, _, err := page(t, s.URL, trust); err == nil || !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("error is %v, want the protocol version refused", err)
		}
	})
}
