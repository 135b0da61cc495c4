// Package feed is the client of POST /api/career-sites/feed. Client.Page buys
// one page and returns it only if it was judged good as a whole; Scan judges
// how the pages of one scan follow each other.
//
// A page costs money, so the package never guesses: a try on the wire is one
// that it counts, a page is either whole or refused, and what may have been paid
// for without a page to show for it is reported (Page.UnknownTries and the
// function UnknownTries).
//
// # What an answer is, in the order in which it is judged
//
//  1. No answer: the request did not leave (dial, TLS): tried again. A
//     certificate that does not verify ends it.
//  2. The outcome is unknown: the request may have arrived, and no complete
//     answer came (timeout, reset, a body that is cut off or damaged): tried
//     again, but at most Config.UnknownTries times for a page, because each may
//     have been billed. Then *UnknownOutcomeError.
//  3. A status other than 2xx: *StatusError or *PaymentError, never billed. 408,
//     425, 429, 500, 502, 503 and 504 pass and are tried again, after the wait
//     that the server told; everything else, redirects included, ends it.
//  4. A 2xx answer that is not a good page: *PageError, with the first fault
//     found: status, content type, encoding, size, JSON (one value, UTF-8, no
//     duplicate names, depth), shape, number of rows, the cursor, implausible
//     rows. It may have been billed and would come again, so it ends it.
//  5. A good page. A single row that can't be a record does not refuse it: the
//     row says so in Row.Reason.
//
// # What the context stops
//
// When the context ends no further request is made. A request that is already
// on the wire is not torn down: the page may be paid for, so it has until its own
// timeout, but no longer than Config.DrainTimeout after the context ended.
//
// Files: client.go, attempt.go and flight.go the tries, request.go what is sent,
// transport.go how, response.go how an answer is read, status.go what a status
// means, decode.go and row.go the JSON, judge.go what makes a page good, scan.go
// the scan, errors.go and outcome.go what can go wrong.
package feed
