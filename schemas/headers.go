package schemas

// Headers of the records, of career sites above all: CloudEvents 1.0 in the binary mode of
// its Kafka protocol binding, and the run that published the record.
const (
	// HeaderContentType is the media type of the value: ContentTypeJSON or
	// ContentTypeAvro.
	HeaderContentType = "content-type"
	// HeaderSpecVersion is always SpecVersion.
	HeaderSpecVersion = "ce_specversion"
	// HeaderID is "<company id>@<updated_at>": the same version of a company
	// carries the same id however often the feed sends it, so a consumer can
	// recognise a version that it has seen.
	HeaderID = "ce_id"
	// HeaderSource is the URL of the feed, with the feed's name as fragment.
	HeaderSource = "ce_source"
	// HeaderType is TypeCareerSite.
	HeaderType = "ce_type"
	// HeaderTime is the row's updated_at in RFC 3339. It is absent where the
	// row has none that can be read.
	HeaderTime = "ce_time"
	// HeaderSubject is the company id, the record's key.
	HeaderSubject = "ce_subject"
	// HeaderDataSchema is the URL of the schema that an Avro value was written with,
	// at the schema registry; absent where the value is JSON.
	HeaderDataSchema = "ce_dataschema"

	// HeaderFeed is the name of the feed (FEED_NAME) that published the record.
	HeaderFeed = "jobo-feed"
	// HeaderRunID is the run that bought the row: Progress.RunID.
	HeaderRunID = "jobo-run-id"
	// HeaderPage is the number of the page within its run, from 1.
	HeaderPage = "jobo-page"
)

// The values of the headers that never vary.
const (
	SpecVersion     = "1.0"
	TypeCareerSite  = "world.jobo.career-site.v1"
	TypeCompany     = "world.jobo.company.v1"
	TypeDeadLetter  = "world.jobo.dead-letter.v1"
	ContentTypeJSON = "application/json"
	// ContentTypeAvro is an Avro body behind the prefix of a schema registry, see
	// CutPrefix.
	ContentTypeAvro = "application/avro"
)

// Headers of a company record, whose CloudEvents id is
// "<company id>@<fetched at>", whose source is the URL that was fetched, and whose
// time is when.
const (
	// HeaderSiteVersion is the updated_at of the career site that caused the
	// fetch, or the newest one that is known where a request did; absent where
	// none is.
	HeaderSiteVersion = "jobo-site-updated-at"
	// HeaderFetchedAt is when the profile was received, in RFC 3339 and UTC.
	HeaderFetchedAt = "jobo-fetched-at"
	// HeaderETag is the validator that the server sent with the profile; absent
	// where it sent none.
	HeaderETag = "jobo-etag"
)

// Headers that a dead letter carries. Those of the producer have HeaderFeed,
// HeaderRunID, HeaderPage and HeaderRow beside them, those of the enricher all
// the others and HeaderSiteVersion.
const (
	// HeaderReason is a DeadLetterReason.
	HeaderReason = "dead-letter-reason"
	// HeaderMessage says in words what was wrong with this row.
	HeaderMessage = "dead-letter-message"
	// HeaderOriginTopic is the topic that the record was meant for.
	HeaderOriginTopic = "dead-letter-origin-topic"
	// HeaderRow is the place of the row in its page, from 0.
	HeaderRow = "dead-letter-row"
	// HeaderSize is the size of the row in bytes, as the feed sent it.
	HeaderSize = "dead-letter-size"
	// HeaderSHA256 is the SHA-256 of the row in hexadecimal.
	HeaderSHA256 = "dead-letter-sha256"
	// HeaderOriginPartition and HeaderOriginOffset say where in HeaderOriginTopic
	// the record stands that could not be served. For the enricher that is the
	// topic that it was read from first, whatever retries came between.
	HeaderOriginPartition = "dead-letter-origin-partition"
	HeaderOriginOffset    = "dead-letter-origin-offset"
	// HeaderAttempts is how often the profile was asked for, HeaderFirstAttempt
	// and HeaderLastAttempt when, in RFC 3339 and UTC; absent where it never was.
	HeaderAttempts     = "dead-letter-attempts"
	HeaderFirstAttempt = "dead-letter-first-attempt"
	HeaderLastAttempt  = "dead-letter-last-attempt"
	// HeaderStatus is the HTTP status of the last answer; absent where there was
	// none. HeaderURL is what was asked for, or was refused to be.
	HeaderStatus = "dead-letter-status"
	HeaderURL    = "dead-letter-url"
)

// DeadLetterReason is the closed list of reasons in HeaderReason.
type DeadLetterReason string

// The reasons of the producer.
const (
	// ReasonNotAnObject marks a row that is not a JSON object (null, a string).
	ReasonNotAnObject DeadLetterReason = "not_an_object"
	// ReasonBadID marks a row whose id is missing, empty, not a string, longer
	// than 512 bytes, or holds control characters: it can't be a record's key.
	ReasonBadID DeadLetterReason = "bad_id"
	// ReasonTooLarge marks a row that the topic's max.message.bytes refuses.
	// Its dead letter has no value: the size and the digest stand in the headers.
	ReasonTooLarge DeadLetterReason = "too_large"
	// ReasonNotEncodable marks a row, or a profile, that VALUE_FORMAT=avro has no
	// place for: it names a member twice, or is not UTF-8.
	ReasonNotEncodable DeadLetterReason = "not_encodable"
)

// The reasons of the enricher.
const (
	// ReasonBadRequest marks a record of the requests topic that is no request.
	ReasonBadRequest DeadLetterReason = "bad_request"
	// ReasonBadSite marks a record of the career-sites topic that is no career
	// site.
	ReasonBadSite DeadLetterReason = "bad_site"

	// Of a details_url. None of these was ever asked for, except that
	// ReasonURLRedirect is an answer, which was not followed.
	ReasonURLMalformed DeadLetterReason = "url_malformed"
	ReasonURLTooLong   DeadLetterReason = "url_too_long"
	ReasonURLScheme    DeadLetterReason = "url_scheme"
	ReasonURLUserInfo  DeadLetterReason = "url_user_info"
	ReasonURLIPLiteral DeadLetterReason = "url_ip_literal"
	// ReasonURLHost marks a host or a port that is not among COMPANY_HOSTS.
	ReasonURLHost DeadLetterReason = "url_host"
	// ReasonURLAddress marks a name that resolves to an address that is not public.
	ReasonURLAddress  DeadLetterReason = "url_address"
	ReasonURLRedirect DeadLetterReason = "url_redirect"

	// ReasonNotFound is status 404, ReasonGone 410. The company's last profile
	// stays as it is.
	ReasonNotFound DeadLetterReason = "not_found"
	ReasonGone     DeadLetterReason = "gone"
	// ReasonStatus is any other status that no further try changes.
	ReasonStatus DeadLetterReason = "status"
	// ReasonBadProfile marks an answer that is not one JSON object within the
	// limits, ReasonWrongCompany the profile of another company. A profile that
	// the topic's max.message.bytes refuses is ReasonTooLarge.
	ReasonBadProfile   DeadLetterReason = "bad_profile"
	ReasonWrongCompany DeadLetterReason = "wrong_company"
	// ReasonExhausted marks a company that did not answer in any of its tries.
	ReasonExhausted DeadLetterReason = "retries_exhausted"
)

// Reasons returns all reasons, those of the producer first.
func Reasons() []DeadLetterReason {
	return []DeadLetterReason{
		ReasonNotAnObject, ReasonBadID, ReasonTooLarge, ReasonNotEncodable,
		ReasonBadRequest, ReasonBadSite,
		ReasonURLMalformed, ReasonURLTooLong, ReasonURLScheme, ReasonURLUserInfo, ReasonURLIPLiteral,
		ReasonURLHost, ReasonURLAddress, ReasonURLRedirect,
		ReasonNotFound, ReasonGone, ReasonStatus, ReasonBadProfile, ReasonWrongCompany, ReasonExhausted,
	}
}
