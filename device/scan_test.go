package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func list(t *testing.T, f *Folder) ([]string, Scan) {
	t.Helper()
	var paths []string
	scan, err := f.Scan(t.Context(), func(e File) error {
		paths = append(paths, e.Path)
		return nil
	})
	must(t, err)
	return paths, scan
}

func TestScanSkipsHostileEntries(t *testing.T) {
	cam := t.TempDir()
	want := hostile(t, cam)
	paths, scan := list(t, openFolder(t, cam))
	if d := cmp.Diff([]string{"real/a.mp4"}, paths); d != "" {
		t.Error(d)
	}
	got := map[string]string{}
	for _, s := range scan.Skipped {
		got[s.Path] = s.Reason
	}
	if d := cmp.Diff(want, got); d != "" || len(scan.Skipped) != len(want) {
		t.Error(d)
	}
	if scan.Files != 1 || scan.Dirs != 2 {
		t.Errorf("%d files, %d directories", scan.Files, scan.Dirs)
	}
}

func TestScanKeepsRawNames(t *testing.T) {
	cam := t.TempDir()
	names := []string{
		"\x01\x02", "\t=cmd|' calc'!A0", "=cmd|", "+1", "-rf", "@SUM", "new\nline", "\x1b]52;c;eA==\a\x1b[2J", "\u202egpj.exe", "\xff\xfe bad",
		"caf\u00e9", "cafe\u0301", "CLIP.mp4", "clip.mp4", "<img onerror>", "{{.}}", "%s%n", "a\\b", "..a", "...", " ", strings.Repeat("n", 255),
	}
	var want []string
	for _, n := range names {
		put(t, filepath.Join(cam, n))
		put(t, filepath.Join(cam, "d"+n[:min(len(n), 254)], n))
		want = append(want, n)
	}
	slices.Sort(want)
	var dirs []string
	for _, n := range names {
		dirs = append(dirs, "d"+n[:min(len(n), 254)]+"/"+n)
	}
	slices.Sort(dirs)
	f := openFolder(t, cam)
	got, _ := list(t, f)
	if d := cmp.Diff(slices.Concat(want, dirs), got); d != "" {
		t.Error(d)
	}
	for _, p := range got {
		file, err := f.Open(p)
		must(t, err)
		_ = file.Close()
	}
}

func TestScanFacts(t *testing.T) {
	cam := t.TempDir()
	path := filepath.Join(cam, "a")
	put(t, path)
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	_, err := openFolder(t, cam).Scan(t.Context(), func(e File) error {
		if e.Size != 4 || e.Ino != st.Ino || e.ModTime.UnixNano() != st.Mtim.Nano() || e.ChangeTime.UnixNano() != st.Ctim.Nano() {
			t.Errorf("%+v, want %+v", e, st)
		}
		return nil
	})
	must(t, err)
}

// chain makes dirs named name inside one another and a file in the deepest.
func chain(t *testing.T, root, name string, depth int) {
	t.Helper()
	dir, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	for range depth {
		must(t, unix.Mkdirat(dir, name, 0o755))
		next, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
		must(t, err)
		_ = unix.Close(dir)
		dir = next
	}
	fd, err := unix.Openat(dir, "a", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	must(t, err)
	_ = unix.Close(fd)
	_ = unix.Close(dir)
}

func TestScanDeep(t *testing.T) {
	for _, tt := range []struct {
		name  string
		depth int
		files int
	}{
		{strings.Repeat("d", 255), 1000, 1},
		{"d", maxDepth, 1},
		{"d", maxDepth + 1, 0},
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", tt.depth, len(tt.name)), func(t *testing.T) {
			cam := filepath.Join(t.TempDir(), "cam")
			mountAt(t, "none", cam, "tmpfs", 0, "") // gone with the mount: no removal goes so deep
			chain(t, cam, tt.name, tt.depth)
			f := openFolder(t, cam)
			paths, scan := list(t, f)
			if len(paths) != tt.files || len(scan.Skipped) != 1-tt.files {
				t.Fatalf("%d files, %d skipped", len(paths), len(scan.Skipped))
			}
			if tt.files == 0 {
				if scan.Skipped[0].Reason != SkipDeep {
					t.Errorf("skipped because %s", scan.Skipped[0].Reason)
				}
				return
			}
			if want := strings.Repeat(tt.name+"/", tt.depth) + "a"; paths[0] != want {
				t.Errorf("a path of %d bytes, want %d", len(paths[0]), len(want))
			}
			file, err := f.Open(paths[0])
			must(t, err)
			_ = file.Close()
		})
	}
}

// The heap must not grow with the number of files, only with one directory.
func TestScanMemory(t *testing.T) {
	cam := filepath.Join(t.TempDir(), "cam")
	mountAt(t, "none", cam, "tmpfs", 0, "nr_inodes=0")
	const dirs, each = 100, 1000
	for d := range dirs {
		dir := filepath.Join(cam, fmt.Sprintf("%03dMEDIA", d))
		must(t, os.Mkdir(dir, 0o755))
		for i := range each {
			must(t, unix.Mknod(fmt.Sprintf("%s/A11_2222222_222222_20260902180118_%04d.mp4", dir, i), unix.S_IFREG|0o644, 0))
		}
	}
	f := openFolder(t, cam)
	n, first, last := 0, uint64(0), uint64(0)
	scan, err := f.Scan(t.Context(), func(File) error {
		switch n++; n {
		case each:
			first = heap()
		case dirs*each - 1:
			last = heap()
		}
		return nil
	})
	must(t, err)
	if scan.Files != dirs*each || scan.Dirs != dirs+1 {
		t.Errorf("%d files, %d directories", scan.Files, scan.Dirs)
	}
	if last > first+1<<20 {
		t.Errorf("heap grew from %d to %d bytes over 100,000 files", first, last)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What was a directory when it was listed is something else when it is entered.
func TestSwappedInMidScan(t *testing.T) {
	outside := t.TempDir()
	put(t, filepath.Join(outside, "secret"))
	for name, swap := range map[string]struct {
		reason string
		to     func(t *testing.T, path string)
	}{
		"link":  {SkipSymlink, func(t *testing.T, path string) { must(t, os.Symlink(outside, path)) }},
		"mount": {SkipMount, func(t *testing.T, path string) { mountAt(t, outside, path, "", unix.MS_BIND, "") }},
		"file":  {SkipVanished, func(t *testing.T, path string) { put(t, path) }},
		"gone":  {SkipVanished, func(*testing.T, string) {}},
	} {
		t.Run(name, func(t *testing.T) {
			cam := t.TempDir()
			must(t, os.Mkdir(filepath.Join(cam, "a"), 0o755))
			put(t, filepath.Join(cam, "z/clip"))
			f := openFolder(t, cam)
			scan, err := f.Walk(t.Context(), func(File) error { return nil }, func(dir string) error {
				if dir == "a" { // z is listed and not yet entered
					must(t, os.RemoveAll(filepath.Join(cam, "z")))
					swap.to(t, filepath.Join(cam, "z"))
				}
				return nil
			})
			must(t, err)
			if d := cmp.Diff([]Skipped{{"z", swap.reason}}, scan.Skipped); d != "" || scan.Files != 0 {
				t.Error(d, scan.Files)
			}
			_, err = f.Open("z/secret")
			if err == nil {
				t.Error("opened what lies outside")
			}
		})
	}
}

func TestGoneInMidScan(t *testing.T) {
	cam := filepath.Join(t.TempDir(), "cam")
	mountAt(t, "none", cam, "tmpfs", 0, "")
	for _, n := range []string{"a", "b", "c/d"} {
		put(t, filepath.Join(cam, n))
	}
	f := openFolder(t, cam)
	scan, err := f.Scan(t.Context(), func(e File) error {
		if e.Path == "a" {
			detach(t, cam)
		}
		return nil
	})
	wantErr(t, "scan", err, ErrGone)
	if scan.Files == 0 {
		t.Error("the fault did not come in mid-scan")
	}
}

func TestScanStopsForTheCaller(t *testing.T) {
	cam := t.TempDir()
	put(t, filepath.Join(cam, "d/a"))
	f := openFolder(t, cam)
	stop := errors.New("stop")
	if _, err := f.Scan(t.Context(), func(File) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
	if _, err := f.Walk(t.Context(), func(File) error { return nil }, func(string) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}

// A directory is announced before its files, so that a watcher misses nothing.
func TestWalkAnnouncesDirectories(t *testing.T) {
	cam := t.TempDir()
	put(t, filepath.Join(cam, "d/e/a"))
	put(t, filepath.Join(cam, "b"))
	must(t, os.Mkdir(filepath.Join(cam, "empty"), 0o755))
	var order []string
	note := func(p string) error { order = append(order, p); return nil }
	_, err := openFolder(t, cam).Walk(t.Context(), func(e File) error { return note("file " + e.Path) }, note)
	must(t, err)
	if d := cmp.Diff([]string{".", "file b", "d", "d/e", "file d/e/a", "empty"}, order); d != "" {
		t.Error(d)
	}
}

func TestSkippedIsBounded(t *testing.T) {
	w := &walk{f: &Folder{path: "x"}, skipped: maxNames - 1}
	must(t, w.skip("a", SkipFIFO))
	wantErr(t, "one byte more", w.skip("b", SkipFIFO), ErrIncomplete)
}
