package bundle

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// full is a package with all that can be in one, and what an auditor has who
// checks it.
type full struct {
	dir       string
	authority *verifytest.Authority
	roots     *stamp.Roots
	policy    *manifest.Policy
}

// newFull exports one small clip of a log that was cosigned, by a witness whom
// nobody knows too, time-stamped and endorsed.
func newFull(t testing.TB) full {
	t.Helper()
	l, tsa := verifytest.New(t, t.TempDir()), testbench.NewTSA(t, 400)
	p := full{dir: filepath.Join(t.TempDir(), "p"), authority: verifytest.NewAuthority(t)}
	text, err := os.ReadFile(tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	if p.roots, err = stamp.ParseRoots(text); err != nil {
		t.Fatal(err)
	}
	w, err := manifest.NewCosigner("one.example/w", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	if p.policy, err = manifest.ParsePolicy([]byte("witness one " + w.Key().String() + "\nquorum one\n")); err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("a clip of some bytes. ", 10)
	clip := l.ClipWith("DCIM/0001.MP4", content, manifest.Object{"sm3": verifytest.SM3(content)})
	l.Stored(clip)
	l.Publish()
	note := cosigned(t, l, l.Size())
	root, err := tlog.ParseHash(strings.SplitN(string(note), "\n", 4)[2])
	if err != nil {
		t.Fatal(err)
	}
	line, err := w.Cosign(manifest.Checkpoint{Origin: verifytest.Origin, Size: l.Size(), Root: root}, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	note = append(note, line...)
	kept := manifest.LogPath(verifytest.Name, fmt.Sprintf("checkpoints/%d", l.Size()))
	l.Write(kept, note)
	l.Write(kept+".tsr", reply(t, tsa, note))
	p.authority.Endorse(l, l.Key, nil)
	if err := Write(context.Background(), Options{Store: l.Memory(), Key: l.Key, Clips: []string{l.ClipName(clip)}, Dir: p.dir}); err != nil {
		t.Fatal(err)
	}
	return p
}

// small cuts what nothing but the lists covers, the texts for people, to some bytes
// each, and makes the lists fit.
func (p full) small(t testing.TB) {
	t.Helper()
	for _, name := range []string{"certificate.html", "VERIFY.md", "verify.sh"} {
		path := filepath.Join(p.dir, name)
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, text[:64], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var list strings.Builder
	for _, name := range p.files(t) {
		if strings.HasPrefix(name, "data/") || name == "tagmanifest-sha256.txt" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), name)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "tagmanifest-sha256.txt"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p full) files(t testing.TB) (names []string) {
	t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, p.dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// check is all that an auditor does to the package at path.
func (p full) check(path string) error {
	o, err := verify.Authority{Verifier: p.authority.Verifier}.Package(path)
	if err != nil && strings.HasSuffix(err.Error(), "it is no evidence package") {
		return &verify.MismatchError{Cause: err.Error()} // no zip any more, and so named
	}
	if err != nil {
		return err
	}
	o.Roots, o.Policy, o.Workers = p.roots, p.policy, 1
	_, err = verify.File(context.Background(), o, path, nil)
	return err
}

// open opens a file to be changed in its place.
func open(t *testing.T, path string) (whole []byte, put func(at int, b byte)) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return whole, func(at int, b byte) {
		if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryBitOfAPackage: no bit of any file of a package in a folder changes
// unseen: the lists cover them all.
func TestEveryBitOfAPackage(t *testing.T) {
	p := newFull(t)
	p.small(t)
	if err := p.check(p.dir); err != nil {
		t.Fatal(err)
	}
	f := verifytest.NewFlips(t)
	for _, name := range p.files(t) {
		whole, put := open(t, filepath.Join(p.dir, name))
		f.Each(name, whole, put, func() error { return p.check(p.dir) })
	}
	f.Done()
	if err := p.check(p.dir); err != nil {
		t.Error("after the last flip:", err)
	}
}

// zipTo is the zip of a package, as Write makes it.
func zipTo(t testing.TB, p full) string {
	t.Helper()
	z, err := newZip(filepath.Join(t.TempDir(), "p.zip"), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	defer z.discard()
	for _, name := range p.files(t) {
		data, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out, err := z.create(name, filePerm, int64(len(data)))
		if err == nil {
			_, err = out.Write(data)
		}
		if err = out.done(err); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.finish(); err != nil {
		t.Fatal(err)
	}
	return z.path
}

// TestEveryBitOfAZip: the same package in a zip, of which the zip's own headers are
// a part.
func TestEveryBitOfAZip(t *testing.T) {
	p := newFull(t)
	p.small(t)
	path := zipTo(t, p)
	whole, put := open(t, path)
	f := verifytest.NewFlips(t, zipPasses(t, whole)...)
	f.Each("p.zip", whole, put, func() error { return p.check(path) })
	f.Done()
	if err := p.check(path); err != nil {
		t.Error("after the last flip:", err)
	}
}

// zipPasses is what a zip says of a file once only, and of no byte of it.
func zipPasses(t *testing.T, whole []byte) (out []verifytest.Pass) {
	t.Helper()
	le := binary.LittleEndian
	pass := func(from, n int, why string) {
		out = append(out, verifytest.Pass{File: "p.zip", From: from, To: from + n, Why: why})
	}
	const extra = "APPNOTE 4.5: extra fields are for programs that know them; here the time once more"
	list := int(le.Uint32(whole[len(whole)-6:]))
	for at := list; string(whole[at:at+4]) == "PK\x01\x02"; {
		name, more := int(le.Uint16(whole[at+28:])), int(le.Uint16(whole[at+30:]))
		pass(at+4, 2, "APPNOTE 4.4.2: which system made it")
		pass(at+36, 2, "APPNOTE 4.4.14: whether it is text")
		pass(at+38, 4, "APPNOTE 4.4.15: permissions; what makes it no plain file is refused")
		pass(at+46+name, more, extra)
		local := int(le.Uint32(whole[at+42:]))
		pass(local+30+name, int(le.Uint16(whole[local+28:])), extra)
		at += 46 + name + more
	}
	return out
}

// FuzzPackage: whatever a file of a package holds, or a zip of one, the check ends in
// its bounds, and what is not what was written is refused.
func FuzzPackage(f *testing.F) {
	p := newFull(f)
	p.small(f)
	paths := []string{zipTo(f, p)}
	for i, name := range p.files(f) {
		paths = append(paths, filepath.Join(p.dir, name))
		f.Add(uint8(i), uint16(0), uint16(0), []byte(nil))
		f.Add(uint8(i), uint16(9), uint16(3), []byte("x"))
	}
	f.Add(uint8(0), uint16(30), uint16(0), []byte("x"))
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, with []byte) {
		path := paths[int(which)%len(paths)]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := verifytest.Patch(whole, at, cut, with)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		shown := p.dir
		if path == paths[0] {
			shown = path
		}
		err = verifytest.Bounded(t, path, func() error { return p.check(shown) })
		if back := os.WriteFile(path, whole, 0o600); back != nil {
			t.Fatal(back)
		}
		switch {
		case errors.Is(err, verify.ErrMismatch):
		case err != nil:
			t.Errorf("%s: %v is no mismatch", path, err)
		case string(broken) == string(whole):
		case path == paths[0] && len(broken) == len(whole): // TestEveryBitOfAZip has what may change in its headers
		default:
			t.Errorf("%s is accepted as %q", path, broken)
		}
	})
}
