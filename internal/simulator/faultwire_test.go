package simulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// spoilt buys the first page of 10 rows over the wire from a simulator with one
// fault. good is the body that it would have been.
func spoilt(t *testing.T, f simulator.Fault, header ...string) (srv *simulator.Server, resp *head, got, good []byte, err error) {
	t.Helper()
	srv, client := start(t, unlimited(30))
	_, good, err = post(t, client, srv.URL(), `{"batch_size":10}`)
	if err != nil {
		t.Fatal(err)
	}
	arm(t, srv, f)
	resp, got, err = post(t, client, srv.URL(), `{"batch_size":10}`, header...)
	return srv, resp, got, good, err
}

// billedPages includes the good page that spoilt bought first.
func billedPages(t *testing.T, srv *simulator.Server, want int) {
	t.Helper()
	if got := srv.Ledger().Pages; got != want {
		t.Errorf("billed pages: got %d, want %d", got, want)
	}
}

func TestCutBodyIsBilledAndSeenAsItsFramingAllows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		framing simulator.Framing
		err     error
	}{
		{"", io.ErrUnexpectedEOF},
		{simulator.FramingLength, io.ErrUnexpectedEOF},
		{simulator.FramingChunked, io.ErrUnexpectedEOF},
		{simulator.FramingClose, nil}, // nothing on the wire tells that bytes are missing
	} {
		t.Run("framing "+string(tc.framing), func(t *testing.T) {
			t.Parallel()
			srv, resp, got, good, err := spoilt(t, simulator.Fault{Kind: simulator.KindCut, Bytes: 1000, Framing: tc.framing})
			if !errors.Is(err, tc.err) || resp.StatusCode != http.StatusOK {
				t.Fatalf("got error %v, want %v", err, tc.err)
			}
			if !bytes.Equal(got, good[:1000]) {
				t.Errorf("got %d bytes, want the first 1000 of the page", len(got))
			}
			if resp.Header.Get("X-Credits-Deducted") != "500" {
				t.Errorf("headers: got %v", resp.Header)
			}
			billedPages(t, srv, 2)
		})
	}
}

func TestCutWithoutBytesLosesHalf(t *testing.T) {
	t.Parallel()
	_, _, got, good, err := spoilt(t, simulator.Fault{Kind: simulator.KindCut})
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != len(good)/2 {
		t.Errorf("got %d of %d bytes, error %v", len(got), len(good), err)
	}
}

func TestResetComesBeforeAnyAnswer(t *testing.T) {
	t.Parallel()
	for _, billed := range []bool{false, true} {
		srv, resp, _, _, err := spoilt(t, simulator.Fault{Kind: simulator.KindReset, Billed: billed})
		if resp != nil || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("billed %v: got error %v, want a reset", billed, err)
		}
		want := 1
		if billed {
			want = 2
		}
		billedPages(t, srv, want)
		if got := srv.Ledger().Status[0]; got != 1 {
			t.Errorf("answers without status: got %d, want 1", got)
		}
	}
}

func TestStallHangsAfterTheHeadersUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	srv, client := start(t, unlimited(30))
	arm(t, srv, simulator.Fault{Kind: simulator.KindStall, Bytes: 100})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL()+"/api/career-sites/feed", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, got); err != nil || !bytes.HasPrefix(got, []byte(`{"career_sites":[`)) {
		t.Fatalf("before the stall: got %s, %v", got, err)
	}
	billedPages(t, srv, 1)
	// Closing the body is leaving: the server's Close would hang if the handler did
	// not notice.
	resp.Body.Close()
}

func TestStallWithADelayEndsInACut(t *testing.T) {
	t.Parallel()
	srv, _, got, _, err := spoilt(t, simulator.Fault{Kind: simulator.KindStall, Delay: time.Millisecond})
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 0 {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
	billedPages(t, srv, 2)
}

func TestHarmlessFaultsDeliverThePage(t *testing.T) {
	t.Parallel()
	for _, f := range []simulator.Fault{
		{Kind: simulator.KindLatency, Delay: time.Millisecond},
		{Kind: simulator.KindLatency, Delay: time.Millisecond, Billed: true},
		{Kind: simulator.KindDrip, Bytes: 4000},
	} {
		srv, _, got, good, err := spoilt(t, f)
		if err != nil || !bytes.Equal(got, good) {
			t.Errorf("%s: got %d bytes, error %v", f.Kind, len(got), err)
		}
		billedPages(t, srv, 2)
	}
}

func TestBytesAroundTheBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		f             simulator.Fault
		before, after string
	}{
		{simulator.Fault{Kind: simulator.KindBOM}, "\xef\xbb\xbf", ""},
		{simulator.Fault{Kind: simulator.KindTrailing}, "", "\n{\"career_sites\":[],\"next_cursor\":null,\"has_more\":false}"},
		{simulator.Fault{Kind: simulator.KindTrailing, Body: "}"}, "", "}"},
	} {
		srv, _, got, good, err := spoilt(t, tc.f)
		if want := tc.before + string(good) + tc.after; err != nil || string(got) != want {
			t.Errorf("%s: got %d bytes, want %d (%v)", tc.f.Kind, len(got), len(want), err)
		}
		billedPages(t, srv, 2)
	}
}

func TestHeadersThatLie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		f          simulator.Fault
		name, want string
	}{
		{simulator.Fault{Kind: simulator.KindContentType}, "Content-Type", ""},
		{simulator.Fault{Kind: simulator.KindContentType, Text: "text/plain"}, "Content-Type", "text/plain"},
		{simulator.Fault{Kind: simulator.KindBalanceHeader}, "X-Credits-Balance", ""},
		{simulator.Fault{Kind: simulator.KindBalanceHeader, Text: "NaN"}, "X-Credits-Balance", "NaN"},
		{simulator.Fault{Kind: simulator.KindHasMoreHeader}, "X-Has-More", "false"},
	} {
		_, resp, got, good, err := spoilt(t, tc.f)
		if err != nil || !bytes.Equal(got, good) {
			t.Fatalf("%s: the body differs (%v)", tc.f.Kind, err)
		}
		values := resp.Header.Values(tc.name)
		if tc.want == "" && len(values) != 0 || tc.want != "" && resp.Header.Get(tc.name) != tc.want {
			t.Errorf("%s: %s is %q, want %q", tc.f.Kind, tc.name, values, tc.want)
		}
	}
}

func TestDateIsTheSimulatorsAndCanBeOff(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := unlimited(5)
	o.Clock = c.Now
	s := simulator.New(o)
	if got := ask(t, s, "{}").Header.Get("Date"); got != "Sun, 01 Mar 2026 12:00:00 GMT" {
		t.Errorf("Date: got %s", got)
	}
	arm(t, s, simulator.Fault{Kind: simulator.KindDateSkew, Skew: -time.Hour})
	if got := ask(t, s, "{}").Header.Get("Date"); got != "Sun, 01 Mar 2026 11:00:00 GMT" {
		t.Errorf("skewed Date: got %s", got)
	}
}

func TestHTMLInsteadOfAPage(t *testing.T) {
	t.Parallel()
	srv, resp, got, _, err := spoilt(t, simulator.Fault{Kind: simulator.KindHTML})
	if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || json.Valid(got) {
		t.Errorf("got %d, %s, %v", resp.StatusCode, resp.Header.Get("Content-Type"), err)
	}
	billedPages(t, srv, 1)
}

func TestBrokenGzip(t *testing.T) {
	t.Parallel()
	_, resp, got, good, err := spoilt(t, simulator.Fault{Kind: simulator.KindGzipCRC})
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %v, %v", resp.Header, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if !errors.Is(err, gzip.ErrChecksum) || !bytes.Equal(plain, good) {
		t.Errorf("got %d bytes and error %v, want the page and a wrong checksum", len(plain), err)
	}
}

func TestGzipBombIsAValidPageForWhoInflatesIt(t *testing.T) {
	t.Parallel()
	_, _, got, good, err := spoilt(t, simulator.Fault{Kind: simulator.KindGzipBomb, Bytes: 2 << 20})
	if err != nil || len(got) > 1<<17 {
		t.Fatalf("got %d bytes on the wire, error %v", len(got), err)
	}
	z, err := gzip.NewReader(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || len(plain) != 2<<20+len(good) || !bytes.Equal(bytes.TrimLeft(plain, " "), good) {
		t.Errorf("inflated: got %d bytes, error %v", len(plain), err)
	}
}

func TestSpoiltBodyIsCompressedOnlyOnDemand(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		_, resp, _, _, err := spoilt(t, simulator.Fault{Kind: simulator.KindCut, Gzip: zip}, "Accept-Encoding", "gzip")
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != zip || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("gzip %v: got %q, error %v", zip, resp.Header.Get("Content-Encoding"), err)
		}
	}
}
