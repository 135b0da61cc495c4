package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// cursor is what a next_cursor carries: the scan it belongs to and the place in
// it. It is signed and self-contained, so it outlives a restart with the same
// seed, as a cursor of the live feed outlives a client.
type cursor struct {
	Filters    Filters `json:"f,omitzero"`
	Batch      int     `json:"b"` // of the request that began the scan
	Updated    int64   `json:"u"`
	ID         []byte  `json:"i"`
	Generation int     `json:"g,omitzero"` // voiding all cursors starts a new one
	Nonce      int     `json:"n,omitzero"` // tells cursors for the same place apart
}

// cursors issues and reads cursors. The caller holds the lock.
type cursors struct {
	key        []byte
	generation int
	nonce      int
	allAs      int            // status for cursors of an older generation
	voided     map[string]int // cursor -> status it is refused with
}

func newCursors(seed uint64) *cursors {
	key := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("cursor"), seed))
	return &cursors{key: key[:], voided: make(map[string]int)}
}

// startOf is the place where a scan begins: behind every row that is not newer
// than updated_after, which is exclusive.
func startOf(f Filters) place {
	p := place{updated: math.MinInt64}
	if f.UpdatedAfter != nil {
		p.updated = nanos(*f.UpdatedAfter)
		for i := range p.id {
			p.id[i] = 0xff
		}
	}
	return p
}

// issue makes the cursor for a place in a scan. The same place gives the same
// cursor, unless it must differ from one that was already used, or that one was
// voided: a scan that begins again meets no cursor that was void before it.
func (c *cursors) issue(scan scan, at place, distinct bool) (string, error) {
	next := cursor{
		Filters: scan.filters, Batch: scan.batch,
		Updated: at.updated, ID: at.id[:], Generation: c.generation,
	}
	if distinct {
		c.nonce++
		next.Nonce = c.nonce
	}
	text, err := json.Marshal(next)
	if err != nil {
		return "", err
	}
	payload := base64.RawURLEncoding.EncodeToString(text)
	issued := payload + "." + c.sign(payload)
	if _, void := c.voided[issued]; void {
		return c.issue(scan, at, true)
	}
	return issued, nil
}

func (c *cursors) sign(payload string) string {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}

// read returns what a cursor carries. status is 0 for a valid one, 400 for one
// that was never issued, or what it was voided with.
func (c *cursors) read(text string) (out cursor, status int) {
	payload, signature, _ := strings.Cut(text, ".")
	if !hmac.Equal([]byte(signature), []byte(c.sign(payload))) {
		return out, http.StatusBadRequest
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(raw, &out) != nil || len(out.ID) != len(id{}) {
		return out, http.StatusBadRequest
	}
	if status, ok := c.voided[text]; ok {
		return out, status
	}
	if out.Generation < c.generation {
		return out, c.allAs
	}
	return out, 0
}

// void refuses one cursor from now on.
func (c *cursors) void(text string, status int) { c.voided[text] = voidStatus(status) }

// voidStatus is 409 or else 400: there is no third way to lose a cursor.
func voidStatus(status int) int {
	if status == http.StatusConflict {
		return status
	}
	return http.StatusBadRequest
}

// voidAll refuses every cursor issued so far.
func (c *cursors) voidAll(status int) {
	c.generation++
	c.allAs = voidStatus(status)
	clear(c.voided)
}
