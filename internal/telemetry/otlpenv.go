package telemetry

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// newOTLP reads the exporter's other variables. Each has a form for traces alone,
// which wins.
func newOTLP(target *url.URL, getenv func(string) string) (*otlp, error) {
	setting := func(name string) (string, string) {
		if full := "OTEL_EXPORTER_OTLP_TRACES_" + name; getenv(full) != "" {
			return full, getenv(full)
		}
		return "OTEL_EXPORTER_OTLP_" + name, getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	o := &otlp{url: target.String(), timeout: otlpTimeout}
	var err error
	if o.header, err = headers(setting("HEADERS")); err != nil {
		return nil, err
	}
	name, value := setting("COMPRESSION")
	if o.compress = value == "gzip"; value != "" && value != "gzip" && value != "none" {
		return nil, fmt.Errorf("%s is %q: want gzip or none", name, value)
	}
	if name, value := setting("TIMEOUT"); value != "" {
		ms, err := strconv.ParseUint(value, 10, 31)
		if err != nil || ms == 0 {
			return nil, fmt.Errorf("%s is %q: want milliseconds, such as 10000", name, value)
		}
		o.timeout = time.Duration(ms) * time.Millisecond
	}
	if name, value := setting("CLIENT_CERTIFICATE"); value != "" {
		return nil, fmt.Errorf("%s is not supported: use OTEL_EXPORTER_OTLP_HEADERS, or a collector beside the program", name)
	}
	roots, err := certificates(setting("CERTIFICATE"))
	if err != nil {
		return nil, err
	}
	o.http = &http.Client{
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			IdleConnTimeout: time.Minute,
		},
		// The headers hold credentials: they go nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return o, nil
}

// headers reads key=value pairs, separated by commas, with values that are
// percent-encoded (W3C Baggage).
func headers(name, value string) (http.Header, error) {
	out := http.Header{}
	for i, pair := range strings.Split(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, text, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		text, err := url.PathUnescape(strings.TrimSpace(text))
		if !ok || key == "" || err != nil {
			return nil, fmt.Errorf("%s: pair %d is not key=value with a percent-encoded value", name, i+1) // not its text: it is a secret
		}
		out.Add(key, text)
	}
	return out, nil
}

// certificates reads a file of authorities; nil stands for the system's.
func certificates(name, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in %s: want PEM", name, file)
	}
	return pool, nil
}
