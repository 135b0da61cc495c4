package checkpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// UnavailableError says that the server did not do what it was asked to, for a
// reason of its own: what happened, where, and what to look at, in one line.
// Whether the call took effect is unknown; every call may be made again.
type UnavailableError struct {
	// Addr is the server, host:port or the path of its socket. The first of
	// several is the one that the URL names first.
	Addr string
	// Reason is what happened, Fix what mends it.
	Reason, Fix string
	// Temporary reports whether it may pass by itself. It does not with a wrong
	// password, a missing right, or a certificate that is not trusted.
	Temporary bool
	// Err is what the client returned. It may be nil.
	Err error
}

// Error implements error. It names no password: the client's own errors carry
// none, and the URL is not part of the text.
func (e *UnavailableError) Error() string {
	msg := "redis at " + e.Addr + ": " + e.Reason
	if e.Fix != "" {
		msg += "; " + e.Fix
	}
	if e.Err != nil {
		msg += " (" + strings.TrimSpace(e.Err.Error()) + ")"
	}
	return msg
}

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// IsDown reports whether err means that Redis is away or refuses to work,
// rather than that it gave an answer.
func IsDown(err error) bool {
	var u *UnavailableError
	return errors.As(err, &u)
}

// symptom is how a server says what ails it.
type symptom struct {
	// text is part of the reply.
	text        string
	reason, fix string
	lasting     bool
}

// symptoms are looked up in this order. The text may be anywhere in a reply,
// because older servers put one of their own before what a command in a script
// failed with.
func symptoms() []symptom {
	return []symptom{
		{text: "NOAUTH", reason: "it asks for a password", fix: "put one into REDIS_URL: redis://user:password@host:port", lasting: true},
		{text: "WRONGPASS", reason: "user name or password is wrong", fix: "check REDIS_URL", lasting: true},
		{text: "invalid password", reason: "the password is wrong", fix: "check REDIS_URL", lasting: true},
		{text: "without any password configured", reason: "it has no password, but REDIS_URL does", fix: "take it out of REDIS_URL", lasting: true},
		{text: "NOPERM", reason: "the user lacks a right", fix: "see the ACL line in the documentation", lasting: true},
		{text: "ACL failure", reason: "the user lacks a right", fix: "see the ACL line in the documentation", lasting: true},
		{text: "has no permissions", reason: "the user lacks a right", fix: "see the ACL line in the documentation", lasting: true},
		{text: "LOADING", reason: "it is loading its data after a start", fix: "wait"},
		{text: "READONLY", reason: "it is a read-only replica", fix: "name the master, or use a redis+sentinel:// URL"},
		{text: "MASTERDOWN", reason: "it is a replica without its master", fix: "check the replication"},
		{text: "CLUSTERDOWN", reason: "the cluster is down", fix: "check CLUSTER INFO"},
		{text: "TRYAGAIN", reason: "the cluster is moving these keys", fix: "wait"},
		{text: "MOVED ", reason: "it is part of a cluster", fix: "use a redis+cluster:// URL", lasting: true},
		{text: "cluster support disabled", reason: "it is not part of a cluster", fix: "use a redis:// URL", lasting: true},
		{text: "OOM", reason: "it is out of memory", fix: "raise maxmemory, and set maxmemory-policy noeviction"},
		{text: "MISCONF", reason: "it cannot save to its disk", fix: "check its disk and its log"},
		{text: "NOREPLICAS", reason: "it has fewer replicas than min-replicas-to-write", fix: "check the replication"},
		{text: "BUSY Redis", reason: "another client's script blocks it", fix: "SCRIPT KILL ends that"},
		{text: "max number of clients", reason: "it has no connection left", fix: "raise maxclients"},
		{text: "unknown command", reason: "a command is switched off", fix: "EVAL and EVALSHA are needed", lasting: true},
	}
}

// unavailable explains an error of the client of addr. Errors that are no
// server's fault, a cancelled context above all, come back as they are.
func unavailable(addr string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, redis.ErrClosed) {
		return err
	}
	if addr == "" {
		addr = "unknown address"
	}
	u := &UnavailableError{Addr: addr, Err: err, Temporary: true}
	if u.byReply(err) || u.byCertificate(err) || u.byNetwork(err) {
		return u
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		return fmt.Errorf("redis at %s: %w", addr, err)
	}
	u.Reason, u.Fix = "the call failed", "check the server and the network"
	return u
}

// byReply looks for what the server itself said. Where there are sentinels, the
// client wraps what they said.
func (u *UnavailableError) byReply(err error) bool {
	var reply redis.Error
	if errors.As(err, &reply) {
		for _, s := range symptoms() {
			if strings.Contains(reply.Error(), s.text) {
				u.Reason, u.Fix, u.Temporary = s.reason, s.fix, !s.lasting
				return true
			}
		}
	}
	if strings.Contains(err.Error(), "redis: all sentinels") {
		u.Reason, u.Fix = "no sentinel names a master", "check the addresses and master_name in REDIS_URL"
		return true
	}
	return false
}

// byCertificate looks for what TLS failed with.
func (u *UnavailableError) byCertificate(err error) bool {
	var (
		notTLS    tls.RecordHeaderError
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &notTLS):
		u.Reason, u.Fix = "it does not speak TLS", "use a redis:// URL, or its TLS port"
	case errors.As(err, &unknownCA):
		u.Reason, u.Fix = "its certificate is not trusted", "name the file of its CA in SSL_CERT_FILE"
	case errors.As(err, &hostname):
		u.Reason, u.Fix = "its certificate is for another host", "use the host name that is in the certificate"
	case errors.As(err, &invalid):
		u.Reason, u.Fix = "its certificate is not valid", "renew it, or correct the clock"
	case errors.As(err, &alert):
		u.Reason, u.Fix = "it refused the TLS handshake", "check its certificate settings"
	default:
		return false
	}
	u.Temporary = false
	return true
}

// byNetwork looks for what happened on the way.
func (u *UnavailableError) byNetwork(err error) bool {
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout net.Error
	)
	// With several servers, the one that was dialled says more than the first.
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil && op.Addr.String() != "" {
		u.Addr = op.Addr.String()
	}
	switch {
	case errors.As(err, &dns):
		u.Reason, u.Fix = "the host name "+dns.Name+" does not resolve", "check REDIS_URL and the DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		u.Reason, u.Fix = "connection refused", "check that it runs, and the port"
	case errors.Is(err, syscall.ENOENT):
		u.Reason, u.Fix = "there is no such socket", "check that it runs, and the path"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		u.Reason, u.Fix = "it closed the connection", "if it expects TLS, use a rediss:// URL"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		u.Reason, u.Fix = "no answer in time", "check the network, its load and SLOWLOG"
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		u.Reason, u.Fix = "no free connection", "check the network and its load"
	case op != nil:
		u.Reason, u.Fix = "the connection failed", "check the network"
	default:
		return false
	}
	return true
}
