package dir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s (this test mounts a disk and needs root)", name, args, err, out)
	}
}

const diskUUID = "0a1b2c3d-0000-1111-2222-333344445555"

// disk is an ext4 file system in a file.
type disk struct{ image, path string }

func newDisk(t *testing.T, size string, mkfs ...string) disk {
	t.Helper()
	d := disk{image: filepath.Join(t.TempDir(), "image"), path: t.TempDir()}
	run(t, "truncate", "-s", size, d.image)
	run(t, "mkfs.ext4", append([]string{"-q", "-m", "0", "-U", diskUUID, d.image}, mkfs...)...)
	d.mount(t)
	t.Cleanup(func() { _ = exec.Command("umount", d.path).Run() }) // some tests unmount it themselves
	return d
}

func (d disk) mount(t *testing.T)  { t.Helper(); run(t, "mount", "-o", "loop", d.image, d.path) }
func (d disk) umount(t *testing.T) { t.Helper(); run(t, "umount", d.path) }

func inode(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(path, err)
	}
	return st
}

func mustBeEmpty(t *testing.T, s *Store, prefix string) {
	t.Helper()
	if got := storetest.Names(t, s, prefix); len(got) > 0 {
		t.Errorf("visible: %q", got)
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".tmp-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestPutLinksOrCopies(t *testing.T) {
	small := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", small)
	t.Cleanup(func() { run(t, "umount", small) })
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for _, tt := range []struct {
		what, path string
		links      uint64
	}{{"same file system", t.TempDir(), 2}, {"another file system", small, 1}} {
		s := openNew(t, filepath.Join(tt.path, "a/store"))
		for _, n := range []int{0, 5, fileSync + 1} {
			o := storetest.Object(t, storetest.Random(n, 1))
			info, err := s.Put(t.Context(), o)
			if err != nil {
				t.Fatalf("%s: %v", tt.what, err)
			}
			st := inode(t, filepath.Join(s.path, info.Name))
			same := st.Ino == inode(t, o.Path).Ino && st.Dev == inode(t, o.Path).Dev
			if st.Nlink != tt.links || same != (tt.links == 2) || st.Mode != unix.S_IFREG|0o444 {
				t.Errorf("%s: %d links, mode %o, same file %v", tt.what, st.Nlink, st.Mode, same)
			}
			for at := filepath.Dir(info.Name); at != "."; at = filepath.Dir(at) {
				if m := inode(t, filepath.Join(s.path, at)).Mode; m != unix.S_IFDIR|0o755 {
					t.Errorf("%s: %s has mode %o", tt.what, at, m)
				}
			}
		}
		if _, err := s.Create(t.Context(), "log/a/key", []byte("k")); err != nil {
			t.Fatal(err)
		}
		if m := inode(t, filepath.Join(s.path, "log/a/key")).Mode; m != unix.S_IFREG|0o444 {
			t.Errorf("created with mode %o", m)
		}
	}
	// Where the bytes are read, wrong ones are noticed.
	s := openNew(t, filepath.Join(small, "b"))
	o := storetest.Object(t, []byte("right"))
	if err := os.WriteFile(o.Path, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("wrong bytes: %v", err)
	}
	mustBeEmpty(t, s, "")
}

func TestConformanceOfCopies(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		path := t.TempDir()
		run(t, "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path)
		t.Cleanup(func() { run(t, "umount", path) })
		return openNew(t, path)
	})
}

func TestFullDisk(t *testing.T) {
	s := openNew(t, newDisk(t, "8M").path)
	ballast := filepath.Join(s.path, ".ballast")
	// Small files fill what big ones leave, down to the last block.
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1 << 20, 1024} {
		for err == nil {
			_, err = f.Write(make([]byte, n))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	content := storetest.Random(3<<20, 1)
	o := storetest.Object(t, content)
	for what, write := range map[string]func() error{
		"put":     func() error { _, err := s.Put(t.Context(), o); return err },
		"create":  func() error { _, err := s.Create(t.Context(), "log/a/key", content); return err },
		"replace": func() error { _, err := s.Replace(t.Context(), "log/a/checkpoint", content, ""); return err },
	} {
		if err := write(); !errors.Is(err, store.ErrFull) {
			t.Errorf("%s on a full disk: %v", what, err)
		}
	}
	mustBeEmpty(t, s, "")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), o); err != nil {
		t.Errorf("put after room was made: %v", err)
	}
	// The disk can also end in the middle of a copy.
	big := storetest.Object(t, storetest.Random(6<<20, 2))
	if _, err := s.Put(t.Context(), big); !errors.Is(err, store.ErrFull) {
		t.Errorf("put of more than there is room: %v", err)
	}
	if _, err := s.Create(t.Context(), "log/a/key", []byte("k")); err != nil {
		t.Errorf("create after a copy that did not fit: %v", err)
	}
	if diff := cmp.Diff([]string{"log/a/key", store.Name(o.Digest)}, storetest.Names(t, s, "")); diff != "" {
		t.Error(diff)
	}
}

func TestNoInodes(t *testing.T) {
	s := openNew(t, newDisk(t, "8M", "-N", "16").path)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = s.Put(t.Context(), storetest.Object(t, fmt.Appendf(nil, "clip %d", n)))
	}
	if !errors.Is(err, store.ErrFull) || n < 2 {
		t.Errorf("put %d without inodes: %v", n, err)
	}
	if got := len(storetest.Names(t, s, "")); got != n-1 {
		t.Errorf("%d objects, want %d", got, n-1)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	d := newDisk(t, "8M")
	s := openNew(t, d.path)
	before := storetest.Object(t, []byte("before"))
	if _, err := s.Put(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "remount,ro", d.path)
	_, put := s.Put(t.Context(), storetest.Object(t, []byte("after")))
	_, create := s.Create(t.Context(), "log/a/key", nil)
	_, replace := s.Replace(t.Context(), "log/a/checkpoint", nil, "")
	for _, err := range []error{put, create, replace} {
		if !errors.Is(err, unix.EROFS) || !strings.Contains(fmt.Sprint(err), "mount it writable") {
			t.Errorf("write to a read-only disk: %v", err)
		}
	}
	if _, err := s.Put(t.Context(), before); err != nil {
		t.Errorf("put of what is there: %v", err)
	}
	again, err := Open(d.path, Options{ID: s.ID()})
	if err != nil {
		t.Fatalf("a read-only store is not opened for its readers: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	run(t, "mount", "-o", "remount,rw", d.path)
	if _, err := s.Create(t.Context(), "log/a/key", nil); err != nil {
		t.Errorf("writable again: %v", err)
	}
}

func TestWrongDisk(t *testing.T) {
	d := newDisk(t, "8M")
	s := openNew(t, d.path)
	id := s.ID()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what, path, say string
		o               Options
	}{
		{"another id", d.path, "not " + strings.Repeat("0", 32), Options{ID: strings.Repeat("0", 32)}},
		{"another id, create", d.path, "mount the right disk", Options{ID: strings.Repeat("0", 32), Create: true}},
		{"another file system", d.path, "AAAA-BBBB", Options{FSUUID: "AAAA-BBBB"}},
		{"file system without uuid", "/proc", "uuid is unknown", Options{FSUUID: diskUUID}},
		{"missing", filepath.Join(full, "none"), "no such directory", Options{}},
		{"missing, create on another disk", filepath.Join(full, "none/deep"), "mount", Options{FSUUID: diskUUID, Create: true}},
		{"missing, create with id", filepath.Join(full, "none"), "no such directory", Options{ID: id, Create: true}},
		{"empty", t.TempDir(), "probably not mounted", Options{}},
		{"empty, create with id", t.TempDir(), "probably not mounted", Options{ID: id, Create: true}},
		{"other things", full, "not empty", Options{Create: true}},
	} {
		got, err := Open(tt.path, tt.o)
		if got != nil || !errors.Is(err, ErrWrongDisk) || !strings.Contains(fmt.Sprint(err), tt.say) {
			t.Errorf("%s: %v, want one with %q", tt.what, err, tt.say)
		}
		if tt.path != d.path && tt.path != "/proc" && IsStore(tt.path) {
			t.Errorf("%s: a marker was made", tt.what)
		}
	}
	if got, err := os.ReadDir(full); err != nil || len(got) != 1 {
		t.Errorf("made: %v %v", got, err)
	}
	right, err := Open(d.path, Options{ID: id, FSUUID: strings.ToUpper(diskUUID)})
	if err != nil {
		t.Fatal(err)
	}
	if err := right.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnmountedArchive(t *testing.T) {
	d := newDisk(t, "8M")
	s, err := Open(d.path, Options{Create: true, FSUUID: diskUUID})
	if err != nil {
		t.Fatal(err)
	}
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d.umount(t)
	for _, o := range []Options{{}, {ID: id}, {ID: id, Create: true}, {Create: true, FSUUID: diskUUID}} {
		if _, err := Open(d.path, o); !errors.Is(err, ErrWrongDisk) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if IsStore(d.path) {
		t.Error("the mount point became a store")
	}
	d.mount(t)
	s, err = Open(d.path, Options{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// goingDown is FS_IOC_SHUTDOWN: with noLogFlush a file system stops as in a
// power cut, and forgets everything that was not synced.
const (
	goingDown  = 0x8004587d
	noLogFlush = 2
)

func TestPowerCut(t *testing.T) {
	ctx := t.Context()
	content := storetest.Random(100_000, 9)
	for what, act := range map[string]func(s *Store, linked store.Object) (store.Info, error){
		"create": func(s *Store, _ store.Object) (store.Info, error) {
			return s.Create(ctx, "log/a/tile/0/x001/000", content)
		},
		"create in the root": func(s *Store, _ store.Object) (store.Info, error) { return s.Create(ctx, "small", content) },
		"replace": func(s *Store, _ store.Object) (store.Info, error) {
			old, err := s.Replace(ctx, "log/a/checkpoint", []byte("old"), "")
			if err != nil {
				return old, err
			}
			return s.Replace(ctx, "log/a/checkpoint", content, old.Version)
		},
		"put by link": func(s *Store, linked store.Object) (store.Info, error) { return s.Put(ctx, linked) },
		"put by copy": func(s *Store, _ store.Object) (store.Info, error) {
			return s.Put(ctx, storetest.Object(t, content))
		},
		"put of a large copy": func(s *Store, _ store.Object) (store.Info, error) {
			return s.Put(ctx, storetest.Object(t, storetest.Random(fileSync+1, 9)))
		},
		// The name of a copy can outlive a cut before put returns: whole, then.
		"named copy": func(s *Store, _ store.Object) (store.Info, error) {
			return named(s, storetest.Object(t, content))
		},
		"named large copy": func(s *Store, _ store.Object) (store.Info, error) {
			return named(s, storetest.Object(t, storetest.Random(fileSync+1, 9)))
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDisk(t, "32M")
			s, err := Open(filepath.Join(d.path, "new/central"), Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			linked := storetest.Object(t, content)
			linked.Path = filepath.Join(d.path, "spool")
			if err := os.WriteFile(linked.Path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			unix.Sync()
			info, err := act(s, linked)
			if err != nil {
				t.Fatal(err)
			}
			root, err := os.Open(d.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.IoctlSetPointerInt(int(root.Fd()), goingDown, noLogFlush); err != nil {
				t.Fatal(err)
			}
			_ = root.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			d.umount(t)
			d.mount(t)
			s, err = Open(s.path, Options{ID: s.id})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			got, after, err := store.ReadAll(ctx, s, info.Name, 1<<30)
			if err != nil {
				t.Fatalf("what was acknowledged is lost: %v", err)
			}
			if diff := cmp.Diff(info, after); diff != "" || !bytes.HasPrefix(got, content[:50_000]) {
				t.Errorf("what was acknowledged is damaged: %d bytes %s", len(got), diff)
			}
		})
	}
}

// named is put without the sync at its end, after which the names alone were
// synced by chance.
func named(s *Store, o store.Object) (store.Info, error) {
	info := store.Info{Name: store.Name(o.Digest), Size: o.Size}
	at, _ := split(info.Name)
	if dir, err := s.makeDir(at, true); err != nil {
		return info, err
	} else if err := dir.Close(); err != nil {
		return info, err
	}
	if err := s.place(context.Background(), info.Name, o); err != nil {
		return info, err
	}
	return info, durable.SyncDir(filepath.Join(s.path, at))
}
