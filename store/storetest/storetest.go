// Package storetest holds what every store.Store must do, as tests.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/store"
)

// PartSize is that of the objects of this suite, the smallest that S3 takes.
const PartSize = 5 << 20

// Run checks a kind of store. open returns a new and empty one each time, which
// may be another prefix on one server, and cleans up by t.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"CreateOnce", createOnce},
		{"ReplaceIfUnchanged", replaceIfUnchanged},
		{"OneWriterWins", oneWriterWins},
		{"NoTornReads", noTornReads},
		{"PutOnce", putOnce},
		{"PutOfParts", putOfParts},
		{"PutOfOtherBytes", putOfOtherBytes},
		{"PutManyAtOnce", putManyAtOnce},
		{"RetentionOnlyGrows", retentionOnlyGrows},
		{"VersionIsPinned", versionIsPinned},
		{"List", list},
		{"Absent", absent},
		{"Ranges", ranges},
		{"Names", names},
		{"Cancelled", cancelled},
		{"URL", func(t *testing.T, s store.Store) {
			if s.URL() == "" {
				t.Error("a store without URL")
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Object writes a spool file with this content and describes it.
func Object(t testing.TB, content []byte) store.Object {
	t.Helper()
	o := store.Object{
		Digest: sha256.Sum256(content), Size: int64(len(content)),
		Path:  filepath.Join(t.TempDir(), "spool"),
		CRC64: crc64nvme.Checksum(content), PartSize: PartSize,
	}
	for rest := content; len(rest) > 0; {
		n := min(len(rest), PartSize)
		o.Parts = append(o.Parts, crc64nvme.Checksum(rest[:n]))
		rest = rest[n:]
	}
	if err := os.WriteFile(o.Path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// Random returns n bytes, the same for the same seed.
func Random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// Names lists a store.
func Names(t testing.TB, s store.Reader, prefix string) []string {
	t.Helper()
	names := []string{}
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", info.Name, err)
		}
		names = append(names, info.Name)
	}
	return names
}

func mustHold(t *testing.T, s store.Reader, name string, want []byte) store.Info {
	t.Helper()
	got, info, err := store.ReadAll(context.Background(), s, name, 1<<30)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s holds %d bytes %.20q, want %d bytes %.20q", name, len(got), got, len(want), want)
	}
	if info.Name != name || info.Size != int64(len(want)) {
		t.Errorf("%s of %d bytes is described as %+v", name, len(want), info)
	}
	return info
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func absent(t *testing.T, s store.Store) {
	ctx := t.Context()
	if _, err := s.Create(ctx, "log/a/key", []byte("k")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log/b", "log/a/checkpoint", "log/a/key/below", store.Name(clip.Digest{1}), "nothing"} {
		f, err := s.Open(ctx, name, "")
		wantErr(t, "open "+name, err, store.ErrNotExist)
		if f != nil {
			t.Errorf("open %s: a file with an error", name)
		}
		_, err = s.Stat(ctx, name, "")
		wantErr(t, "stat "+name, err, store.ErrNotExist)
	}
}

func ranges(t *testing.T, s store.Store) {
	content := Random(PartSize+12345, 3)
	put, err := s.Put(t.Context(), Object(t, content))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(t.Context(), put.Name, put.Version)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	size := len(content)
	for _, r := range []struct{ at, n int }{
		{0, 1}, {0, 64 << 10}, {PartSize - 1, 2}, {size / 2, 100}, {size - 1, 1}, {size - 5, 10}, {size, 1}, {size + 99, 1}, {7, 0},
	} {
		buf := make([]byte, r.n)
		n, err := f.ReadAt(buf, int64(r.at))
		want := content[min(r.at, size):min(r.at+r.n, size)]
		if !bytes.Equal(buf[:n], want) {
			t.Errorf("%d bytes at %d: %d wrong bytes", r.n, r.at, n)
		}
		if n < r.n && !errors.Is(err, io.EOF) || n == r.n && err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes at %d: %d and %v", r.n, r.at, n, err)
		}
	}
	// Reading at a place does not move reading in order.
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("in order: %d bytes, %v", len(got), err)
	}
	if diff := cmp.Diff(put, f.Info()); diff != "" {
		t.Errorf("open describes another version than put: %s", diff)
	}
}

func cancelled(t *testing.T, s store.Store) {
	o := Object(t, []byte("clip"))
	first, err := s.Create(t.Context(), "there", []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, f := range map[string]func() error{
		"open":    func() error { _, err := s.Open(ctx, "there", ""); return err },
		"stat":    func() error { _, err := s.Stat(ctx, "there", ""); return err },
		"create":  func() error { _, err := s.Create(ctx, "new", []byte("x")); return err },
		"replace": func() error { _, err := s.Replace(ctx, "there", []byte("x"), first.Version); return err },
		"put":     func() error { _, err := s.Put(ctx, o); return err },
		"list": func() error {
			for _, err := range s.List(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		wantErr(t, what, f(), context.Canceled)
	}
	if diff := cmp.Diff([]string{"there"}, Names(t, s, "")); diff != "" {
		t.Error(diff)
	}
	mustHold(t, s, "there", []byte("old"))
}
