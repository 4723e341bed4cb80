package ptp_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/internal/testbench/ptpsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	card     = 0x00010001
	clipSize = 2*ptp.Chunk + 4321 // of B.MP4
	plain    = "microsoft.com: 1.0;"
)

var (
	ptpOps = []uint16{0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1007, 0x1008, 0x1009}
	mtpOps = append([]uint16{0x101B, 0x9803, 0x9805}, ptpOps...)
	allOps = append([]uint16{0x95C1}, mtpOps...)
)

// camera has a few clips in the folders that cameras have.
func camera(more ...*ptpsim.Item) *ptpsim.Camera {
	return &ptpsim.Camera{
		Extensions: plain + " android.com: 1.0;", Serial: "BC0042", Ops: allOps, Storages: []uint32{card}, Label: "CAM",
		Items: append([]*ptpsim.Item{
			folder(1, 0, "DCIM"),
			folder(2, 1, "100MEDIA"),
			file(3, 2, "B.MP4", clipSize),
			file(4, 2, "A.MP4", 700),
			file(5, 0, "version.txt", 52),
			file(6, 1, "empty.bin", 0),
		}, more...),
	}
}

func folder(handle, parent uint32, name string) *ptpsim.Item {
	return &ptpsim.Item{Handle: handle, Parent: parent, Name: name, Storage: card, Format: ptpsim.Folder}
}

func file(handle, parent uint32, name string, size int64) *ptpsim.Item {
	return &ptpsim.Item{Handle: handle, Parent: parent, Name: name, Storage: card, Size: size, Modified: "20260102T030405"}
}

// quick are options under which a test waits little.
var quick = ptp.Options{Port: "1-1.4", Serial: "USB7", Timeout: 60 * time.Millisecond, List: 60 * time.Millisecond, Quiet: time.Millisecond}

// open plugs c in and checks at the end that it was spoken to as it should be.
func open(t *testing.T, c *ptpsim.Camera) *ptp.Session {
	t.Helper()
	s, err := ptp.Open(t.Context(), c.Pipe(), quick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !c.Closed() {
			t.Error("the pipe was not closed")
		}
		for _, bad := range c.Bad() {
			t.Error(bad)
		}
	})
	return s
}

func scan(t *testing.T, tree device.Tree) ([]string, device.Scan) {
	t.Helper()
	paths, found, err := tryScan(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	return paths, found
}

func tryScan(ctx context.Context, tree device.Tree) ([]string, device.Scan, error) {
	var paths []string
	found, err := tree.Scan(ctx, func(f device.File) error {
		paths = append(paths, f.Path)
		return nil
	})
	return paths, found, err
}

func reader(t *testing.T, tree device.Tree, path string) device.Reader {
	t.Helper()
	r, err := tree.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// same reads path whole and compares it with what the camera has.
func same(t *testing.T, tree device.Tree, path string, it *ptpsim.Item) {
	t.Helper()
	r := reader(t, tree, path)
	defer func() { _ = r.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil || n != it.Size {
		t.Fatalf("%s: %d of %d bytes, %v", path, n, it.Size, err)
	}
	if [32]byte(h.Sum(nil)) != sha256.Sum256(content(it, 0, it.Size)) {
		t.Errorf("%s: other bytes", path)
	}
}

func content(it *ptpsim.Item, off, n int64) []byte {
	b := make([]byte, n)
	if it.At != nil {
		it.At(off, b)
	} else {
		ptpsim.Pattern(it.Handle)(off, b)
	}
	return b
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func fired(t *testing.T, c *ptpsim.Camera, f *ptpsim.Fault, n int) {
	t.Helper()
	if got := c.Fired(f); got != n {
		t.Errorf("the fault fired %d times, want %d", got, n)
	}
}
