package testbench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const clipSize = 3 << 20

// newCamera has one file "a.mp4" of clipSize bytes, which it also returns.
func newCamera(t *testing.T, list ...Fault) (*Cam, string, []byte) {
	t.Helper()
	dir := t.TempDir()
	files := Clips(t, dir, 1, clipSize, 1)
	if err := os.Rename(files[0].Path, filepath.Join(dir, "a.mp4")); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "a.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	cam := Camera(t, dir, list...)
	return cam, filepath.Join(cam.Mountpoint, "a.mp4"), want
}

func TestCameraFaithful(t *testing.T) {
	cam, path, want := newCamera(t)
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cam.Dir, "a.mp4")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file behind: %v", err)
	}
}

func TestCameraContents(t *testing.T) {
	const at = 1<<20 + 17
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
	other := func(b []byte) []byte { b = bytes.Clone(b); b[at]++; return b }
	same := func(b []byte) []byte { return b }
	none := func([]byte) []byte { return nil }
	tests := []struct {
		name          string
		fault         Fault
		first, second func([]byte) []byte
		err1, err2    error
		fired         int
	}{
		{"error once", Fault{Kind: ReadError, At: at, Times: 1}, none, same, syscall.EIO, nil, 1},
		{"error always", Fault{Kind: ReadError, At: at}, none, none, syscall.EIO, syscall.EIO, 2},
		{"another error", Fault{Kind: ReadError, At: at, Errno: syscall.ENODEV, After: 1}, same, none, nil, syscall.ENODEV, 1},
		{"early eof", Fault{Kind: EarlyEOF, At: at, Times: 1}, func(b []byte) []byte { return b[:at] }, same, nil, nil, 1},
		{"bit flip", Fault{Kind: BitFlip, At: at, Times: 1}, flip, same, nil, nil, 1},
		{"bit flip in second", Fault{Kind: BitFlip, At: at, After: 1}, same, flip, nil, nil, 1},
		{"differ", Fault{Kind: Differ, At: at}, same, other, nil, nil, 1},
		{"open error", Fault{Kind: OpenError, Times: 1}, none, same, syscall.EIO, nil, 1},
		{"elsewhere", Fault{Kind: ReadError, At: clipSize + 1}, same, same, nil, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.fault.Path = "a.mp4"
			cam, path, want := newCamera(t, tt.fault)
			for i, w := range []struct {
				bytes func([]byte) []byte
				err   error
			}{{tt.first, tt.err1}, {tt.second, tt.err2}} {
				got, err := os.ReadFile(path)
				if !errors.Is(err, w.err) {
					t.Fatalf("read %d: error %v, want %v", i, err, w.err)
				}
				if err == nil && !bytes.Equal(got, w.bytes(want)) {
					t.Fatalf("read %d gave other bytes", i)
				}
			}
			if n := cam.Fired(tt.fault.Kind); n != tt.fired {
				t.Errorf("fired %d times, want %d", n, tt.fired)
			}
		})
	}
}

func TestCameraErrorAfterGoodBytes(t *testing.T) {
	_, path, want := newCamera(t, Fault{Path: "a.mp4", Kind: ReadError, At: 1000})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 1<<20)
	n, err := f.Read(buf)
	if err != nil || !bytes.Equal(buf[:n], want[:1000]) {
		t.Fatalf("first read: %d bytes, %v; want the 1000 before the fault", n, err)
	}
	if n, err = f.Read(buf); !errors.Is(err, syscall.EIO) {
		t.Fatalf("second read: %d bytes, %v; want EIO", n, err)
	}
	if n, err = f.ReadAt(buf, 1001); err != nil {
		t.Fatalf("behind the fault: %d bytes, %v", n, err)
	}
}

func TestCameraShortReads(t *testing.T) {
	cam, path, want := newCamera(t, Fault{Path: "*", Kind: ShortRead, N: 7, Times: 1000})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 1<<20)
	if n, err := f.Read(buf); n != 7 || err != nil {
		t.Fatalf("read %d, %v; want 7 bytes", n, err)
	}
	rest, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(rest, want[7:]) {
		t.Fatalf("rest: %d bytes, %v", len(rest), err)
	}
	if cam.Fired(ShortRead) != 1000 {
		t.Errorf("fired %d times", cam.Fired(ShortRead))
	}
}

func TestCameraGrow(t *testing.T) {
	cam, path, want := newCamera(t, Fault{Path: "a.mp4", Kind: Grow, N: 10})
	var sizes []int64
	for range 3 {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, st.Size())
	}
	if sizes[0] <= clipSize || sizes[1] <= sizes[0] || sizes[2] <= sizes[1] {
		t.Fatalf("sizes %v do not grow", sizes)
	}
	cam.Heal(Grow)
	end := clipSize + 10*int64(cam.Fired(Grow))
	st, err := os.Stat(path)
	if err != nil || st.Size() != end {
		t.Fatalf("size %d after healing, want %d", st.Size(), end)
	}
	got, err := os.ReadFile(path)
	if err != nil || int64(len(got)) != end || !bytes.HasPrefix(got, want) {
		t.Fatalf("%d bytes, want %d: %v", len(got), end, err)
	}
}

// read starts a read of path and gives its outcome.
func read(path string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(path)
		done <- err
	}()
	return done
}

func TestCameraHang(t *testing.T) {
	for _, kind := range []Kind{Hang, HangDeaf} {
		t.Run(string(kind), func(t *testing.T) {
			cam, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: kind, At: 5000})
			done := read(path)
			cam.Await(kind, 1)
			select {
			case err := <-done:
				t.Fatalf("did not hang: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			cam.Heal(kind)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCameraHangSignal(t *testing.T) {
	cam, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: Hang})
	p := Cmd{Bin: "cat", Args: []string{path}}.Start(t)
	cam.Await(Hang, 1)
	if r := p.Kill(); r.Code != -1 {
		t.Fatalf("killed cat ended with %+v", r)
	}
}

func TestCameraHangDeafSignal(t *testing.T) {
	cam, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: HangDeaf})
	p := Cmd{Bin: "cat", Args: []string{path}}.Start(t)
	cam.Await(HangDeaf, 1)
	p.Signal(syscall.SIGKILL)
	select {
	case <-p.Done():
		t.Fatal("died in spite of the hang")
	case <-time.After(50 * time.Millisecond):
	}
	cam.Heal()
	if r := p.Wait(); r.Code != -1 {
		t.Fatalf("ended with %+v", r)
	}
}

func TestCameraSlow(t *testing.T) {
	cam, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: Slow, N: 30 << 20})
	start := time.Now()
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 90*time.Millisecond {
		t.Errorf("%d bytes at 30 MiB/s took %v", clipSize, d)
	}
	if cam.Fired(Slow) == 0 {
		t.Error("did not fire")
	}
}

// TestCameraPaced: two files that are read at once share the device's rate.
func TestCameraPaced(t *testing.T) {
	dir := t.TempDir()
	Clips(t, dir, 2, clipSize, 1)
	cam := Camera(t, dir, Fault{Path: "*", Kind: Paced, N: 30 << 20})
	start := time.Now()
	r := Run(t, "sh", "-c", `cd "$0"; for f in *; do cat "$f" >/dev/null & done; wait`, cam.Mountpoint)
	if d := time.Since(start); r.Code != 0 || d < 160*time.Millisecond {
		t.Errorf("twice %d bytes at 30 MiB/s took %v: %+v", clipSize, d, r)
	}
	if cam.Fired(Paced) == 0 {
		t.Error("did not fire")
	}
}

func TestCameraListing(t *testing.T) {
	names := HostileNames()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "DCIM"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
		if err := os.WriteFile(filepath.Join(dir, "DCIM", n), []byte(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cam := Camera(t, dir, Fault{Path: "DCIM", Kind: ListError, At: 3, Times: 1}, Fault{Path: "DCIM", Kind: ListEmpty, Times: 1, After: 1})
	path := filepath.Join(cam.Mountpoint, "DCIM")

	list, err := os.ReadDir(path)
	if !errors.Is(err, syscall.EIO) || len(list) > 3 {
		t.Fatalf("first listing: %d names, %v; want EIO after 3", len(list), err)
	}
	list, err = os.ReadDir(path)
	if err != nil || len(list) != 0 {
		t.Fatalf("second listing: %d names, %v; want an empty one", len(list), err)
	}
	list, err = os.ReadDir(path)
	got := map[string]bool{}
	for _, e := range list {
		got[e.Name()] = true
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("third listing: %v\n%s", err, diff)
	}
	if cam.Fired(ListError) != 1 || cam.Fired(ListEmpty) != 1 {
		t.Errorf("fired %d and %d times", cam.Fired(ListError), cam.Fired(ListEmpty))
	}
}

func TestCameraErase(t *testing.T) {
	cam, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: EraseFail, Times: 1}, Fault{Path: "a.mp4", Kind: EraseLost, Times: 1})
	if err := os.Remove(path); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("first: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the file should be back: %v", err)
	}
	if cam.Fired(EraseFail) != 1 || cam.Fired(EraseLost) != 1 {
		t.Error("did not fire")
	}
}

func TestCameraUnplugAndPlug(t *testing.T) {
	cam, path, want := newCamera(t, Fault{Path: "a.mp4", Kind: HangDeaf, At: clipSize / 2})
	done := read(path)
	cam.Await(HangDeaf, 1)
	cam.Unplug()
	// The request under way is cut off; all that follow see no connection.
	if err := <-done; err == nil {
		t.Fatal("the read under way ended without an error")
	}
	if _, err := os.ReadDir(cam.Mountpoint); !errors.Is(err, syscall.ENOTCONN) {
		t.Fatalf("listing after unplug: %v", err)
	}
	cam.Heal()
	cam.Plug()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("after plugging in again: %v", err)
	}
	cam.Pull()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("after pulling: %v", err)
	}
}

func TestFaultDo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, path, _ := newCamera(t, Fault{Path: "a.mp4", Kind: BitFlip, At: 9, Times: 1, Do: cancel})
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() == nil {
		t.Fatal("Do was not called")
	}
}
