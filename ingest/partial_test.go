package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/testbench"
)

// broken is a camera that is lost in mid-clip. It is a folder whose reads call
// lose when they reach the byte at, and from then on fail with what it returns.
type broken struct {
	device.Tree
	at   int64
	lose func() error
	read int64 // bytes that reads gave, samples aside
	ids  []device.Identity
}

func (b *broken) Identities() []device.Identity { return b.ids }
func (b *broken) MountRoot() bool               { return true }

func (b *broken) Open(path string) (device.Reader, error) {
	r, err := b.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	return &breaking{Reader: r, b: b}, nil
}

type breaking struct {
	device.Reader
	b   *broken
	off int64
}

func (r *breaking) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.off)
	r.off += int64(n)
	return n, err
}

func (r *breaking) ReadAt(p []byte, off int64) (int, error) {
	if r.b.lose != nil && off+int64(len(p)) > r.b.at {
		if err := r.b.lose(); err != nil {
			return 0, err
		}
	}
	n, err := r.Reader.ReadAt(p, off)
	if n > sampleSize {
		r.b.read += int64(n)
	}
	return n, err
}

// lossy is a folder with one clip of 12 MiB, and a station.
func lossy(t *testing.T) (o Options, dir string, b *broken, name string) {
	t.Helper()
	dir = t.TempDir()
	f := testbench.Clips(t, dir, 1, 12<<20, 11)[0]
	folder, err := device.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	b = &broken{Tree: folder, at: 9 << 20, ids: []device.Identity{{Kind: device.FSUUID, Value: "ABCD-0001"}}}
	return testOptions(t), dir, b, f.Name
}

// journeyOf docks b in a bay and runs it to its end.
func journeyOf(ctx context.Context, s *Station, b *broken, bay string) error {
	d := s.newDocking(b, s.newBay(bay, bay, bay, false), bay, wishes{actor: "dock"})
	return d.run(ctx)
}

// interrupt docks b so that it is lost, and returns what was kept.
func interrupt(t *testing.T, s *Station, b *broken) partial {
	t.Helper()
	b.lose = func() error { return device.ErrGone }
	if err := journeyOf(t.Context(), s, b, "bay-1"); !errors.Is(err, device.ErrGone) {
		t.Fatalf("the camera was not lost: %v", err)
	}
	b.lose, b.read = nil, 0
	_, list, err := s.partials()
	if err != nil || len(list) != 1 {
		t.Fatalf("%d interrupted reads, %v", len(list), err)
	}
	if at := list[0].State.Size; at < partialFrom || at > b.at || list[0].Since.IsZero() {
		t.Fatalf("kept %+v", list[0])
	}
	info, err := os.Stat(filepath.Join(s.spool.dir, list[0].Temp))
	if err != nil || info.Size() != list[0].State.Size {
		t.Fatalf("the spool holds %v of it, %v", info, err)
	}
	return list[0]
}

// only returns the only clip, which must be that file, and that nothing is left.
func only(t *testing.T, s *Station, file string) row {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []ClipView
	if err := s.Clips(t.Context(), Filter{}, func(v ClipView) error { found = append(found, v); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(b); len(found) != 1 || found[0].SHA256 != clip.Digest(want).String() {
		t.Fatalf("clips %+v, want %x", found, want)
	}
	if _, list, err := s.partials(); err != nil || len(list) != 0 {
		t.Errorf("%d interrupted reads are left, %v", len(list), err)
	}
	temps, err := filepath.Glob(filepath.Join(s.spool.dir, durable.TempPrefix+"*"))
	if err != nil || len(temps) != 0 {
		t.Errorf("left in the spool: %v, %v", temps, err)
	}
	r, err := s.row(found[0].Clip)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestResume: a clip whose camera went in mid-read is read on where it stopped,
// in another bay and after a restart of the dock, and its record says where.
func TestResume(t *testing.T) {
	o, dir, b, name := lossy(t)
	o.Config.SM3 = true
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	first := interrupt(t, s, b)
	b.at = 11 << 20 // and once more, further on
	second := interrupt(t, s, b)
	if second.State.Size <= first.State.Size || b.read > 2<<20 {
		t.Errorf("read on from %d to %d", first.State.Size, second.State.Size)
	}
	stranger := filepath.Join(s.spool.dir, durable.TempPrefix+strings.Repeat("0", 32))
	if err := errors.Join(os.WriteFile(stranger, nil, 0o600), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	if _, err := os.Stat(stranger); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a leftover that no row names is still there: %v", err)
	}
	if err := journeyOf(t.Context(), s, b, "bay-2"); err != nil {
		t.Fatal(err)
	}
	r := only(t, s, filepath.Join(dir, name))
	if r.Record.ResumedAt != second.State.Size || b.read > 12<<20-second.State.Size {
		t.Errorf("resumed at %d of %d, %d bytes read", r.Record.ResumedAt, second.State.Size, b.read)
	}
	d, err := os.ReadFile(filepath.Join(dir, name))
	okay(t, err)
	if sum := sm3.Sum(d); r.SM3 != hex.EncodeToString(sum[:]) {
		t.Errorf("SM3 %s", r.SM3)
	}
}

// TestReadOn: a read that failed once is gone on with, in the same docking, where it
// stopped.
func TestReadOn(t *testing.T) {
	dir := t.TempDir()
	files := testbench.Clips(t, dir, 1, 12<<20, 7)
	fault := testbench.Fault{Kind: testbench.ReadError, Path: files[0].Name, At: 11 << 20, Times: 1}
	cam := testbench.Camera(t, dir, fault)
	s := openStation(t, testOptions(t))
	take(t, s, cam.Mountpoint, clip.Tags{})
	r := only(t, s, filepath.Join(dir, files[0].Name))
	if cam.Fired(fault.Kind) != 1 || r.Record.ResumedAt < partialFrom {
		t.Errorf("read on at %d after %d faults", r.Record.ResumedAt, cam.Fired(fault.Kind))
	}
}

// TestResumeRefused: where anything says that the file is another, or what was
// kept is not whole, the clip is read anew and what was kept goes.
func TestResumeRefused(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, s *Station, b *broken, file string, p partial){
		"another byte in a sample": func(t *testing.T, _ *Station, _ *broken, file string, p partial) {
			patch(t, file, p.State.Size-1, time.Unix(0, p.ModTime))
		},
		"another time": func(t *testing.T, _ *Station, _ *broken, file string, p partial) {
			okay(t, os.Chtimes(file, time.Time{}, time.Unix(1, p.ModTime)))
		},
		"another size": func(t *testing.T, _ *Station, _ *broken, file string, p partial) {
			okay(t, os.Truncate(file, p.Size-5), os.Chtimes(file, time.Time{}, time.Unix(0, p.ModTime)))
		},
		"another device": func(_ *testing.T, _ *Station, b *broken, _ string, _ partial) {
			b.ids = append(b.ids, device.Identity{Kind: device.ByProfile, Value: "2222223"})
		},
		"SM3 is asked for": func(_ *testing.T, s *Station, _ *broken, _ string, _ partial) {
			cfg := *s.conf()
			cfg.SM3 = true
			s.cfg.Store(&cfg)
		},
		"the kept file is short": func(t *testing.T, s *Station, _ *broken, _ string, p partial) {
			okay(t, os.Truncate(filepath.Join(s.spool.dir, p.Temp), p.State.Size-1))
		},
		"the kept file is gone": func(t *testing.T, s *Station, _ *broken, _ string, p partial) {
			okay(t, os.Remove(filepath.Join(s.spool.dir, p.Temp)))
		},
		"the kept file has rotted": func(t *testing.T, s *Station, _ *broken, _ string, p partial) {
			patch(t, filepath.Join(s.spool.dir, p.Temp), 5, time.Now())
		},
	} {
		t.Run(what, func(t *testing.T) {
			o, dir, b, name := lossy(t)
			s := openStation(t, o)
			file := filepath.Join(dir, name)
			change(t, s, b, file, interrupt(t, s, b))
			if err := journeyOf(t.Context(), s, b, "bay-1"); err != nil {
				t.Fatal(err)
			}
			if r := only(t, s, file); r.Record.ResumedAt != 0 || b.read < 11<<20 {
				t.Errorf("resumed at %d, %d bytes read", r.Record.ResumedAt, b.read)
			}
		})
	}
}

// TestResumeTail: what is read after resuming is hashed and checked as ever.
func TestResumeTail(t *testing.T) {
	o, dir, b, name := lossy(t)
	s := openStation(t, o)
	p := interrupt(t, s, b)
	file := filepath.Join(dir, name)
	patch(t, file, 11<<20, time.Unix(0, p.ModTime)) // was not read yet
	okay(t, journeyOf(t.Context(), s, b, "bay-1"))
	if r := only(t, s, file); r.Record.ResumedAt != p.State.Size {
		t.Errorf("resumed at %d", r.Record.ResumedAt)
	}
}

// TestStopInMidClip: a stop of the dock keeps what was read, and a read that
// has hardly begun is not worth it.
func TestStopInMidClip(t *testing.T) {
	for at, kept := range map[int64]int{9 << 20: 1, 2 << 20: 0} {
		o, dir, b, name := lossy(t)
		s := openStation(t, o)
		ctx, stop := context.WithCancel(t.Context())
		b.at, b.lose = at, func() error { stop(); return nil }
		if err := journeyOf(ctx, s, b, "bay-1"); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped with %v", err)
		}
		if _, list, err := s.partials(); err != nil || len(list) != kept || spoolFiles(t, s) != kept {
			t.Errorf("stopped at %d: %d interrupted reads, %d files, %v", at, len(list), spoolFiles(t, s), err)
		}
		b.lose = nil
		okay(t, journeyOf(t.Context(), s, b, "bay-1"))
		if r := only(t, s, filepath.Join(dir, name)); (r.Record.ResumedAt > 0) != (kept == 1) {
			t.Errorf("stopped at %d, resumed at %d", at, r.Record.ResumedAt)
		}
	}
}

// TestPartialGoes: after a month, and as soon as the disk runs full.
func TestPartialGoes(t *testing.T) {
	o, _, b, _ := lossy(t)
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := openStation(t, o)
	interrupt(t, s, b)
	now = now.Add(partialLife - time.Minute)
	okay(t, s.expirePartials(t.Context()))
	if n := spoolFiles(t, s); n != 1 {
		t.Errorf("%d files before its time", n)
	}
	now = now.Add(2 * time.Minute)
	okay(t, s.expirePartials(t.Context()))
	if _, list, _ := s.partials(); len(list)+spoolFiles(t, s) != 0 {
		t.Error("it stays for ever")
	}

	disk, o := onDisk(t, 48)
	s = openStation(t, o)
	interrupt(t, s, b)
	disk.Fill(12 << 20)
	cam := t.TempDir()
	testbench.Clips(t, cam, 1, 11<<20, 12)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored+sum.Recorded != 1 {
		t.Errorf("an interrupted read holds up a whole one: %+v", sum)
	}
	if _, list, _ := s.partials(); len(list) != 0 {
		t.Error("the disk had room for both: nothing was tested")
	}
}

func okay(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// patch changes one byte of a file and sets its time.
func patch(t *testing.T, file string, at int64, when time.Time) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	okay(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	okay(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	okay(t, err, f.Close(), os.Chtimes(file, time.Time{}, when))
}
