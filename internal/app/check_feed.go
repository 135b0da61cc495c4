package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
)

// feed asks the feed for nothing, which shows whether it would sell.
func (k *checkup) feed(ctx context.Context) []finding {
	config := k.c.Feed
	config.Limiter, config.Observe = nil, nil
	config.Retry, config.UnknownTries = retry.Policy{Tries: 1}, 1
	config.Timeout, config.DrainTimeout = clientTimeout, time.Millisecond
	client, err := feed.New(config)
	if err != nil {
		return one(fail, err.Error(), "check JOBO_BASE_URL and JOBO_API_KEY")
	}
	defer client.Close()
	page, err := client.Page(ctx, feed.Nothing())
	if err != nil {
		return refusal(err)
	}
	if !page.ServedAt.IsZero() {
		skew := skewAt(page.ServedAt, page.Took)
		k.skew = &skew
	}
	if len(page.Rows) > 0 {
		return one(fail, fmt.Sprintf("it answers a request for nothing with %d rows, for %d credits: it does not heed filters", len(page.Rows), page.Cost()), "check JOBO_BASE_URL")
	}
	balance := "the wallet is not told"
	if page.Balance != feed.Unknown {
		balance = fmt.Sprintf("the wallet holds %d credits", page.Balance)
	}
	return one(okay, "it takes the key; "+balance+"; this request cost nothing", "")
}

// skewAt is how far our clock is ahead of one that said it is at, in an answer that
// took so long and has just come. It was written while we waited, and has whole
// seconds: it is half a second late on average.
func skewAt(at time.Time, took time.Duration) time.Duration {
	return time.Since(at) - took/2 - time.Second/2
}

// refusal explains why the feed gave no page.
func refusal(err error) []finding {
	var tries *retry.Error
	var unknown *feed.UnknownOutcomeError
	// There was one try, and it could not cost anything: neither is worth a word.
	if errors.As(err, &tries) && tries.Err != nil {
		err = tries.Err
	}
	if errors.As(err, &unknown) {
		err = unknown.Err
	}
	var status *feed.StatusError
	var payment *feed.PaymentError
	var refused *feed.PageError
	switch {
	case errors.As(err, &payment):
		return one(fail, payment.Error(), "fill the wallet; until then nothing can be bought, and run waits")
	case errors.Is(err, feed.ErrUnauthorized):
		return one(fail, err.Error(), "set JOBO_API_KEY (or the file in JOBO_API_KEY_FILE) to a key that is valid for this feed")
	case errors.Is(err, feed.ErrForbidden):
		return one(fail, err.Error(), "ask the vendor for a plan with the career sites feed, or use the key of one")
	case errors.As(err, &status):
		return refusedWith(status)
	case errors.As(err, &refused):
		return one(fail, err.Error(), "check that JOBO_BASE_URL names the feed itself, not a proxy or a web page")
	}
	return one(fail, err.Error(), reachFix(err))
}

// refusedWith judges a status that is neither about the key nor about money.
func refusedWith(e *feed.StatusError) []finding {
	switch {
	case e.Status/100 == 3:
		return one(fail, e.Error(), "set JOBO_BASE_URL to where it redirects to, https in most cases")
	case e.Status == http.StatusTooManyRequests:
		return one(warn, e.Error(), fmt.Sprintf("the key is good, its request limits are used up: wait %s, and set FEED_RATE_LIMIT below them where several programs share the key", e.RetryAfter))
	case e.Status >= 500:
		return one(fail, e.Error(), "the feed itself is in trouble: try again later")
	}
	return one(fail, e.Error(), "check JOBO_BASE_URL: it does not answer as the feed does")
}

// reachFix says what to do where no answer came.
func reachFix(err error) string {
	var (
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		notTLS    tls.RecordHeaderError
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &unknownCA):
		return "if its certificate is of a private CA, name the file of that in SSL_CERT_FILE"
	case errors.As(err, &hostname):
		return "name the host in JOBO_BASE_URL as its certificate does"
	case errors.As(err, &invalid):
		return "its certificate has to be renewed, or the clock of this machine be set"
	case errors.As(err, &notTLS):
		return "it does not speak TLS on this port: check scheme and port in JOBO_BASE_URL"
	case errors.As(err, &dns):
		return "check the host in JOBO_BASE_URL, and the DNS of this machine"
	}
	return "check JOBO_BASE_URL, and that this machine may connect to it directly: no proxy is used, whatever the environment says"
}

// The skews of the clock from which on something is said about it. The feed's
// Date has whole seconds, so a few of them are nothing.
const (
	skewWorthAWord = time.Minute
	skewTooLarge   = 5 * time.Minute
)

// clock compares our clock with the feed's. A run counts from the earlier of the
// two, so that nothing is missed.
func (k *checkup) clock(context.Context) []finding {
	return k.skewOf("the feed", "the days and months of the budgets turn too early", "each run buys again what changed in that time")
}

// skewOf judges how far our clock is from that of whoever was asked, whose name and
// consequences come in words.
func (k *servers) skewOf(whose, ahead, behind string) []finding {
	if k.skew == nil {
		return one(skip, whose+" did not say what time it is", "")
	}
	skew := *k.skew
	text := fmt.Sprintf("it is %s ahead of %s's: %s", skew.Round(time.Second), whose, ahead)
	if skew < 0 {
		text = fmt.Sprintf("it is %s behind %s's: %s", (-skew).Round(time.Second), whose, behind)
	}
	fix := "synchronise this machine's clock (timedatectl set-ntp true, or chrony)"
	switch {
	case skew.Abs() > skewTooLarge:
		return one(fail, text, fix)
	case skew.Abs() > skewWorthAWord:
		return one(warn, text, fix)
	}
	return one(okay, "it agrees with "+whose+"'s", "")
}
