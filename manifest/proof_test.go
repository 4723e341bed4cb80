package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func testProof(t testing.TB, l *testLog, n int64) Proof {
	t.Helper()
	hashes, err := tlog.ProveRecord(l.size, n, l)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := testKey(t, testOrigin, 1)
	msg, err := SignCheckpoint(l.checkpoint(t), s)
	if err != nil {
		t.Fatal(err)
	}
	return Proof{Index: n, Hashes: hashes, Checkpoint: msg}
}

// rootFrom is the algorithm of RFC 9162, section 2.1.3.2, written from the
// text, so that a proof is judged by something else than what made it.
func rootFrom(leaf []byte, index, size int64, path []tlog.Hash) (tlog.Hash, error) {
	node := func(a, b []byte) []byte {
		h := sha256.Sum256(append(append([]byte{1}, a...), b...))
		return h[:]
	}
	first := sha256.Sum256(append([]byte{0}, leaf...))
	r, fn, sn := first[:], index, size-1
	for _, p := range path {
		if sn == 0 {
			return tlog.Hash{}, errors.New("too many hashes")
		}
		if fn%2 == 1 || fn == sn {
			r = node(p[:], r)
			for fn%2 == 0 && fn != 0 {
				fn, sn = fn/2, sn/2
			}
		} else {
			r = node(r, p[:])
		}
		fn, sn = fn/2, sn/2
	}
	if sn != 0 {
		return tlog.Hash{}, errors.New("too few hashes")
	}
	return tlog.Hash(r), nil
}

func TestProof(t *testing.T) {
	_, v := testKey(t, testOrigin, 1)
	for _, size := range []int64{1, 2, 3, 7, 8, 255, 256, 257, 300} {
		l := newTestLog(t, size)
		for n := int64(0); n < size; n += 1 + size/40 {
			p := testProof(t, l, n)
			b := p.Encode()
			if want := fmt.Sprintf("c2sp.org/tlog-proof@v1\nindex %d\n", n); !strings.HasPrefix(string(b), want) {
				t.Fatalf("proof is %q", b)
			}
			back, err := ParseProof(b)
			if err != nil {
				t.Fatal(err)
			}
			c, err := back.Check(LeafHash(testLeaf(n)), testOrigin, v)
			if err != nil || c.Size != size {
				t.Fatalf("entry %d of %d: %v", n, size, err)
			}
			if root, err := rootFrom(testLeaf(n), n, size, back.Hashes); err != nil || root != c.Root {
				t.Fatalf("entry %d of %d: another root by rfc 9162: %v", n, size, err)
			}
			if _, err := back.Check(LeafHash([]byte("other")), testOrigin, v); !errors.Is(err, ErrMalformed) {
				t.Fatalf("entry %d of %d: another leaf: %v", n, size, err)
			}
		}
	}
}

func TestProofBits(t *testing.T) {
	_, v := testKey(t, testOrigin, 1)
	l := newTestLog(t, 6)
	leaf := LeafHash(testLeaf(5))
	for b := range flips(testProof(t, l, 5).Encode()) {
		p, err := ParseProof(b)
		if err == nil {
			_, err = p.Check(leaf, testOrigin, v)
		}
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) {
			t.Errorf("accepted %q: %v", b, err)
		}
	}
}

func TestProofRefuses(t *testing.T) {
	_, v := testKey(t, testOrigin, 1)
	l := newTestLog(t, 6)
	good := testProof(t, l, 5)
	text := string(good.Encode())
	hash := good.Hashes[0].String() + "\n"
	for name, bad := range map[string]string{
		"empty":            "",
		"header alone":     "c2sp.org/tlog-proof@v1\n",
		"extra line":       strings.Replace(text, "index", "extra AAAA\nindex", 1),
		"leading zero":     strings.Replace(text, "index 5", "index 05", 1),
		"negative":         strings.Replace(text, "index 5", "index -5", 1),
		"no index":         strings.Replace(text, "index 5\n", "", 1),
		"hash padding":     strings.Replace(text, hash, hash[:42]+nextBase64(hash[42])+"=\n", 1),
		"short hash":       strings.Replace(text, hash, "AAAA\n", 1),
		"no checkpoint":    text[:strings.Index(text, "\n\n")+2],
		"a thousand":       strings.Replace(text, hash, strings.Repeat(hash, 1000), 1),
		"carriage returns": strings.ReplaceAll(text, "\n", "\r\n"),
		"too long":         text + strings.Repeat("x", maxCheckpoint),
	} {
		if bad == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if p, err := ParseProof([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	leaf := LeafHash(testLeaf(5))
	for name, change := range map[string]func(*Proof){
		"one hash more":     func(p *Proof) { p.Hashes = append(p.Hashes[:len(p.Hashes):len(p.Hashes)], tlog.Hash{}) },
		"one hash less":     func(p *Proof) { p.Hashes = p.Hashes[1:] },
		"another place":     func(p *Proof) { p.Index = 4 },
		"beyond the tree":   func(p *Proof) { p.Index = 6 },
		"before the tree":   func(p *Proof) { p.Index = -1 },
		"larger checkpoint": func(p *Proof) { p.Checkpoint = testCheckpoint(t, 7, l.checkpoint(t).Root) },
		"empty tree":        func(p *Proof) { p.Checkpoint = testCheckpoint(t, 0, l.checkpoint(t).Root) },
	} {
		p := good
		change(&p)
		if _, err := p.Check(leaf, testOrigin, v); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
