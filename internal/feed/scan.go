package feed

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// maxEmptyPages is how many pages in a row may have no rows and yet announce
// more. They cost nothing, but a scan that never ends uses up the request limits.
const maxEmptyPages = 3

// Scan judges what only a sequence of pages can show: a feed whose cursors run in
// a circle would be paid for ever. The zero value is a scan that begins, or is
// taken up again; use a new one after a restart of the pagination. It is not safe
// for use by many goroutines.
type Scan struct {
	// seen has eight bytes of a digest of each cursor that was sent: a million
	// pages are 16 MB or so, and a false alarm among them is one chance in 30
	// million.
	seen  map[uint64]struct{}
	empty int
}

// Judge takes the pages of the scan in their order, each with the query that it
// answers. It returns a *PageError where the scan must not go on after p.
func (s *Scan) Judge(q Query, p Page) error {
	if s.seen == nil {
		s.seen = make(map[uint64]struct{})
	}
	s.seen[digest(q.Cursor)] = struct{}{}
	s.empty++
	if len(p.Rows) > 0 {
		s.empty = 0
	}
	if !p.HasMore {
		return nil
	}
	refuse := func(f Fault, why error) error {
		return &PageError{Reason: f, Detail: why.Error(), Rows: len(p.Rows), Credits: p.Credits, Balance: p.Balance}
	}
	if _, ok := s.seen[digest(p.Next)]; ok {
		return refuse(FaultCursorLoop, errors.New("the next cursor "+p.Next.String()+" was sent before in this scan: it runs in a circle"))
	}
	if s.empty > maxEmptyPages {
		return refuse(FaultEmptyPages, errors.New("more pages in a row are empty than can be normal, and the feed says that there are more"))
	}
	return nil
}

func digest(c Cursor) uint64 {
	sum := sha256.Sum256([]byte(c))
	return binary.BigEndian.Uint64(sum[:8])
}
