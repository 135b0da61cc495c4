package schemas

// Headers of every career-site record: CloudEvents 1.0 in the binary mode of
// its Kafka protocol binding, and the run that published the record.
const (
	// HeaderContentType is the media type of the value: ContentTypeJSON.
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
	TypeDeadLetter  = "world.jobo.dead-letter.v1"
	ContentTypeJSON = "application/json"
)

// Headers that a dead letter carries beside HeaderFeed, HeaderRunID and
// HeaderPage.
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
)
