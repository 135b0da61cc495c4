package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/careerstream/careerstream/internal/secret"
)

// Config says where the registry is.
type Config struct {
	// URLs are the registry's base URLs, tried in turn; http or https.
	URLs []string
	// Username and Password are for basic auth; both empty means none.
	Username string
	Password secret.String
	// CA, Cert and Key are files in PEM form: certificates to trust instead of the
	// system's, and a client certificate with its key. Empty means none.
	CA, Cert, Key string
	// UserAgent names the program.
	UserAgent string
	// Timeout bounds one request; zero means 10 s.
	Timeout time.Duration
}

// Client talks to a schema registry. It is safe for concurrent use.
type Client struct {
	config Config
	sr     *sr.Client
	http   *http.Client
}

const defaultTimeout = 10 * time.Second

// New returns a client that has not connected yet. It fails on a URL or on files that
// can't be used.
func New(c Config) (*Client, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL of a schema registry is given")
	}
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is no http or https URL of a schema registry", text)
		}
		if u.User != nil {
			return nil, errors.New("the URL of the schema registry holds a user: give it as user name and password, which are not logged")
		}
	}
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	client := &Client{config: c, http: &http.Client{Transport: transport, Timeout: c.Timeout}}
	opts := []sr.ClientOpt{sr.URLs(c.URLs...), sr.UserAgent(c.UserAgent), sr.HTTPClient(client.http)}
	if c.Username != "" || !c.Password.Empty() {
		opts = append(opts, sr.BasicAuth(c.Username, c.Password.Reveal()))
	}
	if client.sr, err = sr.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return client, nil
}

func (c Config) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates for the schema registry: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate for the schema registry: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error says that the registry did not do what it was asked to: what happened, where,
// and what to look at.
type Error struct {
	// URL is the registry, Doing what it was asked for.
	URL, Doing string
	// Reason is what happened, Fix what mends it.
	Reason, Fix string
	// Status is that of its answer; zero where there was none.
	Status int
	// Err is what the client returned.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("schema registry at %s: %s: %s", e.URL, e.Doing, e.Reason)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// explain says what an error of the registry's client means.
func (c *Client) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{URL: strings.Join(c.config.URLs, ", "), Doing: doing, Err: err}
	var answer *sr.ResponseError
	var op *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	var unknown x509.UnknownAuthorityError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &answer):
		e.answered(answer)
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dns):
		e.Reason, e.Fix = "the host name "+dns.Name+" does not resolve", "check SCHEMA_REGISTRY_URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason, e.Fix = "connection refused", "check that it runs, and SCHEMA_REGISTRY_URL"
	case errors.As(err, &unknown):
		e.Reason, e.Fix = "its certificate is not trusted", "name the file of its CA in SCHEMA_REGISTRY_TLS_CA"
	case errors.As(err, &notTLS):
		e.Reason, e.Fix = "it does not speak TLS", "use an http URL in SCHEMA_REGISTRY_URL"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Reason, e.Fix = "no answer in time", "check SCHEMA_REGISTRY_URL and the network"
	case errors.As(err, &op):
		e.Reason, e.Fix = op.Error(), "check SCHEMA_REGISTRY_URL and the network"
	default:
		e.Reason, e.Fix = strings.TrimSpace(err.Error()), "check that SCHEMA_REGISTRY_URL is the base URL of a schema registry"
	}
	return e
}

// answered says what a status means.
func (e *Error) answered(a *sr.ResponseError) {
	e.Status = a.StatusCode
	e.Reason = fmt.Sprintf("%d %s", a.StatusCode, http.StatusText(a.StatusCode))
	if a.Message != "" {
		e.Reason += ": " + oneLine(a.Message)
	}
	switch {
	case a.StatusCode == http.StatusUnauthorized, a.StatusCode == http.StatusForbidden:
		e.Fix = "check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, and what they may do"
	case a.StatusCode == http.StatusConflict:
		e.Fix = "the schema is not compatible with what is registered: this program is older than the records on the topic, or somebody else registered another schema; schemas diff shows both"
	case a.StatusCode == http.StatusNotFound && a.ErrorCode == 0, a.StatusCode == http.StatusMethodNotAllowed:
		e.Fix = "check that SCHEMA_REGISTRY_URL is the base URL of a schema registry, as in http://localhost:8081 or http://apicurio:8080/apis/ccompat/v7"
	case a.StatusCode >= http.StatusInternalServerError:
		e.Fix = "it may pass"
	}
}

// textMost is how much of an answer's text is shown.
const textMost = 500

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), textMost)]
}

// notFound reports whether the registry says that there is no such subject, version or
// schema.
func notFound(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.ErrorCode != 0
}
