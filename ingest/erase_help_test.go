package ingest

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
)

// erasable is a camera whose files can be erased, as the mounter's client will do
// it: it hashes again, removes and syncs. Its fields are called on the way.
type erasable struct {
	*device.Folder
	ids []device.Identity

	before func(path string) error // returns what Erase is to say instead
	after  func(path string) error // the file is gone
	opened func(path string)
	told   int // requests

	early bool // it stays before its clips were proved
}

func (c *erasable) Identities() []device.Identity { return c.ids }

func (c *erasable) Open(path string) (device.Reader, error) {
	if c.opened != nil {
		c.opened(path)
	}
	return c.Folder.Open(path)
}

func (c *erasable) Erase(ctx context.Context, r device.EraseRequest) error {
	c.told++
	if c.before != nil {
		if err := c.before(r.Path); err != nil {
			return err
		}
	}
	path := filepath.Join(c.Path(), r.Path)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if int64(len(b)) != r.Size || clip.Digest(sha256.Sum256(b)) != r.SHA256 {
		return device.ErrChanged
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if c.after != nil {
		if err := c.after(r.Path); err != nil {
			return err
		}
	}
	return ctx.Err()
}

var _ eraser = (*erasable)(nil)

// eraseOptions are those of a dock with one registered camera and a store that
// locks, whose files go as soon as they are proved.
func eraseOptions(t *testing.T) (Options, *vaultLog) {
	t.Helper()
	o, v, _ := vaulted(t, true)
	o.Daemon = true
	o.Config.Erase = configs.Erase{Mode: configs.EraseAfterConfirmed}
	o.Config.Devices = []configs.Device{{ID: "c017", Match: configs.Match{FSUUID: "5F3A-1B2C"}}}
	o.Clock = func() manifest.Clock { return manifest.Clock{Source: "test", Synced: true} }
	return o, v
}

func openErasing(t *testing.T, o Options) *Station {
	t.Helper()
	s := openStation(t, o)
	s.erasing.certain = func(d *docking) bool { return d.origin.source.Kind == "device" }
	if err := s.Agree(context.Background(), s.storeNames()[0]); err != nil {
		t.Fatal(err)
	}
	s.startWork()
	return s
}

// stay is a camera in a bay.
type stayed struct {
	d    *docking
	card *erasable
	take func() // it out
}

func openCard(t *testing.T, path string) *erasable {
	t.Helper()
	folder, err := device.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	return &erasable{Folder: folder, ids: []device.Identity{{Kind: device.FSUUID, Value: "5F3A-1B2C"}, {Kind: device.USBSerial, Value: "A1B2"}}}
}

// docked reads a camera and leaves it in its bay until it is taken out or the
// test ends.
func docked(t *testing.T, s *Station, path string, change func(*erasable)) *stayed {
	t.Helper()
	c := openCard(t, path)
	if change != nil {
		change(c)
	}
	d := s.newDocking(c, s.newBay("mount "+path, "bay1", path, false), path, wishes{actor: "dock"})
	ctx, cancel := context.WithCancelCause(context.Background())
	if err := d.run(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, s, "proved", func(Status) bool { return c.early || d.proved() })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.linger(ctx)
	}()
	st := &stayed{d: d, card: c, take: func() { cancel(device.ErrGone); <-ended }}
	t.Cleanup(st.take)
	return st
}

// proved reports whether every clip of a docking is.
func (d *docking) proved() bool {
	j := d.judge(false)
	for _, f := range d.claims {
		if r, err := d.s.rowOf(f.n); err != nil || j.proved(r) != "" {
			return false
		}
	}
	return true
}

// erased waits until so many files of a docking are gone and none is being
// removed.
func (st *stayed) erased(t *testing.T, n int) {
	t.Helper()
	until(t, st.d.s, "erased", func(Status) bool {
		e := st.d.bay.status().Erase
		return e != nil && !e.Busy && e.Erased == n
	})
}

// stays waits until a docking says why its files stay.
func (st *stayed) stays(t *testing.T, reason why) {
	t.Helper()
	until(t, st.d.s, "kept as "+string(reason), func(Status) bool {
		e := st.d.bay.status().Erase
		return e != nil && !e.Busy && e.Reason == string(reason)
	})
}

// listed are all entries of some types, in the order of the log.
func listed(t *testing.T, s *Station, types ...string) []manifest.Entry {
	t.Helper()
	var out []manifest.Entry
	for n := range s.ledger.Size() {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range types {
			if e.Type == typ {
				out = append(out, e)
			}
		}
	}
	return out
}

func typesOf(entries []manifest.Entry) string {
	var names []string
	for _, e := range entries {
		name := e.Type
		if res := e.Fields.Str("result"); res != "" {
			name += " " + res
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// otherDisk is a folder that is not on the file system of the dock's state.
func otherDisk(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

// filmed writes a camera of so many clips, an hour old.
func filmed(t *testing.T, names ...string) string {
	t.Helper()
	cam := t.TempDir()
	when := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, name := range names {
		write(t, filepath.Join(cam, name), "bytes of "+name)
		if err := os.Chtimes(filepath.Join(cam, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	return cam
}
