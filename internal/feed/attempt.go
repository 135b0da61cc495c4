package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
)

// Outcome is the closed list of ways in which a try ends.
type Outcome string

// The outcomes.
const (
	OutcomePage    Outcome = "page"     // a good page
	OutcomeStatus  Outcome = "status"   // an error status, not billed
	OutcomeRefused Outcome = "refused"  // a *PageError
	OutcomeUnknown Outcome = "unknown"  // sent, and no complete answer: may be billed
	OutcomeNotSent Outcome = "not_sent" // never left
)

// Attempt is one try, for Config.Observe.
type Attempt struct {
	Outcome Outcome
	// Status is the HTTP status, zero where no answer came.
	Status int
	// Took is how long the try lasted, waits before it not included.
	Took time.Duration
	// Err is nil for OutcomePage.
	Err error
}

// errorBodyTimeout bounds the wait for the body of an error, whose status is
// known and which is only read for its words.
const errorBodyTimeout = 10 * time.Second

// try makes one request. Errors are marked for retry.Do.
func (c *Client) try(ctx context.Context, q Query, body []byte) (Page, error) {
	begin := time.Now()
	page, status, err := c.exchange(ctx, q, body)
	page.Took = time.Since(begin)
	if c.observe != nil {
		c.observe(Attempt{Outcome: outcome(err), Status: status, Took: page.Took, Err: err})
	}
	return page, c.classify(err)
}

// exchange sends the request and reads the answer.
func (c *Client) exchange(ctx context.Context, q Query, body []byte) (page Page, status int, err error) {
	f := c.newFlight(ctx)
	defer f.cancel(nil)
	req, err := c.request(f.ctx, body)
	if err != nil {
		return Page{}, 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Page{}, 0, f.failure(c.scrub(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		page, err = c.answer(q, resp)
		return page, resp.StatusCode, f.explain(err)
	}
	stop := time.AfterFunc(errorBodyTimeout, func() { f.cancel(errTimeout) })
	defer stop.Stop()
	return Page{}, resp.StatusCode, c.statusError(q, resp, c.errorBody(resp))
}

// classify tells retry.Do what an error of a try means.
func (c *Client) classify(err error) error {
	var (
		status  *StatusError
		refused *PageError
		unknown *unknownError
		badCert *tls.CertificateVerificationError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown): // before PageError, which it may hold
		return err
	case errors.As(err, &refused):
		return retry.Permanent(err)
	case errors.As(err, &status) && !retryable(status.Status):
		return retry.Permanent(err)
	case status != nil:
		c.hold(status)
		return retry.After(err, status.RetryAfter)
	case errors.As(err, &badCert): // no try will make it trusted
		return retry.Permanent(err)
	}
	return err
}

// hold tells the limiter of a wait that concerns every request of the key.
func (c *Client) hold(e *StatusError) {
	if l, ok := c.limiter.(holder); ok && e.Status == http.StatusTooManyRequests && e.RetryAfter > 0 {
		l.Until(time.Now().Add(e.RetryAfter))
	}
}

func outcome(err error) Outcome {
	var (
		status  *StatusError
		refused *PageError
		unknown *unknownError
	)
	switch {
	case err == nil:
		return OutcomePage
	case errors.As(err, &unknown):
		return OutcomeUnknown
	case errors.As(err, &refused):
		return OutcomeRefused
	case errors.As(err, &status):
		return OutcomeStatus
	}
	return OutcomeNotSent
}
