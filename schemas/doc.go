// Package schemas is the public contract of the topics: what a record's key,
// value and headers are, for programs that consume them.
//
// The producer writes three topics:
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
// With VALUE_FORMAT=avro the values of career sites and companies are Avro with the
// prefix of a schema registry instead: see Codec, and DecodeRecord, which reads either
// by its headers. The Avro schemas are the reference for names, types and meaning;
// the Go types and the JSON Schemas are checked against them. What was released stays
// in the folder released, and a test refuses a schema that is not compatible with all of
// it, both ways.
//
// The enricher reads two topics and writes one more:
//
//   - company requests (default jobo.company-requests.v1): whoever wants the
//     profile of a company writes a CompanyRequest here, keyed by its id.
//   - companies (default jobo.companies.v1, compacted): the full profile of each
//     company that was selected or asked for, keyed by its id, byte for byte as
//     the API sent it. A company that is gone keeps its last profile.
//
// What could not be fetched goes to the dead letters, and companies that have
// to wait for another try to topics of the enricher's own, named after
// jobo.company-retries.v1, which are not part of this contract.
//
// All of them are written in Kafka transactions: read them with
// isolation.level=read_committed, or rows of aborted pages show up as
// duplicates.
package schemas

// The default names of the topics. The last part is the major version of the
// contract: what is incompatible gets a new topic.
const (
	CareerSitesTopic = "jobo.career-sites.v1"
	ProgressTopic    = "jobo.career-sites.progress.v1"
	DeadLettersTopic = "jobo.dead-letters.v1"
	CompaniesTopic   = "jobo.companies.v1"
	RequestsTopic    = "jobo.company-requests.v1"
	RetriesTopic     = "jobo.company-retries.v1"
)
