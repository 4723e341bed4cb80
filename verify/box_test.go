package verify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// zipOf is a zip of these files, each with its name as content.
func zipOf(t testing.TB, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A list that would fill the memory is refused before it is read.
func TestModestZip(t *testing.T) {
	whole := zipOf(t, "p/a", "p/b")
	end := bytes.LastIndex(whole, []byte("PK\x05\x06"))
	many := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(many[end+8:], MaxZipFiles+1)
	binary.LittleEndian.PutUint16(many[end+10:], MaxZipFiles+1)
	long := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(long[end+12:], maxZipList+1)
	end64 := make([]byte, 56)
	copy(end64, "PK\x06\x06")
	binary.LittleEndian.PutUint64(end64[32:], 1<<40)
	locator := make([]byte, 20)
	copy(locator, "PK\x06\x07")
	binary.LittleEndian.PutUint64(locator[8:], uint64(end))
	wide := append(append(append(bytes.Clone(whole[:end]), end64...), locator...), whole[end:]...)
	for name, b := range map[string][]byte{"many": many, "long": long, "64 bits": wide, "no end": whole[:end], "nothing": nil} {
		if a, err := openZip(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrMismatch) {
			t.Error(name, a, err)
		}
	}
	// More headers than the end says, and a list that is elsewhere.
	few, moved, said := bytes.Clone(whole), bytes.Clone(whole), bytes.Clone(wide)
	binary.LittleEndian.PutUint16(few[end+8:], 1)
	binary.LittleEndian.PutUint16(few[end+10:], 1)
	binary.LittleEndian.PutUint32(moved[end+16:], binary.LittleEndian.Uint32(moved[end+16:])-1)
	for name, b := range map[string][]byte{"few": few, "moved": moved, "a part of 64 bits that is not called for": said, "after the end": append(bytes.Clone(whole), 0)} {
		if a, err := openZip(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrMismatch) {
			t.Error(name, a, err)
		}
	}
	// The last header says that its comment goes on into the end.
	beyond := bytes.Clone(whole)
	beyond[bytes.LastIndex(beyond, []byte("PK\x01\x02"))+32] = 1
	if a, err := openZip(bytes.NewReader(beyond), int64(len(beyond))); !errors.Is(err, ErrMismatch) {
		t.Error("beyond the list", a, err)
	}
	// The second file is where the first is, with all that follows it.
	over := bytes.Clone(whole)
	for at := bytes.Index(over, []byte("PK\x01\x02")); at >= 0; {
		binary.LittleEndian.PutUint32(over[at+20:], uint32(len(whole)-100))
		next := bytes.Index(over[at+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += 4 + next
	}
	if a, err := openZip(bytes.NewReader(over), int64(len(over))); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "larger together") {
		t.Error("on each other", a, err)
	}
	if a, err := openZip(bytes.NewReader(whole), int64(len(whole))); err != nil || len(a.names) != 2 {
		t.Error(a, err)
	}
}

func FuzzZip(f *testing.F) {
	f.Add(zipOf(f, "p/manifest-sha256.txt", "p/tagmanifest-sha256.txt", "p/data/a-1/b"))
	f.Add(zipOf(f, "p/a", "q/b"))
	f.Add(zipOf(f, "../a"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := openZip(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, name := range a.names {
			in, err := a.open(name)
			if err != nil {
				continue
			}
			if _, err := io.Copy(io.Discard, io.LimitReader(in, 1<<20)); err != nil && !errors.Is(err, ErrMismatch) {
				t.Errorf("%q: %v is no mismatch", name, err)
			}
			_ = in.Close()
		}
	})
}
