package checkpointtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// wantMarks checks all marks.
func (m Memo) wantMarks(t *testing.T, want checkpoint.Marks) {
	t.Helper()
	got, err := m.Fetched.Marks(t.Context())
	if err != nil {
		t.Fatalf("marks: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

// setMarks sets marks or ends the test.
func (m Memo) setMarks(t *testing.T, marks checkpoint.Marks) {
	t.Helper()
	if err := m.Fetched.SetMarks(t.Context(), marks); err != nil {
		t.Fatalf("set marks: %v", err)
	}
}

func marks(t *testing.T, m Memo) {
	m.wantMarks(t, checkpoint.Marks{})
	m.setMarks(t, nil)
	m.setMarks(t, checkpoint.Marks{"t/0": 9, "t/1": 10, "t/2": 0})
	m.wantMarks(t, checkpoint.Marks{"t/0": 9, "t/1": 10, "t/2": 0})
	for range 2 {
		// 10 is before 9 as text.
		m.setMarks(t, checkpoint.Marks{"t/0": 10, "t/1": 9, "other/1": 1})
		m.wantMarks(t, checkpoint.Marks{"t/0": 10, "t/1": 10, "t/2": 0, "other/1": 1})
	}
}

func largeMarks(t *testing.T, m Memo) {
	const huge = 1<<53 - 1
	m.setMarks(t, checkpoint.Marks{"t/0": huge - 1})
	m.setMarks(t, checkpoint.Marks{"t/0": huge})
	m.setMarks(t, checkpoint.Marks{"t/0": huge - 2})
	m.wantMarks(t, checkpoint.Marks{"t/0": huge})
}

func wipeFetched(t *testing.T, m Memo) {
	m.remember(t, Profile("a", 5))
	m.setMarks(t, checkpoint.Marks{"t/0": 9})
	m.Wipe()
	m.want(t)
	m.wantMarks(t, checkpoint.Marks{})
	m.remember(t, Profile("a", 1))
	m.setMarks(t, checkpoint.Marks{"t/0": 1})
	m.want(t, Profile("a", 1))
	m.wantMarks(t, checkpoint.Marks{"t/0": 1})
}

// Each text would be newer than what is remembered after it, if it were read.
func spoilt(t *testing.T, m Memo) {
	const version, at = "2CaO0-v-----", "0xHqo---"
	// The text is one of ours, but for what is done to it below.
	m.Spoil("a", version+at+"p"+version+" etag")
	if got, err := m.Fetched.Recall(t.Context(), []string{"a"}); err != nil || got["a"].ETag != "etag" {
		t.Fatalf("recall of %q: got %+v, %v, want it to be read", version, got, err)
	}
	for _, text := range []string{
		"", "{", version, version + at, version + at + "x", version + at + "P",
		"2CaO0.v-----" + at + "p", version + "0xHq o--" + "p", version + at + "p" + version + "-", version + at + "p-" + version + " etag",
		"zzzzzzzzzzzz" + at + "p", version + at + "pzzzzzzzzzzzz", "3_tPAq-vagc-" + at + "p",
	} {
		before, _ := m.Fetched.Corrupt()
		m.Spoil("a", text)
		m.want(t)
		m.remember(t, newest(1))
		m.want(t)
		m.remember(t, Profile("a", 1))
		m.want(t, Profile("a", 1))
		n, last := m.Fetched.Corrupt()
		// Twice recalled, and twice looked at by Remember.
		if n != before+4 {
			t.Errorf("%q: counted %d times, want 4", text, n-before)
		}
		var corrupt *checkpoint.CorruptError
		if !errors.As(last, &corrupt) || corrupt.Reason != `field "a" cannot be read` || corrupt.Loses == "" {
			t.Errorf("%q: got %v, want the field and what its loss means", text, last)
		}
	}
}
