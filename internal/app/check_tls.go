package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"
)

// certificateWorry is how long before a certificate's end a word is said.
const certificateWorry = 14 * 24 * time.Hour

// origin is where an API is, and how its client connects.
type origin struct {
	name    string // in words: "the feed"
	baseURL string
	tls     *tls.Config
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// feedTLS looks at the encryption of the feed.
func (k *checkup) feedTLS(ctx context.Context) []finding {
	return origin{"the feed", k.baseURL(), k.c.Feed.TLS, k.c.Feed.DialContext}.encryption(ctx)
}

// encryption looks at the encryption without sending the key.
func (o origin) encryption(ctx context.Context) []finding {
	u, err := url.Parse(o.baseURL)
	if err != nil || u.Scheme != "https" {
		return one(skip, o.name+" is not asked over https", "")
	}
	state, err := o.handshake(ctx, u)
	if err != nil {
		return one(fail, err.Error(), reachFix(err))
	}
	end := state.PeerCertificates[0].NotAfter
	text := fmt.Sprintf("%s, certificate good until %s", tls.VersionName(state.Version), end.UTC().Format(time.DateOnly))
	if time.Until(end) < certificateWorry {
		return one(warn, text, "tell whoever runs "+o.name+" that its certificate ends soon")
	}
	return one(okay, text, "")
}

// handshake connects as the client does.
func (o origin) handshake(ctx context.Context, u *url.URL) (tls.ConnectionState, error) {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	dial := o.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: clientTimeout}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return tls.ConnectionState{}, fmt.Errorf("connect to %s: %w", u.Host, err)
	}
	defer conn.Close()
	config := &tls.Config{}
	if o.tls != nil {
		config = o.tls.Clone()
	}
	config.ServerName, config.MinVersion = u.Hostname(), max(config.MinVersion, tls.VersionTLS12)
	session := tls.Client(conn, config)
	if err := session.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, fmt.Errorf("TLS with %s: %w", u.Host, err)
	}
	return session.ConnectionState(), nil
}
