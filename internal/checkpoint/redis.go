package checkpoint

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// Config says which server keeps the state of which feed.
type Config struct {
	// URL is the server's, see the package comment for its forms. It may carry
	// a password and is never printed.
	URL secret.String
	// Feed is the name of the stream; it is part of the keys.
	Feed string
	// ClientName is what CLIENT LIST shows. Empty means careerstream.
	ClientName string
	// Logger gets what the client library has to say, such as a change of the
	// master. The library keeps one logger for the whole process: that of the
	// last Open. Nil silences it.
	Logger *zap.Logger
	// RootCAs are the CAs trusted with rediss:// and its like. Nil means those
	// of the system, or of the file that SSL_CERT_FILE names.
	RootCAs *x509.CertPool

	// DialTimeout, ReadTimeout and WriteTimeout bound one try of a call; there
	// are two. Zero means 500 ms, 300 ms and 300 ms. Together they must stay
	// well below the time that a lease has left when its renewal is begun.
	DialTimeout, ReadTimeout, WriteTimeout time.Duration
}

// Redis is the store on a Redis server, a Sentinel group or a Cluster. Its
// methods may be called from any goroutine. Each of them may fail with an
// *UnavailableError, after which the call may be made again.
type Redis struct {
	client redis.UniversalClient
	addr   string
	feed   string
	keys   keys
	script scripts
}

// Check reports what is wrong with the form of url, which it does not repeat.
func Check(url secret.String) error {
	client, _, err := newClient(Config{URL: url})
	if err == nil {
		err = client.Close()
	}
	return err
}

// Open connects to the server and asks it for a sign of life. It fails with an
// *UnavailableError if there is none, and with another error if the
// configuration is wrong.
func Open(ctx context.Context, cfg Config) (*Redis, error) {
	k, err := feedKeys(cfg.Feed)
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	redis.SetLogger(clientLog{cfg.Logger})
	client, addr, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Redis{client: client, addr: addr, feed: cfg.Feed, keys: k, script: newScripts()}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return s, nil
}

// Close closes the connections.
func (s *Redis) Close() error { return s.client.Close() }

// Ping asks the server for a sign of life.
func (s *Redis) Ping(ctx context.Context) error {
	return unavailable(s.addr, s.client.Ping(ctx).Err())
}

// Acquire takes the lease for owner and returns its fencing token, which is
// above floor and above every token before, as long as the server keeps its
// data. It returns *BusyError if another owner holds the lease. An owner that
// holds it already gets its token again: that makes a lost reply harmless.
func (s *Redis) Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (uint64, error) {
	if err := checkAcquire(owner, ttl, floor); err != nil {
		return 0, err
	}
	reply, err := s.script.acquire.Run(ctx, s.client, []string{s.keys.lease, s.keys.fence},
		owner, ttl.Milliseconds(), floor).StringSlice()
	if err != nil {
		return 0, fmt.Errorf("acquire lease: %w", s.explain(err, s.keys.lease+" or "+s.keys.fence, "not a string, or the fence is not a number"))
	}
	token, err := strconv.ParseUint(reply[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("acquire lease: token: %w", err)
	}
	if reply[0] == "HELD" {
		return token, nil
	}
	left, err := strconv.ParseInt(reply[2], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("acquire lease: time left: %w", err)
	}
	return 0, &BusyError{Owner: reply[3], Token: token, TTL: time.Duration(left) * time.Millisecond}
}

// Renew lets the lease run for ttl from now. It returns ErrLost if it is not
// this owner's under this token any more.
func (s *Redis) Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error {
	value, err := leaseValue(owner, token)
	if err == nil {
		err = checkTTL(ttl)
	}
	if err != nil {
		return err
	}
	n, err := s.script.renew.Run(ctx, s.client, []string{s.keys.lease}, value, ttl.Milliseconds()).Int()
	if err != nil {
		return fmt.Errorf("renew lease: %w", s.explain(err, s.keys.lease, "not a string"))
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

// Release gives the lease back. A lease that is not this owner's any more is
// left alone, and that is no error: what was wanted is the case. So the reply
// to a first try may be lost, too.
func (s *Redis) Release(ctx context.Context, owner string, token uint64) error {
	value, err := leaseValue(owner, token)
	if err != nil {
		return err
	}
	if err := s.script.release.Run(ctx, s.client, []string{s.keys.lease}, value).Err(); err != nil {
		return fmt.Errorf("release lease: %w", s.explain(err, s.keys.lease, "not a string"))
	}
	return nil
}

// Held asks the server whether the lease stands under this owner and token. It
// returns ErrLost if it does not.
func (s *Redis) Held(ctx context.Context, owner string, token uint64) error {
	value, err := leaseValue(owner, token)
	if err != nil {
		return err
	}
	got, err := s.client.Get(ctx, s.keys.lease).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("check lease: %w", s.explain(err, s.keys.lease, "not a string"))
	}
	if err != nil || got != value {
		return ErrLost
	}
	return nil
}

// Get returns the copy of the checkpoint. It returns ErrNotFound if there is
// none, and *CorruptError if it cannot be read.
func (s *Redis) Get(ctx context.Context) (schemas.Progress, error) {
	h, err := s.client.HGetAll(ctx, s.keys.checkpoint).Result()
	if err != nil {
		return schemas.Progress{}, fmt.Errorf("get checkpoint: %w", s.explain(err, s.keys.checkpoint, "not a hash"))
	}
	if len(h) == 0 {
		return schemas.Progress{}, ErrNotFound
	}
	copied := stored{fence: h["fence"], seq: h["seq"], op: h["op"], state: []byte(h["state"])}
	return copied.decode(s.feed, s.keys.checkpoint)
}

// Put moves the copy forward to p. It returns a *ConflictError if the copy is of
// a later take-over (ErrFenced) or is as far already with another operation
// (ErrStale), and *CorruptError if it cannot tell. To put the operation that
// stands there is no error.
func (s *Redis) Put(ctx context.Context, p schemas.Progress) error {
	state, err := encode(s.feed, p)
	if err != nil {
		return err
	}
	reply, err := s.script.put.Run(ctx, s.client, []string{s.keys.checkpoint}, fields(p, state)...).StringSlice()
	if err != nil {
		return fmt.Errorf("put checkpoint: %w", s.explain(err, s.keys.checkpoint, "not a hash"))
	}
	conflict := &ConflictError{Op: reply[3]}
	switch reply[0] {
	case "OK":
		return nil
	case "FENCED":
		conflict.Err = ErrFenced
	case "STALE":
		conflict.Err = ErrStale
	default:
		return &CorruptError{Key: s.keys.checkpoint, Reason: fmt.Sprintf("fence %q or seq %q is no number", reply[1], reply[2])}
	}
	// The script compared them as numbers: they parse, or are an operator's
	// joke that the error may show as zero.
	conflict.Fence, _ = strconv.ParseUint(reply[1], 10, 64)
	conflict.Seq, _ = strconv.ParseUint(reply[2], 10, 64)
	return conflict
}

// Repair replaces the copy with p, whatever is there: another type, a corrupt
// value, a checkpoint that is further. A zero p removes it. It does so only
// while owner holds the lease under token, and returns ErrLost otherwise.
//
// It is for the one moment after a take-over when p was read from the progress
// topic, and this owner was found to be alone.
func (s *Redis) Repair(ctx context.Context, owner string, token uint64, p schemas.Progress) error {
	value, err := leaseValue(owner, token)
	if err != nil {
		return err
	}
	args := []any{value}
	if !isZero(p) {
		state, err := encode(s.feed, p)
		if err != nil {
			return err
		}
		args = append(args, fields(p, state)...)
	}
	n, err := s.script.repair.Run(ctx, s.client, []string{s.keys.lease, s.keys.checkpoint}, args...).Int()
	if err != nil {
		return fmt.Errorf("repair checkpoint: %w", s.explain(err, s.keys.lease, "not a string"))
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

// fields are what put.lua and repair.lua store: the first four for the program,
// the others for whoever looks with HGETALL.
func fields(p schemas.Progress, state []byte) []any {
	return []any{p.Fence, p.Seq, p.Op, state, p.Cursor, stamp(p.Watermark), p.RunID, stamp(p.CommittedAt)}
}

// stamp formats t for people; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// explain turns an error of the client into one of this package. A value of the
// wrong kind at key is reported as reason.
func (s *Redis) explain(err error, key, reason string) error {
	if strings.Contains(err.Error(), "WRONGTYPE") || strings.Contains(err.Error(), "not an integer") {
		return &CorruptError{Key: key, Reason: reason}
	}
	return unavailable(s.addr, err)
}

// Feed is the name of the stream whose state this is.
func (s *Redis) Feed() string { return s.feed }
