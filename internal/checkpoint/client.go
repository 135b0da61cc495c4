package checkpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// What a try may take, and how many connections there are: a lease of 15 s is
// renewed after 5 s and given up after 10, so a call that fails must say so
// early enough for the next one. The library's own times add up to more than
// the lease.
const (
	defaultDial = 500 * time.Millisecond
	defaultIO   = 300 * time.Millisecond
	retries     = 1
	poolSize    = 10
)

// urlForms is what an error about the URL shows in place of the URL.
const urlForms = "expected redis://[user:password@]host:port[/db], rediss:// for TLS, unix:///path, " +
	"redis+sentinel://host:port?master_name=name or redis+cluster://host:port, with any of / ? # @ : % in a password percent-encoded"

// urlOptions are the options that a URL may carry. Timeouts and retries are not
// among them, because the lease depends on these, nor are those that let a
// replica answer or skip the check of a certificate.
func urlOptions(form string) []string {
	common := []string{"protocol", "pool_size", "conn_max_idle_time", "conn_max_lifetime"}
	switch form {
	case "sentinel":
		return append(common, "db", "addr", "master_name", "username", "password")
	case "cluster":
		return append(common, "addr")
	default:
		return append(common, "db")
	}
}

// newClient returns a client that has not connected yet, and the address to
// name in errors.
func newClient(cfg Config) (redis.UniversalClient, string, error) {
	form, base, err := checkURL(cfg.URL.Reveal())
	if err != nil {
		return nil, "", fmt.Errorf("redis url: %w", err)
	}
	var (
		client redis.UniversalClient
		addr   string
	)
	switch form {
	case "sentinel":
		client, addr, err = sentinelClient(cfg, base)
	case "cluster":
		client, addr, err = clusterClient(cfg, base)
	default:
		client, addr, err = serverClient(cfg, base)
	}
	if err != nil {
		// The library's error may quote a part of the password.
		return nil, "", fmt.Errorf("redis url: %s", urlForms)
	}
	return client, addr, nil
}

// checkURL returns the form of raw (server, sentinel or cluster) and the URL as
// the library wants it. Its errors quote nothing: where a password was not
// escaped, any part of the URL may be a part of the password.
func checkURL(raw string) (form, base string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", errors.New("not a URL: " + urlForms)
	}
	scheme, form, _ := strings.Cut(u.Scheme, "+")
	switch {
	case scheme == "unix" && form == "":
	case scheme != "redis" && scheme != "rediss", !slices.Contains([]string{"", "sentinel", "cluster"}, form):
		return "", "", errors.New("unknown scheme: " + urlForms)
	case u.Fragment != "" || u.Opaque != "":
		return "", "", errors.New("not of a known form: " + urlForms)
	}
	known := urlOptions(form)
	for option := range u.Query() {
		if !slices.Contains(known, option) {
			return "", "", fmt.Errorf("unknown option; the options are %s", strings.Join(known, ", "))
		}
	}
	if form == "sentinel" && u.Query().Get("master_name") == "" {
		return "", "", errors.New("master_name is missing: " + urlForms)
	}
	if form == "cluster" && strings.Trim(u.Path, "/") != "" {
		return "", "", errors.New("a cluster has no numbered databases: leave the path out")
	}
	u.Scheme = scheme
	return form, u.String(), nil
}

// serverClient returns the client of a single server.
func serverClient(cfg Config, base string) (redis.UniversalClient, string, error) {
	o, err := redis.ParseURL(base)
	if err != nil {
		return nil, "", err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = timeouts(cfg)
	o.DialerRetries, o.MaxRetries, o.ContextTimeoutEnabled = 1, retries, true
	o.ClientName, o.DisableIdentity = clientName(cfg), true
	o.PoolSize, o.PipelinePoolSize = orDefault(o.PoolSize, poolSize), -1
	o.TLSConfig = trust(o.TLSConfig, cfg.RootCAs)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), o.Addr, nil
}

// sentinelClient returns the client of the master that sentinels name. It has
// no setting for maintenance notifications: the library never asks for them
// there.
func sentinelClient(cfg Config, base string) (redis.UniversalClient, string, error) {
	o, err := redis.ParseFailoverURL(base)
	if err != nil {
		return nil, "", err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = timeouts(cfg)
	o.DialerRetries, o.MaxRetries, o.ContextTimeoutEnabled = 1, retries, true
	o.ClientName, o.DisableIdentity = clientName(cfg), true
	o.PoolSize, o.PipelinePoolSize = orDefault(o.PoolSize, poolSize), -1
	o.TLSConfig = trust(o.TLSConfig, cfg.RootCAs)
	return redis.NewFailoverClient(o), "sentinel " + strings.Join(o.SentinelAddrs, ", ") + " for " + o.MasterName, nil
}

// clusterClient returns the client of a cluster. Reads go to the masters.
func clusterClient(cfg Config, base string) (redis.UniversalClient, string, error) {
	o, err := redis.ParseClusterURL(base)
	if err != nil {
		return nil, "", err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = timeouts(cfg)
	o.DialerRetries, o.MaxRetries, o.ContextTimeoutEnabled = 1, retries, true
	o.ClientName, o.DisableIdentity = clientName(cfg), true
	o.PoolSize, o.PipelinePoolSize = orDefault(o.PoolSize, poolSize), -1
	o.TLSConfig = trust(o.TLSConfig, cfg.RootCAs)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClusterClient(o), strings.Join(o.Addrs, ", "), nil
}

// timeouts returns the bounds of one try.
func timeouts(cfg Config) (dial, read, write time.Duration) {
	return orDefault(cfg.DialTimeout, defaultDial), orDefault(cfg.ReadTimeout, defaultIO), orDefault(cfg.WriteTimeout, defaultIO)
}

func clientName(cfg Config) string { return orDefault(cfg.ClientName, "careerstream") }

// orDefault returns v, or otherwise where v is zero.
func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// trust completes the settings of a TLS connection; nil means no TLS.
func trust(c *tls.Config, roots *x509.CertPool) *tls.Config {
	if c != nil {
		c.RootCAs, c.MinVersion = roots, tls.VersionTLS12
	}
	return c
}

// clientLog passes what the client library says to zap. The library has no
// levels and talks about every failed try; those come back as errors anyway.
type clientLog struct{ log *zap.Logger }

// Printf implements the library's logger.
func (l clientLog) Printf(_ context.Context, format string, args ...any) {
	l.log.Debug("redis client", zap.String("message", fmt.Sprintf(format, args...)))
}
