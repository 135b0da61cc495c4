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

	"github.com/careerstream/careerstream/internal/retry"
)

// rights are what the user of REDIS_URL needs, of keys and of commands.
const rights = "~jobo:{feed}:* ~jobo:{key-*}:* ~jobo:{companies}:* +client|setname +ping +eval +evalsha +get +set +del +incr +pexpire +pttl +hset +hmget +hgetall +hdel, for the enricher +time +hincrby +zadd +zcard +zcount +zrangebyscore +zrank +zrem +zremrangebyscore +zrevrange +zscore, and +cluster|slots in a cluster"

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
		{text: "NOPERM", reason: "the user lacks a right", fix: "it needs " + rights, lasting: true},
		{text: "The user executing the script can't", reason: "the user lacks a right", fix: "it needs " + rights, lasting: true},
		{text: "ACL failure", reason: "the user lacks a right", fix: "it needs " + rights, lasting: true},
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
	u := &UnavailableError{Addr: addr, Err: err, Temporary: true}
	if !u.byReply(err) && !u.byCertificate(err) && !u.byNetwork(err) {
		var reply redis.Error
		if errors.As(err, &reply) {
			return fmt.Errorf("redis at %s: %w", addr, err)
		}
		u.Reason, u.Fix = "the call failed", "check the server and the network"
	}
	if !u.Temporary {
		return retry.Permanent(u)
	}
	return u
}

// byReply looks for what the server itself said, or what the client made of
// what its sentinels said.
func (e *UnavailableError) byReply(err error) bool {
	if strings.Contains(err.Error(), "redis: all sentinels") {
		e.Reason, e.Fix = "no sentinel names a master", "check the addresses and master_name in REDIS_URL"
		return true
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	for _, s := range symptoms() {
		if strings.Contains(reply.Error(), s.text) {
			e.Reason, e.Fix, e.Temporary = s.reason, s.fix, !s.lasting
			return true
		}
	}
	return false
}

// byCertificate looks for what TLS failed with.
func (e *UnavailableError) byCertificate(err error) bool {
	var (
		notTLS    tls.RecordHeaderError
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     *net.OpError
	)
	switch {
	case errors.As(err, &notTLS):
		e.Reason, e.Fix = "it does not speak TLS", "use a redis:// URL, or its TLS port"
	case errors.As(err, &unknownCA):
		e.Reason, e.Fix = "its certificate is not trusted", "name the file of its CA in SSL_CERT_FILE"
	case errors.As(err, &hostname):
		e.Reason, e.Fix = "its certificate is for another host", "use the host name that is in the certificate"
	case errors.As(err, &invalid):
		e.Reason, e.Fix = "its certificate is not valid", "renew it, or correct the clock"
	case errors.As(err, &alert) && alert.Op == "remote error": // how TLS reports an alert
		e.Reason, e.Fix = "it refused the TLS handshake", "check its certificate settings"
	default:
		return false
	}
	e.Temporary = false
	return true
}

// byNetwork looks for what happened on the way.
func (e *UnavailableError) byNetwork(err error) bool {
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout net.Error
	)
	// With several servers, the one that was dialled says more than the first.
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil && op.Addr.String() != "" {
		e.Addr = op.Addr.String()
	}
	switch {
	case errors.As(err, &dns):
		e.Reason, e.Fix = "the host name "+dns.Name+" does not resolve", "check REDIS_URL and the DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason, e.Fix = "connection refused", "check that it runs, and the address in REDIS_URL"
	case errors.Is(err, syscall.ENOENT):
		e.Reason, e.Fix = "there is no such socket", "check that it runs, and the path in REDIS_URL"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.Reason, e.Fix = "it closed the connection", "check whether it expects TLS (rediss://) or not (redis://)"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Reason, e.Fix = "no answer in time", "check the address in REDIS_URL, the network, its load and SLOWLOG"
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		e.Reason, e.Fix = "no free connection", "check the network and its load"
	case op != nil:
		e.Reason, e.Fix = "the connection failed", "check the network"
	default:
		return false
	}
	return true
}
