package checkpoint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestAURLThatIsWrongIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                       "unknown scheme",
		"localhost:6379":                         "unknown scheme",
		"http://localhost:6379":                  "unknown scheme",
		"redis+http://localhost":                 "unknown scheme",
		"unix+cluster:///tmp/redis.sock":         "unknown scheme",
		"unix://":                                "expected redis://",
		"redis://u:pa/hunter2@localhost:6379":    "percent-encoded",
		"redis://u:pa#hunter2@localhost:6379":    "percent-encoded",
		"redis://u:pa?hunter2@localhost:6379":    "percent-encoded",
		"redis://u:pa%hunter2@localhost:6379":    "percent-encoded",
		"redis://u:6379/hunter2@localhost:6379":  "expected redis://",
		"redis://u:6379?hunter2@localhost:6379":  "unknown option",
		"redis://u:6379#hunter2@localhost:6379":  "not of a known form",
		"redis://localhost:6379/hunter2":         "expected redis://",
		"redis://localhost/0/1":                  "expected redis://",
		"redis://localhost?protocol=hunter2":     "expected redis://",
		"redis://localhost?read_timeout=9s":      "unknown option; the options are protocol",
		"rediss://localhost?skip_verify=true":    "unknown option",
		"redis+sentinel://localhost":             "master_name is missing",
		"redis+cluster://localhost?read_only=1":  "unknown option",
		"redis+cluster://localhost/1":            "no numbered databases",
		"redis+cluster://localhost?addr=hunter2": "expected redis://",
	} {
		_, err := open(t, url)
		if err == nil {
			t.Errorf("%s: got no error", url)
			continue
		}
		if checkpoint.IsDown(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", url, err, want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows what may be a password: %v", url, err)
		}
	}
}

func TestAFeedNameThatKeysCannotCarryIsRefused(t *testing.T) {
	t.Parallel()
	for _, feed := range []string{"", "a{b", "a}b"} {
		_, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New("redis://localhost"), Feed: feed})
		if err == nil || checkpoint.IsDown(err) {
			t.Errorf("open %q: got %v, want it refused", feed, err)
		}
		if _, err := checkpoint.NewMemory(feed); err == nil {
			t.Errorf("memory %q: got no error", feed)
		}
	}
}

// authority is a CA, and the certificate of a server that it signed.
type authority struct {
	cert   *x509.Certificate
	server tls.Certificate
}

func newAuthority(t *testing.T, hosts ...string) authority {
	t.Helper()
	return newAuthorityUntil(t, time.Now().Add(time.Hour), hosts...)
}

func newAuthorityUntil(t *testing.T, end time.Time, hosts ...string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// One certificate is both: a server's, and the CA that signed it.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert: cert, server: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// runTLS starts a server that speaks TLS.
func runTLS(t *testing.T, a authority) *miniredis.Miniredis {
	t.Helper()
	m, err := miniredis.RunTLS(&tls.Config{Certificates: []tls.Certificate{a.server}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestTLS(t *testing.T) {
	t.Parallel()
	local := newAuthority(t, "127.0.0.1")
	for name, c := range map[string]struct {
		server authority
		roots  *x509.CertPool
		says   string // empty: it works
	}{
		"a CA that is trusted":           {local, local.pool(), ""},
		"a CA that is not trusted":       {local, newAuthority(t).pool(), "SSL_CERT_FILE"},
		"a certificate that has run out": {newAuthorityUntil(t, time.Now().Add(-time.Minute), "127.0.0.1"), nil, "not valid"},
		"the name of another host":       {newAuthority(t, "redis.example"), nil, "for another host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roots := c.roots
			if roots == nil {
				roots = c.server.pool()
			}
			m := runTLS(t, c.server)
			s, err := checkpoint.Open(t.Context(), checkpoint.Config{
				URL: secret.New("rediss://" + m.Addr()), Feed: "career-sites", RootCAs: roots,
			})
			if c.says != "" {
				wantDown(t, err, false, c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestTLSOnOneSideAloneIsExplained(t *testing.T) {
	t.Parallel()
	_, err := open(t, "rediss://"+miniredis.RunT(t).Addr())
	wantDown(t, err, true, "expects TLS (rediss://) or not (redis://)")
	_, err = open(t, "redis://"+runTLS(t, newAuthority(t, "127.0.0.1")).Addr())
	wantDown(t, err, true, "expects TLS (rediss://) or not (redis://)")
}

func TestWhatElseMayGoWrongWithTLSIsExplained(t *testing.T) {
	t.Parallel()
	// A server of something else, that answers in its own words.
	_, err := open(t, "rediss://"+answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n"))
	wantDown(t, err, false, "does not speak TLS")

	a := newAuthority(t, "127.0.0.1")
	m, err := miniredis.RunTLS(&tls.Config{
		Certificates: []tls.Certificate{a.server}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	_, err = checkpoint.Open(t.Context(), checkpoint.Config{
		URL: secret.New("rediss://" + m.Addr()), Feed: "career-sites", RootCAs: a.pool(),
	})
	wantDown(t, err, false, "refused the TLS handshake")
}

// answering starts a server that says the same to everybody.
func answering(t *testing.T, text string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096)) // or closing would be a reset
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

// tlsAddr tells the second process of the next test where the server is.
const tlsAddr = "CHECKPOINT_TEST_TLS_ADDR"

// A process reads SSL_CERT_FILE once, so this test runs itself in another one.
func TestTheFileInSSL_CERT_FILEIsTrusted(t *testing.T) {
	t.Parallel()
	if addr := os.Getenv(tlsAddr); addr != "" {
		mustOpen(t, "rediss://"+addr)
		return
	}
	a := newAuthority(t, "127.0.0.1")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "SSL_CERT_FILE="+file, tlsAddr+"="+runTLS(t, a).Addr())
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAClusterKeepsTheStateOfAFeed(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis+cluster://127.0.0.1:1?addr="+m.Addr())
	takeOver(t, s)
	m.Close()
	wantDown(t, s.Put(t.Context(), checkpointtest.Progress(s.Feed(), 1, 9)), true, "connection refused")
}

// takeOver goes through every call once.
func takeOver(t *testing.T, s *checkpoint.Redis) {
	t.Helper()
	token, err := s.Acquire(t.Context(), "a", time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	second := checkpointtest.Progress(s.Feed(), 1, 2)
	for _, call := range []func() error{
		func() error { return s.Held(t.Context(), "a", token) },
		func() error { return s.Repair(t.Context(), "a", token, checkpointtest.Progress(s.Feed(), 1, 1)) },
		func() error { return s.Put(t.Context(), second) },
		func() error { return s.Renew(t.Context(), "a", token, time.Minute) },
		func() error { return s.Release(t.Context(), "a", token) },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Get(t.Context()); err != nil || got.Op != second.Op {
		t.Errorf("copy: got %s, %v, want %s", got.Op, err, second.Op)
	}
}

// sentinel starts a server that names the master of mymaster to who asks.
func sentinel(t *testing.T, master string) string {
	t.Helper()
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	host, port, err := net.SplitHostPort(master)
	if err != nil {
		t.Fatal(err)
	}
	register := func(cmd string, answer server.Cmd) {
		if err := s.Register(cmd, answer); err != nil {
			t.Fatal(err)
		}
	}
	register("SENTINEL", func(c *server.Peer, _ string, args []string) {
		switch {
		case len(args) == 2 && args[0] == "get-master-addr-by-name" && args[1] == "mymaster":
			c.WriteStrings([]string{host, port})
		case args[0] == "get-master-addr-by-name":
			c.WriteNull()
		default:
			c.WriteLen(0)
		}
	})
	register("CLIENT", func(c *server.Peer, _ string, _ []string) { c.WriteOK() })
	register("SUBSCRIBE", func(c *server.Peer, _ string, args []string) {
		for i, channel := range args {
			c.WritePushLen(3)
			c.WriteBulk("subscribe")
			c.WriteBulk(channel)
			c.WriteInt(i + 1)
		}
	})
	return s.Addr().String()
}

func TestSentinelsNameTheServer(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	first := sentinel(t, m.Addr())
	takeOver(t, mustOpen(t, "redis+sentinel://127.0.0.1:1/3?master_name=mymaster&addr="+first))
	if keys := m.DB(3).Keys(); len(keys) != 2 {
		t.Errorf("keys in database 3: got %v, want fence and checkpoint", keys)
	}
	_, err := open(t, "redis+sentinel://"+first+"?master_name=other")
	wantDown(t, err, true, "no sentinel names a master", "for other")
	_, err = open(t, "redis+sentinel://127.0.0.1:1?master_name=mymaster")
	wantDown(t, err, true, "no sentinel names a master", "127.0.0.1:1")
}
