package device

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostile fills cam with everything that is no clip, and returns why each is
// left out.
func hostile(t *testing.T, cam string) map[string]string {
	t.Helper()
	outside := filepath.Join(t.TempDir(), "outside")
	put(t, filepath.Join(outside, "secret"))
	put(t, filepath.Join(cam, "real/a.mp4"))
	put(t, filepath.Join(cam, "two"))
	must(t, os.Link(filepath.Join(cam, "two"), filepath.Join(cam, "twin")))
	must(t, os.Symlink(outside, filepath.Join(cam, "DCIM")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(cam, "abs.mp4")))
	must(t, os.Symlink("real/a.mp4", filepath.Join(cam, "rel.mp4")))
	must(t, os.Symlink("..", filepath.Join(cam, "up")))
	must(t, unix.Mkfifo(filepath.Join(cam, "fifo"), 0o644))
	must(t, unix.Mknod(filepath.Join(cam, "null"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3))))
	must(t, unix.Mknod(filepath.Join(cam, "disk"), unix.S_IFBLK|0o644, int(unix.Mkdev(7, 0))))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(cam, "sock")})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
	mountAt(t, outside, filepath.Join(cam, "bind"), "", unix.MS_BIND, "")
	mountAt(t, cam, filepath.Join(cam, "real/loop"), "", unix.MS_BIND, "")
	put(t, filepath.Join(cam, "over.mp4"))
	mountAt2(t, filepath.Join(outside, "secret"), filepath.Join(cam, "over.mp4"))
	return map[string]string{
		"two": SkipHardLink, "twin": SkipHardLink, "DCIM": SkipSymlink, "abs.mp4": SkipSymlink, "rel.mp4": SkipSymlink,
		"up": SkipSymlink, "fifo": SkipFIFO, "null": SkipNode, "disk": SkipNode, "sock": SkipSocket,
		"bind": SkipMount, "real/loop": SkipMount, "over.mp4": SkipMount,
	}
}

// mountAt2 binds a file over a file.
func mountAt2(t *testing.T, source, point string) {
	t.Helper()
	must(t, unix.Mount(source, point, "", unix.MS_BIND, ""))
	t.Cleanup(func() { detach(t, point) })
}

func TestOpen(t *testing.T) {
	cam := t.TempDir()
	bad := hostile(t, cam)
	f := openFolder(t, cam)
	file, err := f.Open("real/a.mp4")
	must(t, err)
	defer func() { _ = file.Close() }()
	if data, err := io.ReadAll(file); string(data) != "clip" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	flags, err := unix.FcntlInt(file.(*os.File).Fd(), unix.F_GETFL, 0)
	must(t, err)
	if flags&unix.O_NONBLOCK != 0 || flags&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("flags %#x", flags)
	}
	for _, path := range []string{
		"", ".", "..", "/etc/passwd", "../x", "real/../real/a.mp4", "real//a.mp4", "real/", "./real/a.mp4", "real/a.mp4/",
		"real", "a\x00b", "DCIM/", "DCIM/secret", "bind/secret", "real/loop/real/a.mp4", "up/x", "disk/",
	} {
		bad[path] = "path"
	}
	for path := range bad {
		file, err := f.Open(path)
		wantErr(t, path, err, ErrUnsafe)
		if err == nil {
			_ = file.Close()
		}
	}
	_, err = f.Open("real/none")
	wantErr(t, "none", err, os.ErrNotExist)
	_, err = f.Open(strings.Repeat("n", maxStep+1))
	wantErr(t, "long name", err, unix.ENAMETOOLONG)
	_ = f.Close()
	_, err = f.Open("real/a.mp4")
	wantErr(t, "closed", err, os.ErrClosed)
}

// Every access would show here: strictatime records each.
func TestAccessTimeStays(t *testing.T) {
	cam := filepath.Join(t.TempDir(), "cam")
	mountAt(t, "none", cam, "tmpfs", unix.MS_STRICTATIME, "")
	put(t, filepath.Join(cam, "DCIM/a"))
	names := []string{cam, filepath.Join(cam, "DCIM"), filepath.Join(cam, "DCIM/a")}
	past := unix.Timespec{Sec: 1e9}
	for _, n := range names {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, n, []unix.Timespec{past, past}, 0))
	}
	f := openFolder(t, cam)
	_, err := f.Scan(t.Context(), func(e File) error {
		file, err := f.Open(e.Path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		_, err = io.Copy(io.Discard, file)
		return err
	})
	must(t, err)
	for _, n := range names {
		var st unix.Stat_t
		must(t, unix.Stat(n, &st))
		if st.Atim != past {
			t.Errorf("%s: access time moved to %v", n, st.Atim)
		}
	}
}

// A stranger may not ask for O_NOATIME; the file is opened all the same.
func TestOpenQuietFallsBack(t *testing.T) {
	var asked []uint64
	fd, err := openQuiet(func(noatime uint64) (int, error) {
		if asked = append(asked, noatime); noatime != 0 {
			return -1, unix.EPERM
		}
		return 7, nil
	})
	if fd != 7 || err != nil || len(asked) != 2 {
		t.Errorf("got %d, %v after %v", fd, err, asked)
	}
}
