package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
)

// password must show in no error whatever.
const password = "correct-horse-battery-staple"

// refused opens a cluster that must not open, and returns why.
func refused(t *testing.T, config kafka.Config) error {
	t.Helper()
	cluster, err := kafka.Open(within(t, patience), config)
	if err == nil {
		cluster.Close()
		t.Fatal("Open: got nil, want an error")
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the password shows in error %q", err)
	}
	return err
}

func TestOpenWhereNothingListens(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	err = refused(t, kafka.Config{Brokers: []string{address}, DialTimeout: patience})
	wantIn(t, err, address, "can't be reached", "start it", "KAFKA_BROKERS")
	// The refusal itself is the answer: nobody waited for the time to run out.
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Open: got %v, want %v", err, syscall.ECONNREFUSED)
	}
}

func TestOpenFindsTheOneBrokerThatListens(t *testing.T) {
	t.Parallel()
	fake := startFake(t, kfake.NumBrokers(1))
	gone := listen(t, func(net.Conn) {})
	open(t, kafka.Config{Brokers: []string{gone, fake.ListenAddrs()[0]}})
}

func TestOpenOnAPortThatIsNotKafkas(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		serve func(net.Conn)
		tls   bool
		want  []string
	}{
		"which never answers":  {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, false, []string{"did not answer in time", "is it a Kafka listener"}},
		"which closes at once": {func(c net.Conn) { _, _ = c.Read(make([]byte, 1024)) }, false, []string{"closes the connection", "KAFKA_TLS", "KAFKA_SASL_MECHANISM"}},
		"which speaks HTTP":    {web, false, []string{"does not answer as a Kafka broker", "HTTP", "KAFKA_BROKERS"}},
		"which resets":         {func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, false, []string{"closes the connection", "KAFKA_TLS"}},
		"which sends a TLS alert": {func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 70})
		}, false, []string{"tls alert", "KAFKA_TLS"}},
		"which wants no TLS": {web, true, []string{"does not speak TLS", "unset KAFKA_TLS"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := listen(t, test.serve)
			err := refused(t, kafka.Config{Brokers: []string{address}, TLS: test.tls, DialTimeout: 300 * time.Millisecond})
			wantIn(t, err, append(test.want, address)...)
		})
	}
}

// web answers as a web server does that is spoken to in another protocol.
func web(c net.Conn) {
	_, _ = c.Read(make([]byte, 1024))
	_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
}

func TestOpenReturnsWhyItsContextEnded(t *testing.T) {
	t.Parallel()
	address := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	stop := errors.New("shutting down")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, stop)
	defer cancel()
	if _, err := kafka.Open(ctx, kafka.Config{Brokers: []string{address}}); !errors.Is(err, stop) {
		t.Errorf("Open: got %v, want %v", err, stop)
	}
}

func TestOpenRefusesAConfigThatCannotWork(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, _ := ca.issue(certificate("client"))
	_, otherKey := ca.issue(certificate("other"))
	tests := map[string]struct {
		config kafka.Config
		want   []string
	}{
		"a mechanism that does not exist": {kafka.Config{Mechanism: "SCRAM-SHA-1"}, []string{`"SCRAM-SHA-1"`, kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512}},
		"a CA file that is missing":       {kafka.Config{TLS: true, CA: "/nowhere/ca.pem"}, []string{"Kafka CA", "/nowhere/ca.pem"}},
		"a CA file without certificates":  {kafka.Config{TLS: true, CA: empty}, []string{empty, "no PEM certificate"}},
		"a certificate without its key":   {kafka.Config{TLS: true, Cert: cert}, []string{"client certificate"}},
		"a certificate and another's key": {kafka.Config{TLS: true, Cert: cert, Key: otherKey}, []string{"client certificate", "does not match"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Brokers, test.config.Password = []string{"127.0.0.1:1"}, secret.New(password)
			wantIn(t, refused(t, test.config), test.want...)
		})
	}
}

func TestOpenWithTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	server := startFake(t, kfake.NumBrokers(1), kfake.TLS(ca.server("")))
	elsewhere := startFake(t, kfake.NumBrokers(1), kfake.TLS(ca.server("kafka.example.com")))
	at := server.ListenAddrs()
	tests := map[string]struct {
		config kafka.Config
		want   []string // nil means that it opens
	}{
		"and its CA":            {kafka.Config{Brokers: at, TLS: true, CA: ca.file}, nil},
		"and another CA":        {kafka.Config{Brokers: at, TLS: true, CA: stranger.file}, []string{"unknown authority", "KAFKA_TLS_CA"}},
		"and the system's CAs":  {kafka.Config{Brokers: at, TLS: true}, []string{"unknown authority", "KAFKA_TLS_CA"}},
		"and another host name": {kafka.Config{Brokers: elsewhere.ListenAddrs(), TLS: true, CA: ca.file}, []string{"certificate", "KAFKA_BROKERS"}},
		"that is not spoken":    {kafka.Config{Brokers: at}, []string{"KAFKA_TLS"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.want == nil {
				open(t, test.config)
				return
			}
			test.config.DialTimeout = patience
			wantIn(t, refused(t, test.config), append(test.want, test.config.Brokers...)...)
		})
	}
}

func TestOpenWithAClientCertificate(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	config := ca.server("")
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	fake := startFake(t, kfake.NumBrokers(1), kfake.TLS(config))
	base := kafka.Config{Brokers: fake.ListenAddrs(), TLS: true, CA: ca.file, DialTimeout: patience}
	t.Run("that the broker trusts", func(t *testing.T) {
		t.Parallel()
		config := base
		config.Cert, config.Key = ca.issue(certificate("client"))
		open(t, config)
	})
	t.Run("that the broker does not trust", func(t *testing.T) {
		t.Parallel()
		config := base
		config.Cert, config.Key = stranger.issue(certificate("client"))
		wantIn(t, refused(t, config), "tls: ", "KAFKA_TLS_CERT")
	})
	t.Run("that is missing", func(t *testing.T) {
		t.Parallel()
		wantIn(t, refused(t, base), "tls: ", "KAFKA_TLS_CERT")
	})
}

func TestOpenWithSASL(t *testing.T) {
	t.Parallel()
	fake := startFake(t, kfake.NumBrokers(1), kfake.EnableSASL(),
		kfake.Superuser(kafka.Plain, "plain", password), kfake.Superuser(kafka.ScramSHA256, "scram256", password),
		kfake.Superuser(kafka.ScramSHA512, "scram512", password))
	base := kafka.Config{Brokers: fake.ListenAddrs(), Password: secret.New(password), DialTimeout: patience}
	for mechanism, user := range map[string]string{kafka.Plain: "plain", kafka.ScramSHA256: "scram256", kafka.ScramSHA512: "scram512"} {
		with := base
		with.Mechanism, with.Username = mechanism, user
		t.Run(mechanism+" and the right password", func(t *testing.T) {
			t.Parallel()
			open(t, with)
		})
		t.Run(mechanism+" and a wrong password", func(t *testing.T) {
			t.Parallel()
			with := with
			with.Password = secret.New(password + "!")
			wantIn(t, refused(t, with), `"`+user+`"`, mechanism, "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
		})
		t.Run(mechanism+" and an unknown user", func(t *testing.T) {
			t.Parallel()
			with := with
			with.Username = "nobody"
			wantIn(t, refused(t, with), `"nobody"`, mechanism, "KAFKA_SASL_USERNAME")
		})
	}
	t.Run("that is wanted and not configured", func(t *testing.T) {
		t.Parallel()
		wantIn(t, refused(t, base), "KAFKA_SASL_MECHANISM")
	})
}

// kfake hangs up on credentials that are wrong. Kafka says what is wrong first.
func TestOpenWhereTheBrokerSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		key    kmsg.Key
		answer func(kmsg.Response)
		want   []string
	}{
		"with the credentials": {kmsg.SASLAuthenticate, func(r kmsg.Response) {
			r.(*kmsg.SASLAuthenticateResponse).ErrorCode = kerr.SaslAuthenticationFailed.Code
		}, []string{`refuses user "user" with PLAIN`, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"}},
		"with the mechanism": {kmsg.SASLHandshake, func(r kmsg.Response) {
			r.(*kmsg.SASLHandshakeResponse).ErrorCode = kerr.UnsupportedSaslMechanism.Code
			r.(*kmsg.SASLHandshakeResponse).SupportedMechanisms = []string{"GSSAPI"}
		}, []string{"does not offer PLAIN", "KAFKA_SASL_MECHANISM"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := startFake(t, kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(kafka.Plain, "user", password))
			fake.ControlKey(int16(test.key), func(request kmsg.Request) (kmsg.Response, error, bool) {
				fake.KeepControl()
				response := request.ResponseKind()
				test.answer(response)
				return response, nil, true
			})
			wantIn(t, refused(t, kafka.Config{
				Brokers: fake.ListenAddrs(), Mechanism: kafka.Plain, Username: "user", Password: secret.New(password), DialTimeout: patience,
			}), append(test.want, fake.ListenAddrs()...)...)
		})
	}
}

func TestOpenWithSASLOverTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	fake := startFake(t, kfake.NumBrokers(1), kfake.TLS(ca.server("")), kfake.EnableSASL(), kfake.Superuser(kafka.ScramSHA512, "user", password))
	open(t, kafka.Config{
		Brokers: fake.ListenAddrs(), TLS: true, CA: ca.file,
		Mechanism: kafka.ScramSHA512, Username: "user", Password: secret.New(password),
	})
}

func TestLogHasWhatTheLibrarySaysAndNoPassword(t *testing.T) {
	t.Parallel()
	fake := startFake(t, kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(kafka.Plain, "user", password))
	for level, wanted := range map[zapcore.Level]bool{zapcore.DebugLevel: true, zapcore.InfoLevel: false} {
		core, logs := observer.New(level)
		cluster := open(t, kafka.Config{
			Brokers: fake.ListenAddrs(), Mechanism: kafka.Plain, Username: "user", Password: secret.New(password), Log: zap.New(core),
		})
		session, err := (&kafka.Stream{Cluster: cluster, Feed: unique()}).Fence(within(t, patience))
		if err != nil {
			t.Fatalf("Fence: %v", err)
		}
		session.Close()
		if got := logs.Len() > 0; got != wanted {
			t.Errorf("the library's lines at level %s: got %d, want some: %t", level, logs.Len(), wanted)
		}
		for _, entry := range logs.All() {
			if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, password) {
				t.Errorf("the password shows in the log: %s", text)
			}
		}
	}
}

func TestOptionsLeadToAnotherNetwork(t *testing.T) {
	t.Parallel()
	network := new(kfake.VirtualNetwork)
	fake := startFake(t, kfake.NumBrokers(1), kfake.ListenFn(network.Listen))
	cluster := open(t, kafka.Config{Brokers: fake.ListenAddrs(), Options: []kgo.Opt{kgo.Dialer(network.DialContext)}})
	session, err := (&kafka.Stream{Cluster: cluster, Feed: unique()}).Fence(within(t, patience))
	if err != nil {
		t.Fatalf("Fence: %v", err)
	}
	session.Close()
}
