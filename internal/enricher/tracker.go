package enricher

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// tracker knows of one partition which records are in hand and which are done.
//
// Records are done in any order, so the position that is committed, the first
// one that is not, leaves behind it others that are. The metadata of the position
// name the exceptions, so a successor does nothing twice:
//
//	version 1, then as varints: seen - offset, and the distances between the
//	records that are not done, beginning with the offset; all in base64
//
// Everything in [offset, seen) that is not named is done.
type tracker struct {
	// next is the offset after the last record that was taken.
	next  int64
	epoch int32
	// open are the records that were taken and are not done, in order.
	open []int64
	// seen and left are what the position said that this tracker began with, as
	// far as it was not taken yet: below seen only left is not done.
	seen int64
	left []int64
	// changed says that the position is another than the one committed last.
	changed bool
}

// newTracker begins where p says. Metadata that can't be read are somebody
// else's, and say nothing.
func newTracker(p Position) *tracker {
	t := &tracker{next: p.Offset, seen: p.Offset, epoch: p.Epoch}
	if seen, left, ok := decodeMetadata(p.Offset, p.Metadata); ok {
		t.seen, t.left = seen, left
	}
	return t
}

// take notes that a record came. It returns false for one that is in hand or
// done.
func (t *tracker) take(offset int64, epoch int32) bool {
	if offset < t.next {
		return false
	}
	t.next, t.epoch, t.changed = offset+1, epoch, true
	known := offset < t.seen
	for len(t.left) > 0 && t.left[0] < offset {
		t.left = t.left[1:] // it is gone from the topic
	}
	if known && (len(t.left) == 0 || t.left[0] != offset) {
		return false
	}
	if known {
		t.left = t.left[1:]
	}
	t.open = append(t.open, offset)
	return true
}

// done closes a record that was taken.
func (t *tracker) done(offset int64) {
	if i, found := slices.BinarySearch(t.open, offset); found {
		t.open = slices.Delete(t.open, i, i+1)
		t.changed = true
	}
}

// reopen takes back that a record is done.
func (t *tracker) reopen(offset int64) {
	if i, found := slices.BinarySearch(t.open, offset); !found {
		t.open = slices.Insert(t.open, i, offset)
		t.changed = true
	}
}

// position is what there is to commit.
func (t *tracker) position() Position {
	open := slices.Concat(t.open, t.left)
	seen := max(t.next, t.seen)
	if len(open) == 0 {
		return Position{Offset: seen, Epoch: t.epoch}
	}
	return Position{Offset: open[0], Epoch: t.epoch, Metadata: encodeMetadata(seen, open)}
}

const (
	metadataVersion = 1
	// metadataMost is a little less than the 4096 bytes that brokers take by
	// default.
	metadataMost = 4000
)

// encodeMetadata names the records that are not done. Where there are too many of
// them it claims less: what comes after those that fit counts as not done.
func encodeMetadata(seen int64, open []int64) string {
	room := base64.RawStdEncoding.DecodedLen(metadataMost) - 1 - binary.MaxVarintLen64
	body := make([]byte, 0, min(room, 4*len(open)))
	at := open[0]
	for _, offset := range open {
		if len(body)+binary.MaxVarintLen64 > room {
			seen = offset
			break
		}
		body = binary.AppendUvarint(body, uint64(offset-at)) //nolint:gosec // offsets grow
		at = offset
	}
	head := binary.AppendUvarint([]byte{metadataVersion}, uint64(seen-open[0])) //nolint:gosec // seen is behind them
	return base64.RawStdEncoding.EncodeToString(append(head, body...))
}

func decodeMetadata(offset int64, text string) (seen int64, left []int64, ok bool) {
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < 2 || raw[0] != metadataVersion {
		return 0, nil, false
	}
	raw = raw[1:]
	next := func() (int64, bool) {
		v, n := binary.Uvarint(raw)
		if n <= 0 || v > 1<<62 {
			return 0, false
		}
		raw = raw[n:]
		return int64(v), true
	}
	span, good := next()
	if !good {
		return 0, nil, false
	}
	at := offset
	for len(raw) > 0 {
		step, good := next()
		if !good || step > span {
			return 0, nil, false
		}
		at += step
		left = append(left, at)
	}
	return offset + span, left, len(left) > 0 && left[0] == offset && at < offset+span
}
