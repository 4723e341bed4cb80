package hash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// TestResume breaks a read off anywhere and goes on from what it saved, through
// JSON as the dock keeps it: digests and bytes are those of one read.
func TestResume(t *testing.T) {
	short, long := content(3*BufferSize+7), content(PartSize+2*BufferSize+7)
	for _, at := range []int{0, BufferSize - 1, BufferSize, 2*BufferSize + 1, 3 * BufferSize} {
		resumed(t, short, at, true)
	}
	for _, at := range []int{PartSize - BufferSize, PartSize, PartSize + BufferSize, len(long) - 1} {
		resumed(t, long, at, false)
	}
}

func resumed(t *testing.T, data []byte, at int, withSM3 bool) {
	t.Helper()
	want, err := Copy(t.Context(), io.Discard, bytes.NewReader(data), NewPool(4), withSM3)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	h := New(withSM3)
	cut := io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := h.Copy(t.Context(), &out, cut, NewPool(4)); !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("cut at %d: %v", at, err)
	}
	saved, ok := h.State()
	if !ok || saved.Size != int64(out.Len()) || saved.Size > int64(at) || int64(at)-saved.Size >= BufferSize {
		t.Fatalf("cut at %d: state %v of %d bytes, %d written", at, ok, saved.Size, out.Len())
	}
	b, err := json.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := Resume(back)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Copy(t.Context(), &out, bytes.NewReader(data[saved.Size:]), NewPool(4))
	if diff := cmp.Diff(want, got); err != nil || diff != "" || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("cut at %d, resumed at %d: %v %s", at, saved.Size, err, diff)
	}
	if _, ok := again.State(); ok {
		t.Errorf("cut at %d: a read that came to its end has a state to go on from", at)
	}
}

// TestStateOfAStop: a stopped read may go on, and one whose destination failed
// may not, though the source failed as well.
func TestStateOfAStop(t *testing.T) {
	data := content(BufferSize)
	ctx, cancel := context.WithCancel(t.Context())
	blocks := 0
	r := readerFunc(func(p []byte) (int, error) {
		if blocks++; blocks == 5 {
			cancel()
		}
		return copy(p, data), nil
	})
	var out bytes.Buffer
	h := New(false)
	if _, err := h.Copy(ctx, &out, r, NewPool(2)); !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	if s, ok := h.State(); !ok || s.Size != int64(out.Len()) || s.Size == 0 || s.SM3 != nil {
		t.Errorf("state %v of %d bytes, %d written", ok, s.Size, out.Len())
	}
	full := New(false)
	_, err := full.Copy(t.Context(), failing{io.ErrShortWrite}, io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrClosedPipe)), NewPool(2))
	if _, ok := full.State(); ok || err == nil {
		t.Errorf("a failed destination left a state, %v", err)
	}
}

func TestResumeRefuses(t *testing.T) {
	h := New(true)
	h.write(content(PartSize + 1))
	h.writeSM3(content(100))
	good, ok := h.State()
	if _, err := Resume(good); err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	for name, spoil := range map[string]func(*State){
		"another part size": func(s *State) { s.PartSize *= 2 },
		"a part too many":   func(s *State) { s.Size = 5 },
		"a negative size":   func(s *State) { s.Size = -1; s.Parts = nil },
		"no SHA-256":        func(s *State) { s.SHA256 = nil },
		"SM3 cut short":     func(s *State) { s.SM3 = s.SM3[:10] },
	} {
		s := good
		spoil(&s)
		if _, err := Resume(s); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hung is the error of a read that was left behind.
type hung struct{}

func (hung) Error() string     { return "hangs" }
func (hung) HoldsBuffer() bool { return true }

// TestHeldBuffer: what a hung read may still write into is never lent again.
func TestHeldBuffer(t *testing.T) {
	for _, before := range []int{0, 1, 2} {
		pool := NewPool(2)
		var held []byte
		blocks := 0
		r := readerFunc(func(p []byte) (int, error) {
			if blocks == before {
				held = p
				return 0, hung{}
			}
			blocks++
			return len(p), nil
		})
		if _, err := Copy(t.Context(), io.Discard, r, pool, false); !errors.As(err, new(hung)) {
			t.Fatalf("ended with %v", err)
		}
		for range 2 {
			b, err := pool.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if &b[0] == &held[0] {
				t.Errorf("hung after %d: its buffer is lent again", before)
			}
		}
	}
}
