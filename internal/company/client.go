package company

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// Client asks for profiles. It is safe for use by many goroutines. Make one with
// New.
type Client struct {
	transport *http.Transport
	keyed     *keyed
	guard     *guard
	companies string // the URL that a company's id is appended to
	userAgent string

	timeout             time.Duration
	maxBody, maxDecoded int64
	unzippers           unzippers
}

// Answer is what came of a try.
type Answer struct {
	// Profile has the bytes that the server sent, decoded where they were
	// compressed; nil with NotModified.
	Profile []byte
	// ETag is what to pass to the next Get for this URL; empty where there is
	// none that can be sent.
	ETag string
	// NotModified says that the profile is still the one with the ETag that was
	// passed to Get.
	NotModified bool
	// FetchedAt is when the answer was complete, by our clock, in UTC.
	FetchedAt time.Time
	Limits    Limits
	// Took is how long the try lasted.
	Took time.Duration
}

// New returns a client that cfg describes; it makes no request. The error says
// which setting is wrong and what is expected.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	base, err := cfg.base()
	if err != nil {
		return nil, err
	}
	guard, err := newGuard(cfg, base)
	if err != nil {
		return nil, err
	}
	transport := newTransport(cfg, base)
	keyed := &keyed{next: transport, keys: newKeys(cfg.Key)}
	if cfg.Wrap != nil {
		keyed.next = cfg.Wrap(transport)
	}
	if cfg.SendKey {
		keyed.origin = origin(base)
	}
	return &Client{
		transport:  transport,
		keyed:      keyed,
		guard:      guard,
		companies:  base.JoinPath("/api/companies").String() + "/",
		userAgent:  cfg.UserAgent,
		timeout:    cfg.Timeout,
		maxBody:    cfg.MaxBody,
		maxDecoded: cfg.MaxDecoded,
	}, nil
}

// Close gives up the connections that are kept for the next request.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// SetKey makes key the API key of every request that begins from now on; one that
// is under way keeps the key that it began with. A key that no request can carry
// is refused with an error that does not repeat it, and the one in use stays.
func (c *Client) SetKey(key secret.String) error {
	if err := checkKey(key); err != nil {
		return err
	}
	c.keyed.keys.set(key)
	return nil
}

// URL returns the URL to ask for the profile of a company: detailsURL, or that of
// the API itself where detailsURL is empty. It makes no request. The error is a
// *RefusedError.
func (c *Client) URL(id, detailsURL string) (string, error) {
	u, refused := c.target(id, detailsURL)
	if refused != nil {
		return "", refused
	}
	return u.String(), nil
}

// target judges a URL. The API's own one is the operator's choice, not data.
func (c *Client) target(id, rawURL string) (*url.URL, *RefusedError) {
	// As parts of a path both mean another place.
	usable := schemas.CheckID(id) == nil && id != "." && id != ".."
	own := c.companies + url.PathEscape(id)
	if usable && (rawURL == "" || rawURL == own) {
		if u, err := url.Parse(own); err == nil && len(own) <= maxURLBytes {
			return u, nil
		}
	}
	var refused *RefusedError
	switch {
	case rawURL != "":
		var u *url.URL
		if u, refused = c.guard.check(rawURL); refused == nil {
			return u, nil
		}
	case !usable:
		refused = refuse(schemas.ReasonBadID, nil, "the company id can't be a part of a URL")
	default:
		refused = refuse(schemas.ReasonURLTooLong, nil, "the API's own URL has %d bytes, more than %d", len(own), maxURLBytes)
	}
	refused.URL, refused.Detail = c.redact(refused.URL), c.clean(refused.Detail)
	return nil, refused
}

// Get makes one request, for the profile of the company id at a URL that Client.URL
// returned. etag, if it is not empty and can be sent, is that of the profile at
// hand. See Judge for what the errors mean. A try ends with ctx, and errors.Is
// then finds context.Cause(ctx).
func (c *Client) Get(ctx context.Context, id, rawURL, etag string) (Answer, error) {
	begin := time.Now()
	u, refused := c.target(id, rawURL)
	if refused != nil {
		return Answer{}, refused
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no complete answer within %v", c.timeout))
	defer cancel()
	answer, err := c.exchange(ctx, cancel, query{id: id, url: u, etag: sendableETag(etag)})
	if err != nil {
		return Answer{}, err
	}
	end := time.Now()
	answer.FetchedAt, answer.Took = end.UTC(), end.Sub(begin)
	return answer, nil
}

// exchange sends the request and reads the answer.
func (c *Client) exchange(ctx context.Context, cancel func(), q query) (Answer, error) {
	// The transport itself and no http.Client around it: that would follow
	// redirects, and its errors repeat the query of the URL.
	resp, err := c.keyed.RoundTrip(c.request(ctx, q))
	if err != nil {
		return Answer{}, c.failure(q, err)
	}
	defer resp.Body.Close()
	limits := readLimits(resp.Header, time.Now())
	answer, err := c.answer(cancel, q, resp)
	if err != nil {
		return Answer{}, &answeredError{err: err, limits: limits}
	}
	answer.Limits = limits
	return answer, nil
}

// failure is an error of a try that got no complete answer.
func (c *Client) failure(q query, err error) error {
	var refused *addressError
	if errors.As(err, &refused) {
		return &RefusedError{
			Reason: schemas.ReasonURLAddress, URL: c.shown(q.url),
			Detail: fmt.Sprintf("host %q resolves to %v", q.url.Hostname(), refused),
		}
	}
	return fmt.Errorf("GET %s: %w", c.shown(q.url), c.scrub(err))
}
