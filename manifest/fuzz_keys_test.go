package manifest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// FuzzKeys: of a key, of a log or of a witness, public or secret, there is one text.
func FuzzKeys(f *testing.F) {
	skey, vkey, err := EncodeKey(testOrigin, testPrivate(1))
	if err != nil {
		f.Fatal(err)
	}
	c, err := NewCosigner("witness.example/w", testPrivate(2))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{skey, vkey, c.Encode(), c.Key().String(), "a+b+c", "county.example/dk3v9q", "+", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseKey(s); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("key %q: %v", s, err)
		} else if err == nil && (v.Name() == "" || bytes.ContainsAny([]byte(v.Name()), " +\n")) {
			t.Errorf("key %q is of %q", s, v.Name())
		}
		if k, err := ParseWitnessKey(s); err != nil && !errors.Is(err, ErrMalformed) || err == nil && k.String() != s {
			t.Errorf("key of a witness %q: %v", s, err)
		}
		if c, err := ParseCosigner(s); err != nil && !errors.Is(err, ErrMalformed) || err == nil && c.Encode() != s {
			t.Errorf("secret key of a witness %q: %v", s, err)
		}
		if public, err := PublicKey(s); err == nil {
			if _, err := ParseKey(public); err != nil {
				t.Errorf("secret key %q gives %q: %v", s, public, err)
			}
		}
		if authority, log, ok := SplitOrigin(s); ok && Origin(authority, log) != s {
			t.Errorf("origin %q is split into %q and %q", s, authority, log)
		}
	})
}

// FuzzHashReader: whatever a tile holds, what is read from tiles is in the tree.
func FuzzHashReader(f *testing.F) {
	l := newTestLog(f, 600)
	c, files := l.checkpoint(f), l.files(f)
	names := slices.Sorted(maps.Keys(files))
	for i := range names {
		f.Add(uint8(i), uint16(0), []byte(nil), uint16(i*90))
		f.Add(uint8(i), uint16(31), []byte("x"), uint16(i*90))
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint16, with []byte, index uint16) {
		broken := maps.Clone(files)
		name := names[int(which)%len(names)]
		data := bytes.Clone(files[name])
		data = append(data[:int(at)%(len(data)+1)], with...)
		if len(data) < len(files[name]) {
			data = append(data, files[name][len(data):]...)
		}
		broken[name] = data
		n := int64(index) % l.size
		got, err := HashReader(c, reader(broken)).ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err == nil && got[0] != tlog.RecordHash(testLeaf(n)) {
			t.Errorf("leaf %d is %v with %s as %x", n, got[0], name, data)
		}
		if _, err := tlog.ProveRecord(l.size, n, HashReader(c, reader(broken))); err != nil && bytes.Equal(data, files[name]) {
			t.Error(err)
		}
	})
}
