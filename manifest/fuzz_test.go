package manifest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(testEntry))
	f.Add([]byte(`{"actor":"a",` + testHead + `,` + testTail))
	f.Add([]byte(`{"a":"\u202e\\\"","b":{"c":-1,"d":true}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseEntry(raw)
		if err != nil {
			return
		}
		d := Draft{Type: e.Type, Actor: e.Actor, Fields: e.Fields}
		made, err := d.Entry(e.Log, e.N, e.Nonce, e.T, e.Clock)
		if err != nil {
			t.Fatalf("%q does not encode: %v", raw, err)
		}
		again := made.Raw
		// The draft knows the record's bytes only, and no later key of the clock.
		back, err := ParseEntry(again)
		if err != nil || e.Record == "" && len(again) == len(raw) && !bytes.Equal(again, raw) {
			t.Fatalf("%q becomes %q: %v", raw, again, err)
		}
		if !cmp.Equal(made, back) {
			t.Fatalf("%q is another entry when parsed: %s", again, cmp.Diff(made, back))
		}
		if back.Name() != e.Name() || !back.T.Equal(e.T) {
			t.Fatalf("%q becomes %q", raw, again)
		}
		parsed, err := parseObject(raw)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := appendObject(nil, parsed, true)
		if err != nil || !bytes.Equal(whole, raw) {
			t.Fatalf("%q becomes %q: %v", raw, whole, err)
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	_, v := testKey(f, testOrigin, 1)
	s, _ := testKey(f, testOrigin, 1)
	w, _ := testKey(f, "witness.example", 3)
	f.Add(testCheckpoint(f, 1, tlog.RecordHash(nil)))
	f.Add(testCheckpoint(f, 0, tlog.Hash{}))
	both, err := SignCheckpoint(Checkpoint{testOrigin, 9, tlog.Hash{}}, w, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(both)
	f.Fuzz(func(t *testing.T, msg []byte) {
		c, err := OpenCheckpoint(msg, testOrigin, v)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(msg, []byte(c.Text()+"\n")) {
			t.Fatalf("%q is taken for %q", msg, c.Text())
		}
		if ours, err := SignCheckpoint(c, s); err != nil || !bytes.Contains(msg, ours[len(c.Text())+1:]) {
			t.Fatalf("%q lacks our signature, %v", msg, err)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	l := newTestLog(f, 6)
	for n := range l.size {
		f.Add(testProof(f, l, n).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%q becomes %q", b, p.Encode())
		}
	})
}

func FuzzDecodeBundle(f *testing.F) {
	f.Add(EncodeBundle([][]byte{[]byte("a"), {}, []byte(testEntry)}), 3)
	f.Add([]byte{0, 0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, want int) {
		entries, err := DecodeBundle(b, want)
		if err != nil {
			return
		}
		if again := EncodeBundle(entries); len(entries) != want || !bytes.Equal(again, b) {
			t.Fatalf("%q becomes %q", b, again)
		}
	})
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/234.p/12")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ParseTilePath(path)
		if err != nil {
			return
		}
		again := TilePath(tile)
		if tile.L < 0 {
			again = EntriesPath(tile.N, tile.W)
		}
		if again != path {
			t.Fatalf("%q becomes %q", path, again)
		}
	})
}
