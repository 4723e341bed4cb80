package verify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// TestZipSaysOneThing: what stands before a file is what the list says of it, and
// nothing stands between the files.
func TestZipSaysOneThing(t *testing.T) {
	whole := zipOf(t, "p/a", "p/b")
	second := bytes.LastIndex(whole, []byte("PK\x03\x04"))
	list := bytes.Index(whole, []byte("PK\x01\x02"))
	tail := second - 16 // the data descriptor of the first file
	le := binary.LittleEndian
	spoilt := func(at int, with ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], with)
		return b
	}
	// moved has something more before at, and lists and end that know it.
	moved := func(at int, more string) []byte {
		b := bytes.Clone(whole)
		end := bytes.LastIndex(b, []byte("PK\x05\x06"))
		next := bytes.LastIndex(b, []byte("PK\x01\x02"))
		if at <= second {
			le.PutUint32(b[next+42:], uint32(second+len(more)))
		}
		le.PutUint32(b[end+16:], uint32(list+len(more)))
		return append(append(bytes.Clone(b[:at]), more...), b[at:]...)
	}
	for name, b := range map[string][]byte{
		"another name":         spoilt(second+30, 'q'),
		"another version":      spoilt(second+4, 10),
		"other flags":          spoilt(second+6, 0),
		"another method":       spoilt(second+8, 8),
		"another time":         spoilt(second+10, 1),
		"another sum":          spoilt(second+14, 1),
		"one size":             spoilt(second+18, 3),
		"no signature":         spoilt(second, 'Q'),
		"another descriptor":   spoilt(tail+4, whole[tail+4]+1),
		"no descriptor":        spoilt(tail, 0),
		"between the files":    moved(second, "hidden"),
		"before the list":      moved(list, "hidden"),
		"a file in the middle": moved(second, string(whole[:second])),
	} {
		_, err := openZip(bytes.NewReader(b), int64(len(b)))
		if !errors.Is(err, ErrMismatch) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignZipForms: zips of other programs, which know the sizes beforehand, or
// write 64 bits where they need not, or leave the signature of a descriptor away.
func TestForeignZipForms(t *testing.T) {
	var plain bytes.Buffer
	w := zip.NewWriter(&plain)
	for _, name := range []string{"p/", "p/manifest-sha256.txt"} {
		f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := zipOf(t, "p/a")
	tail := bytes.Index(whole, []byte("PK\x07\x08"))
	// without is a zip whose descriptor is this one.
	without := func(descriptor []byte) []byte {
		b := append(append(bytes.Clone(whole[:tail]), descriptor...), whole[tail+16:]...)
		at := bytes.LastIndex(b, []byte("PK\x05\x06"))
		binary.LittleEndian.PutUint32(b[at+16:], uint32(tail+len(descriptor)))
		return b
	}
	sum := whole[tail+4 : tail+8]
	wide := append(bytes.Clone(sum), 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0)
	for name, b := range map[string][]byte{
		"sizes known":               plain.Bytes(),
		"no signature":              without(whole[tail+4 : tail+16]),
		"64 bits":                   without(append([]byte("PK\x07\x08"), wide...)),
		"64 bits without signature": without(wide),
	} {
		if _, err := openZip(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
