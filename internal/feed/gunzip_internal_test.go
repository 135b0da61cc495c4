package feed

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// zippedPage is benchPage as the feed sends it.
func zippedPage(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := z.Write(benchPage()); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestUnzipperForgetsADamagedBody(t *testing.T) {
	t.Parallel()
	good, want := zippedPage(t), benchPage()
	var u unzipper
	for name, bad := range map[string][]byte{
		"nothing":         {},
		"not gzip":        want[:100],
		"half a header":   good[:5],
		"half a body":     good[:len(good)/2],
		"wrong checksum":  append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...),
		"another one too": append(bytes.Clone(good), good[:20]...),
	} {
		if _, refused := u.gunzip(bad, 1<<20); refused == nil {
			t.Errorf("%s is taken", name)
		}
		got, refused := u.gunzip(good, 1<<20)
		if refused != nil || !bytes.Equal(got, want) {
			t.Errorf("after %s a good body gives %d bytes and %v, want %d bytes", name, len(got), refused, len(want))
		}
	}
}

func TestUnzippedBodyOutlivesItsUnzipper(t *testing.T) {
	t.Parallel()
	var pool unzippers
	u := pool.take()
	u.wire.Write(zippedPage(t))
	first, refused := u.gunzip(u.wire.Bytes(), 1<<20)
	if refused != nil {
		t.Fatal(refused)
	}
	pool.put(u)
	again := pool.take()
	again.wire.Write(zippedPage(t))
	second, refused := again.gunzip(again.wire.Bytes(), 1<<20)
	if refused != nil {
		t.Fatal(refused)
	}
	clear(second)
	if !bytes.Equal(first, benchPage()) {
		t.Error("the first body changed when the second one was written over")
	}
}

// BenchmarkGunzip is the measurement by which unzipper was chosen.
func BenchmarkGunzip(b *testing.B) {
	raw := zippedPage(b)
	b.Run("unzipper", func(b *testing.B) {
		b.ReportAllocs()
		var u unzipper
		for b.Loop() {
			if _, refused := u.gunzip(raw, 1<<20); refused != nil {
				b.Fatal(refused)
			}
		}
	})
	b.Run("compress gzip", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			z, err := stdgzip.NewReader(bytes.NewReader(raw))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(z); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestCompressionIsAskedForWhereThereIsANetworkBetween(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{"connect.jobo.world": "gzip", "10.1.2.3": "gzip", "localhost": "identity", "127.0.0.1": "identity", "::1": "identity"} {
		if got := acceptedEncoding(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}
