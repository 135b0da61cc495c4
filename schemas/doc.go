// Package schemas is the public contract of the topics: what a record's key,
// value and headers are, for programs that consume them.
//
// Three topics are written by the producer:
//
//   - career sites (default jobo.career-sites.v1, compacted): one record for
//     each version of a company's career site. The key is the company id in
//     UTF-8, the value is the JSON object exactly as the feed sent it, byte for
//     byte, members unknown to CareerSite included. The newest record of a key
//     is the newest version.
//   - progress (default jobo.career-sites.progress.v1, compacted, one
//     partition): one Progress for each transaction, keyed by the name of the
//     feed, written together with the rows of its pages, usually of one. While a
//     backfill is cut into windows there is one more for each window that has
//     pages in the transaction, keyed FEED/window-N.
//   - dead letters (default jobo.dead-letters.v1): rows that could not be
//     published, with the reason in their headers.
//
// All three are written in Kafka transactions: read them with
// isolation.level=read_committed, or rows of aborted pages show up as
// duplicates.
package schemas

// The default names of the topics. The last part is the major version of the
// contract: what is incompatible gets a new topic.
const (
	CareerSitesTopic = "jobo.career-sites.v1"
	ProgressTopic    = "jobo.career-sites.progress.v1"
	DeadLettersTopic = "jobo.dead-letters.v1"
)
