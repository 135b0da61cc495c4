package producer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestARowThatCannotBePublishedIsADeadLetterAndThePageGoesOn(t *testing.T) {
	tests := []struct {
		fault   simulator.Fault
		reason  schemas.DeadLetterReason
		message string
		key     bool // it has an id that can be a key
		value   bool // it is kept
	}{
		{simulator.Fault{Kind: simulator.KindNullRow}, schemas.ReasonNotAnObject, "null", false, true},
		{simulator.Fault{Kind: simulator.KindRowWithoutID}, schemas.ReasonBadID, "missing", false, true},
		{simulator.Fault{Kind: simulator.KindEmptyID}, schemas.ReasonBadID, "empty", false, true},
		{simulator.Fault{Kind: simulator.KindLongID}, schemas.ReasonBadID, "512", false, true},
		{simulator.Fault{Kind: simulator.KindNumberID}, schemas.ReasonBadID, "not a string", false, true},
		{simulator.Fault{Kind: simulator.KindOversizedRow, Bytes: 40_000}, schemas.ReasonTooLarge, "topic sites takes 20000", true, false},
	}
	for _, test := range tests {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				s.opts.Topics.MaxRow = 20_000
				test.fault.When.Page = 2
				s.fault(test.fault)
				got := s.sync()
				if got.Rows != 12 || got.DeadLetters != 1 || got.Progress.Rows != 12 || got.Progress.DeadLetters != 1 || got.Credits != 13*50 {
					s.t.Errorf("got %+v, want 12 rows and 1 dead letter, all of them paid", got)
				}
				s.wantTruth(12)
				letters := s.visible(deadTopic)
				if len(letters) != 1 {
					s.t.Fatalf("dead letters: got %d, want 1", len(letters))
				}
				letter := letters[0]
				if (len(letter.Key) > 0) != test.key || (len(letter.Value) > 0) != test.value {
					s.t.Errorf("got a key of %d bytes and a value of %d, want them to be there: %t, %t", len(letter.Key), len(letter.Value), test.key, test.value)
				}
				for name, want := range map[string]string{
					schemas.HeaderReason: string(test.reason), schemas.HeaderOriginTopic: sitesTopic,
					schemas.HeaderFeed: feedName, schemas.HeaderRunID: got.Progress.RunID, schemas.HeaderPage: "2",
				} {
					if h := header(letter, name); h != want {
						s.t.Errorf("header %s: got %q, want %q", name, h, want)
					}
				}
				if message := header(letter, schemas.HeaderMessage); !strings.Contains(message, test.message) {
					s.t.Errorf("message: got %q, want %q in it", message, test.message)
				}
				size, digest := header(letter, schemas.HeaderSize), sha256.Sum256(letter.Value)
				if test.value && (size != strconv.Itoa(len(letter.Value)) || header(letter, schemas.HeaderSHA256) != hex.EncodeToString(digest[:])) {
					s.t.Errorf("size %s and digest do not fit the value of %d bytes", size, len(letter.Value))
				}
				if n, _ := strconv.Atoi(size); !test.value && n < 40_000 {
					s.t.Errorf("size: got %s, want that of the row", size)
				}
			})
		})
	}
}

func TestADeadLetterThatItsTopicCannotTakeHasNoValue(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Topics.MaxDeadLetter = 1000
		s.fault(simulator.Fault{Kind: simulator.KindLongID, Bytes: 5000})
		s.sync()
		letters := s.visible(deadTopic)
		if len(letters) != 1 || len(letters[0].Value) != 0 || header(letters[0], schemas.HeaderReason) != string(schemas.ReasonBadID) {
			s.t.Errorf("got %d letters %v, want one for a bad id, without value", len(letters), letters)
		}
		s.wantTruth(12)
	})
}

func TestTheLargestRowThatMayGoIsPublished(t *testing.T) {
	onStage(t, simulator.Options{Rows: 3}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindOversizedRow, Bytes: s.opts.Topics.MaxRow - 2000})
		if got := s.sync(); got.Rows != 4 || got.DeadLetters != 0 {
			s.t.Errorf("got %d rows, %d dead letters; want 4, 0", got.Rows, got.DeadLetters)
		}
		if n := len(s.visible(sitesTopic)); n != 4 {
			s.t.Errorf("records: got %d, want 4", n)
		}
	})
}
