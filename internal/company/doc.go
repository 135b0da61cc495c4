// Package company is the client of GET details_url: the full profile of one
// company. The URL comes from data that others wrote, so it is judged before
// anything is asked for, and a profile is returned only if it was judged good as
// a whole.
//
// # What is asked for
//
// Client.URL judges a URL without touching the network, in this order: its
// length, its spelling, https, no user info, no IP address in any spelling, host
// and port among Config.Hosts. When the name has been resolved the dialer judges
// each address before it connects: only public ones (RFC 6890 and the registries
// that it began) are dialed, so a name that points into a private network, today
// or from the second look-up on, reaches nothing.
//
// The only exception is Config.BaseURL, which the operator chose: where it is on
// this machine's own loopback, a URL of that very scheme, host and port passes,
// and so does the loopback address that its host stands for.
//
// No redirect is followed and no proxy is used. The API key goes to the origin
// of BaseURL alone.
//
// # What an answer is
//
//  1. No answer, or one whose body does not arrive whole: an ordinary error, it
//     may pass.
//  2. 304 to a request that carried an ETag: nothing has changed.
//  3. Any other 3xx: *RefusedError.
//  4. A status that is not 2xx: *StatusError.
//  5. A 2xx answer that is not the profile asked for: *ProfileError.
//  6. Status 200 and one JSON object whose id is the company's: its bytes as
//     they were sent.
//
// Judge says what each of them means for the company. Get makes one request and
// never a second one: waits and tries are the caller's, who counts them.
//
// Files: client.go a try, guard.go and hosts.go the URL, request.go what is sent,
// address.go what may be dialed, transport.go how, response.go, gunzip.go and
// profile.go how an answer is read, status.go what an error status says, judge.go
// what errors mean.
package company
