package bundle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// watched is a store that tells when an object is opened, and may change what it says
// of one.
type watched struct {
	store.Reader
	opened func(f store.File) store.File
}

func (w watched) Open(ctx context.Context, name, version string) (store.File, error) {
	f, err := w.Reader.Open(ctx, name, version)
	if err == nil && strings.HasPrefix(name, "object/") {
		f = w.opened(f)
	}
	return f, err
}

// gated is a file whose first bytes wait, and whose end is told.
type gated struct {
	store.File
	wait  func()
	close func()
}

func (g *gated) Read(p []byte) (int, error) {
	g.wait()
	return g.File.Read(p)
}

func (g *gated) Close() error {
	g.close()
	return g.File.Close()
}

// TestTogether: into a folder two clips are copied side by side; into a zip, which has
// one file behind the other, one after the other.
func TestTogether(t *testing.T) {
	for _, zip := range []bool{false, true} {
		l, clips := sample(t)
		o := options(l, filepath.Join(t.TempDir(), "p"), clips)
		o.Zip = zip
		var opened, open, most atomic.Int32
		both := make(chan struct{})
		o.Store = watched{o.Store, func(f store.File) store.File {
			most.Store(max(most.Load(), open.Add(1)))
			if opened.Add(1) == 2 {
				close(both)
			}
			wait := func() {
				if !zip {
					<-both // or for ever
				}
			}
			return &gated{f, wait, func() { open.Add(-1) }}
		}}
		if err := bundle.Write(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int32{false: 2, true: 1}[zip]; most.Load() != want {
			t.Errorf("zip %t: %d objects were open at a time, want %d", zip, most.Load(), want)
		}
		if got, err := verifyDir(o.Place(), l.Key); err != nil || got["dk3v9q-1"] != verify.OK {
			t.Error(got, err)
		}
	}
}

// TestBrokenOff: a package that is given up behind its first clip is none, and no other
// clip is begun.
func TestBrokenOff(t *testing.T) {
	l, clips := sample(t)
	dir := t.TempDir()
	o := options(l, filepath.Join(dir, "p"), clips)
	o.Zip = true // one clip at a time
	ctx, cancel := context.WithCancel(t.Context())
	opened := 0
	o.Store = watched{o.Store, func(f store.File) store.File {
		opened++
		return &gated{f, func() {}, cancel} // behind its last byte
	}}
	if err := bundle.Write(ctx, o); !errors.Is(err, context.Canceled) || opened != 1 {
		t.Errorf("%d objects were opened: %v", opened, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// endless says that it has more bytes than a disk.
type endless struct{ store.File }

func (e endless) Info() store.Info {
	info := e.File.Info()
	info.Size = 1 << 60
	return info
}

// TestNoRoom: a clip for which there is no room is refused before its first byte, and
// leaves nothing.
func TestNoRoom(t *testing.T) {
	l, clips := sample(t)
	dir := t.TempDir()
	o := options(l, filepath.Join(dir, "p"), clips)
	o.Store = watched{o.Store, func(f store.File) store.File { return endless{f} }}
	if err := bundle.Write(t.Context(), o); err == nil || !strings.Contains(err.Error(), "claim room for") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
