package mount

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path, data string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(data), 0o644))
}

func tmpfs(t testing.TB, point string) {
	t.Helper()
	must(t, os.MkdirAll(point, 0o755))
	must(t, unix.Mount("none", point, "tmpfs", 0, ""))
	t.Cleanup(func() {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			t.Errorf("unmount %s: %v", point, err)
		}
	})
}

func TestUnderRoots(t *testing.T) {
	roots := []string{"/media/", "/run/cams"}
	for _, tt := range []struct {
		point, dev, fstype string
		roots              []string
		want               bool
	}{
		{"/media/cam", "8:17", "vfat", roots, true},
		{"/media", "8:17", "vfat", roots, true},
		{"/run/cams/a/b", "7:0", "ext4", roots, true},
		{"/media/cam", "0:50", "tmpfs", roots, true},
		{"/media/cam", "0:50", "fuse", roots, true},
		{"/media/cam", "0:50", "fuse.jmtpfs", roots, true},
		{"/media/cam", "8:17", "fuseblk", roots, true},
		{"/media/cam", "0:50", "btrfs", roots, true},
		{"/mediacam", "8:17", "vfat", roots, false},
		{"/run", "8:17", "vfat", roots, false},
		{"/", "8:1", "ext4", []string{"/"}, false},
		{"/mnt", "8:17", "vfat", []string{"/"}, true},
		{"/media/cam", "8:17", "vfat", []string{"media", ""}, false},
		{"/media/cam", "8:17", "vfat", nil, false},
		{"/media/proc", "0:22", "proc", roots, false},
		{"/media/sys", "0:23", "sysfs", roots, false},
		{"/media/cg", "0:24", "cgroup2", roots, false},
		{"/media/nfs", "0:25", "nfs4", roots, false},
		{"/media/ov", "0:26", "overlay", roots, false},
		{"/media/auto", "0:27", "autofs", roots, false},
		{"/media/ctl", "0:28", "fusectl", roots, false},
		{"/media/doc", "0:29", "fuse.portal", roots, false},
	} {
		if got := UnderRoots(Mount{Point: tt.point, DevID: tt.dev, FSType: tt.fstype}, tt.roots); got != tt.want {
			t.Errorf("%s on %s under %q: %v", tt.fstype, tt.point, tt.roots, got)
		}
	}
}

func TestCompare(t *testing.T) {
	a := Mount{ID: 1, Point: "/a", DevID: "8:1", Options: []string{"rw"}}
	readOnly := Mount{ID: 1, Point: "/a", DevID: "8:1", Options: []string{"ro"}}
	again := Mount{ID: 1, Point: "/a", DevID: "8:2"}
	b := Mount{ID: 2, Point: "/b"}
	for _, tt := range []struct {
		name     string
		old, now []Mount
		want     Change
	}{
		{"first", nil, []Mount{a, b}, Change{Added: []Mount{a, b}}},
		{"nothing", []Mount{a}, []Mount{a}, Change{}},
		{"options only", []Mount{a}, []Mount{readOnly}, Change{}},
		{"one comes, one goes", []Mount{a}, []Mount{b}, Change{Added: []Mount{b}, Removed: []Mount{a}}},
		{"the id is used again", []Mount{a, b}, []Mount{again, b}, Change{Added: []Mount{again}, Removed: []Mount{a}}},
	} {
		if d := cmp.Diff(tt.want, compare(tt.old, tt.now)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// Other programs of the machine mount too: only our own points count. Many
// rounds, since a change is lost only when it falls between reading and waiting.
func TestWatch(t *testing.T) {
	const rounds = 30
	dir := t.TempDir()
	early, late := filepath.Join(dir, "early"), filepath.Join(dir, "la te\n")
	tmpfs(t, early)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	err := Watch(ctx, Table, func(c Change) error {
		if got == nil && (len(c.Removed) > 0 || len(c.Added) < 2) {
			t.Errorf("first call: %d added, %d removed", len(c.Added), len(c.Removed))
		}
		for _, m := range c.Added {
			switch m.Point {
			case early:
				got = append(got, "+early")
				tmpfs(t, late)
			case late:
				got = append(got, "+late")
				must(t, unix.Unmount(late, unix.MNT_DETACH))
			}
		}
		for _, m := range c.Removed {
			if m.Point != late {
				continue
			}
			if got = append(got, "-late"); len(got) > 2*rounds {
				cancel()
				break
			}
			tmpfs(t, late)
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if d := cmp.Diff("+early"+strings.Repeat(" +late -late", rounds), strings.Join(got, " ")); d != "" {
		t.Error(d)
	}
}

// A quiet table: nothing but the context can end the wait.
func TestWatchWakesForTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mountinfo")
	put(t, path, "36 35 98:0 / /mnt2 rw - ext3 /dev/root rw\n")
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := Watch(ctx, path, func(Change) error {
		calls++
		time.AfterFunc(time.Millisecond, cancel)
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestWatchErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "bad"), "no table\n")
	put(t, filepath.Join(dir, "empty"), "")
	never := func(Change) error { t.Error("called"); return nil }
	if err := Watch(t.Context(), filepath.Join(dir, "none"), never); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := Watch(t.Context(), filepath.Join(dir, "bad"), never); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
	stop := errors.New("stop")
	if err := Watch(t.Context(), filepath.Join(dir, "empty"), func(Change) error { return stop }); err != stop {
		t.Error(err)
	}
}
