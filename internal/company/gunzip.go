package company

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// unzipper reads compressed bodies. Its memory is used again for the next one:
// of a body that was sent compressed only what it says is kept.
type unzipper struct {
	wire  bytes.Buffer // the body as sent
	input bytes.Reader
	zip   gzip.Reader
}

// unzippers hands out an unzipper for each body that is read. Its zero value is
// ready for use by many goroutines.
type unzippers struct{ free sync.Pool }

// keepWire is the largest buffer that is kept: an ordinary profile has a tenth.
const keepWire = 64 << 10

func (p *unzippers) take() *unzipper {
	if u, ok := p.free.Get().(*unzipper); ok {
		return u
	}
	return new(unzipper)
}

// put takes u back. What was read with it must not be in use any more, except
// for what gunzip returned.
func (p *unzippers) put(u *unzipper) {
	if u.wire.Cap() > keepWire {
		u.wire = bytes.Buffer{}
	}
	u.wire.Reset()
	u.input.Reset(nil)
	p.free.Put(u)
}

// gunzip decodes raw. What can only be damage on the way (early end, checksum)
// is an ordinary error; a body that is no gzip at all is a *ProfileError.
func (u *unzipper) gunzip(raw []byte, limit int64) ([]byte, error) {
	u.input.Reset(raw)
	err := u.zip.Reset(&u.input)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the gzip body ends within its header, after %d bytes", len(raw))
	case err != nil:
		return nil, bad("the body is labelled gzip and is not: %v", err)
	}
	var out bytes.Buffer
	err = readAtMost(&out, &u.zip, limit, claimedSize(raw))
	switch {
	case errors.Is(err, errTooLarge):
		return nil, bad("the body is larger than %d bytes after gunzip", limit)
	case errors.Is(err, gzip.ErrHeader):
		return nil, bad("the gzip body is followed by something else")
	case err != nil:
		return nil, fmt.Errorf("the gzip body is damaged or cut off after %d bytes: %w", out.Len(), err)
	}
	return out.Bytes(), nil
}

// claimedSize is what the end of a gzip body says of its size when it is decoded
// (RFC 1952, ISIZE). It is a hint: a body may lie or have several parts.
func claimedSize(raw []byte) int64 {
	if len(raw) < 4 {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(raw[len(raw)-4:]))
}

var errTooLarge = errors.New("too large")

// readAtMost reads r to its end into buf, or fails with errTooLarge after limit
// bytes. hint is about how much there may be.
func readAtMost(buf *bytes.Buffer, r io.Reader, limit, hint int64) error {
	buf.Grow(int(min(max(hint, 0), 1<<20)) + bytes.MinRead) // a claim is not worth more memory than that
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return err
}
