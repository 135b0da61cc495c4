package feed

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
)

// Client buys pages. It is safe for use by many goroutines. Make one with New.
type Client struct {
	http      *http.Client
	transport *http.Transport
	url       string
	encoding  string // for Accept-Encoding
	keys      *keys
	userAgent string

	limiter Limiter
	retry   retry.Policy
	observe func(Attempt)

	timeout, drain      time.Duration
	unknownTries        int
	maxBody, maxDecoded int64
	unzippers           unzippers
}

// New returns a client that cfg describes; it makes no request. The error says
// which setting is wrong and what is expected.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	endpoint, err := cfg.endpoint()
	if err != nil {
		return nil, err
	}
	transport := newTransport(cfg)
	var next http.RoundTripper = transport
	if cfg.Wrap != nil {
		next = cfg.Wrap(transport)
	}
	keys := newKeys(cfg.Key)
	return &Client{
		http: &http.Client{
			Transport: &keyed{next: next, origin: origin(endpoint), keys: keys},
			// A redirect is an answer like any other: see redirectDetail.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		transport:    transport,
		url:          endpoint.String(),
		encoding:     acceptedEncoding(endpoint.Hostname()),
		keys:         keys,
		userAgent:    cfg.UserAgent,
		limiter:      cfg.Limiter,
		retry:        cfg.Retry,
		observe:      cfg.Observe,
		timeout:      cfg.Timeout,
		drain:        cfg.DrainTimeout,
		unknownTries: cfg.UnknownTries,
		maxBody:      cfg.MaxBody,
		maxDecoded:   cfg.MaxDecoded,
	}, nil
}

// Close gives up the connections that are kept for the next request.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// SetKey makes key the API key of every request that begins from now on, without
// a pause and whatever goroutines are in Page: a request that is under way keeps
// the key that it began with. A key that no request can carry is refused with an
// error that does not repeat it, and the one in use stays.
func (c *Client) SetKey(key secret.String) error {
	if err := checkKey(key); err != nil {
		return err
	}
	c.keys.set(key)
	return nil
}

// Page buys the page that q asks for, and returns it only if all of it is good.
// It waits for the limiter before each try and tries again what may pass.
//
// The errors to branch on: ErrInvalidCursor, *PaymentError, ErrUnauthorized,
// ErrForbidden, *StatusError for any other status, *PageError for an answer that
// is not a good page, *UnknownOutcomeError. What ended the tries is a
// *retry.Error around them; where ctx did, errors.Is finds context.Cause(ctx).
// Pass every error to UnknownTries: the call may have cost something.
func (c *Client) Page(ctx context.Context, q Query) (Page, error) {
	body, err := q.body()
	if err != nil {
		return Page{}, err
	}
	var page Page
	unknown := 0
	err = retry.Do(ctx, c.retry, func(ctx context.Context) error {
		if err := c.wait(ctx); err != nil {
			return err
		}
		var err error
		page, err = c.try(ctx, q, body)
		var u *unknownError
		if !errors.As(err, &u) {
			return err
		}
		unknown++
		if unknown >= c.unknownTries {
			return retry.Permanent(&UnknownOutcomeError{Tries: unknown, Err: err})
		}
		return err
	})
	if err == nil {
		page.UnknownTries = unknown
		return page, nil
	}
	if unknown > 0 {
		err = &talliedError{err: err, unknown: unknown}
	}
	return Page{}, err
}

// wait returns nil when a request may start.
func (c *Client) wait(ctx context.Context) error {
	if c.limiter == nil {
		return nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil { // ended as its turn came
		return context.Cause(ctx)
	}
	return nil
}
