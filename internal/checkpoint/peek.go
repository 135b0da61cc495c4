package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Holder is who holds the lease. The zero value means nobody.
type Holder struct {
	// Held reports whether somebody holds it.
	Held bool
	// Owner and Token are the holder's. Token is zero where the lease was set by
	// hand; Owner is then all that was set.
	Owner string
	Token uint64
	// TTL is what is left of the lease. Negative: it never expires.
	TTL time.Duration
}

// Peek looks who holds the lease, and changes nothing.
func (s *Redis) Peek(ctx context.Context) (Holder, error) {
	var (
		value *redis.StringCmd
		left  *redis.DurationCmd
	)
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		value, left = p.Get(ctx, s.keys.lease), p.PTTL(ctx, s.keys.lease)
		return nil
	})
	// PTTL says -2 if the lease ended between the two commands, -1 if it never
	// does.
	switch {
	case errors.Is(err, redis.Nil), err == nil && left.Val() == -2:
		return Holder{}, nil
	case err != nil:
		return Holder{}, fmt.Errorf("look at lease: %w", s.explain(err, s.keys.lease, "not a string"))
	}
	h := Holder{Held: true, Owner: value.Val(), TTL: left.Val()}
	if owner, text, ok := strings.Cut(h.Owner, "|"); ok {
		if token, err := strconv.ParseUint(text, 10, 64); err == nil {
			h.Owner, h.Token = owner, token
		}
	}
	return h, nil
}

// Peek is Redis.Peek.
func (m *Memory) Peek(ctx context.Context) (Holder, error) {
	if err := m.enter(ctx); err != nil {
		return Holder{}, fmt.Errorf("look at lease: %w", err)
	}
	defer m.mu.Unlock()
	s := &m.state
	if !s.held(s.owner, s.token) || s.owner == "" {
		return Holder{}, nil
	}
	return Holder{Held: true, Owner: s.owner, Token: s.token, TTL: time.Until(s.expires)}, nil
}
