package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
)

// Bench is one run of the program: where it works, and what rows share.
type Bench struct {
	Bin string // custodock
	Dir string // everything made lies here and goes with it

	ctx     context.Context // ends when the run is broken off
	self    string          // this program, for its peers
	servers string          // folder of the programs of others
	scale   float64
	rounds  int // 0 is each row's own
	untuned bool
	out     io.Writer

	sources map[string]*Source
	notes   []string // of the row under way
}

// Source is a folder of clips that no run changes.
type Source struct {
	Dir   string
	Files []testbench.File
	Bytes int64
	Cold  bool // not in the page cache when a run begins
}

// Context ends when the bench is broken off.
func (b *Bench) Context() context.Context { return b.ctx }

// close removes everything that was made.
func (b *Bench) close() error { return os.RemoveAll(b.Dir) }

// Note prints a line and keeps it for the report of the row under way.
func (b *Bench) Note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	b.notes = append(b.notes, line)
	_, _ = fmt.Fprintln(b.out, line)
}

// Scaled is n of anything at the scale of this run, at least one.
func (b *Bench) Scaled(n int64) int64 {
	return max(1, int64(math.Round(float64(n)*b.scale)))
}

// Clips gives n files of size bytes each. Rows that ask for the same get the
// same folder.
func (b *Bench) Clips(n int, size int64) (*Source, error) {
	return b.source(fmt.Sprintf("source-%dx%d", n, size), 1, n, size)
}

// source makes a folder of clips; the same seed gives the same ones.
func (b *Bench) source(name string, seed uint64, n int, size int64) (*Source, error) {
	if s := b.sources[name]; s != nil {
		return s, nil
	}
	s := &Source{Dir: filepath.Join(b.Dir, name), Bytes: int64(n) * size}
	var err error
	if s.Files, err = testbench.MakeClips(s.Dir, n, size, seed); err != nil {
		return nil, err
	}
	b.keep(name, s)
	return s, nil
}

// sparse is source with clips that are a hole but for their start: they cost no
// room, and are not read beforehand. Their digests are not known.
func (b *Bench) sparse(name string, seed uint64, n int, size int64) (*Source, error) {
	if s := b.sources[name]; s != nil {
		return s, nil
	}
	s := &Source{Dir: filepath.Join(b.Dir, name), Bytes: int64(n) * size, Cold: true}
	var err error
	if s.Files, err = testbench.MakeClips(s.Dir, n, min(size, 4096), seed); err != nil {
		return nil, err
	}
	for i := range s.Files {
		f := &s.Files[i]
		f.Size, f.SHA256 = size, ""
		if err := os.Truncate(f.Path, size); err != nil {
			return nil, err
		}
	}
	b.keep(name, s)
	return s, nil
}

func (b *Bench) keep(name string, s *Source) {
	if b.sources == nil {
		b.sources = map[string]*Source{}
	}
	b.sources[name] = s
}

// Large are 8 clips of 256 MiB, Small 10,000 of 64 KiB, as scaled.
func (b *Bench) Large() (*Source, error) { return b.Clips(8, b.Scaled(256)<<20) }

// Small is said at Large.
func (b *Bench) Small() (*Source, error) { return b.Clips(int(b.Scaled(10_000)), 64<<10) }

// Paths are the files of a source.
func (s *Source) Paths() []string {
	var paths []string
	for _, f := range s.Files {
		paths = append(paths, f.Path)
	}
	return paths
}

// ready brings a source into the page cache, or out of it.
func (s *Source) ready() error {
	buf := make([]byte, bufferSize)
	for _, f := range s.Files {
		do := readAll
		if s.Cold {
			do = forget
		}
		if err := do(f.Path, buf); err != nil {
			return err
		}
	}
	return nil
}

// forget drops a file from the page cache; what is dirty of it stays.
func forget(path string, _ []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := f.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func readAll(path string, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	// Hidden, lest the copy avoid the buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
	return err
}

// Scratch makes a folder for one run; done empties its files.
func (b *Bench) Scratch() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(b.Dir, "run-")
	return dir, func() { _ = empty(dir) }, err
}

// empty cuts all files below dir to nothing. They are removed with the bench only:
// some file systems look at each inode that was freed a short while ago before they
// give a new file one, so whoever came after ten thousand removals would pay for them.
func empty(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.Truncate(path, 0)
	})
}

// sized writes bytes as people do: "64 KiB".
func sized(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if one := int64(1) << (10 * (3 - i)); n >= one {
			return strings.TrimSuffix(strconv.FormatFloat(float64(n)/float64(one), 'f', 1, 64), ".0") + " " + unit
		}
	}
	return fmt.Sprintf("%d B", n)
}

// Program gives the path of one that tools/need.sh built.
func (b *Bench) Program(name string) (string, error) {
	path := filepath.Join(b.servers, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("look for %s: %w: run tools/need.sh servers peers", name, err)
	}
	return path, nil
}
