package verify

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// recordFile is a record file as it was found.
type recordFile struct {
	path    string
	lines   map[clip.Digest]line
	trouble string // why it could not be read to its end
}

type line struct {
	number int // from 1
	used   bool
}

// recordFiles reads the record files that begin with these entries.
func (r *run) recordFiles(ctx context.Context, firsts []int64) ([]*recordFile, error) {
	var out []*recordFile
	for _, first := range firsts {
		f := &recordFile{path: manifest.RecordPath(r.head.Log, first), lines: map[clip.Digest]line{}}
		f.trouble = f.read(ctx, r)
		out = append(out, f)
	}
	return out, ctx.Err()
}

// read hashes the lines, which may be long and many, and says what prevented it.
func (f *recordFile) read(ctx context.Context, r *run) (trouble string) {
	in, err := store.OpenBare(ctx, r.Store, f.path)
	if err != nil {
		return r.unreadable(err)
	}
	defer func() { _ = in.Close() }()
	if err := eachLine(in, func(number int, d clip.Digest) { f.lines[d] = line{number: number} }); err != nil {
		r.noticed(err)
		return err.Error()
	}
	return ""
}

var lineReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// eachLine hands out the SHA-256 of every line without its newline. A last
// line without newline is an error and is not handed out.
func eachLine(r io.Reader, each func(number int, d clip.Digest)) error {
	in, _ := lineReaders.Get().(*bufio.Reader)
	defer lineReaders.Put(in)
	in.Reset(r)
	defer in.Reset(nil)
	h := sha256.New()
	for number, open := 1, false; ; {
		part, err := in.ReadSlice('\n')
		switch {
		case err == nil && !open:
			each(number, sha256.Sum256(part[:len(part)-1]))
			number++
		case err == nil:
			_, _ = h.Write(part[:len(part)-1])
			each(number, clip.Digest(h.Sum(nil)))
			h.Reset()
			number, open = number+1, false
		case errors.Is(err, bufio.ErrBufferFull):
			_, _ = h.Write(part)
			open = true
		case err == io.EOF && (open || len(part) > 0):
			return fmt.Errorf("line %d has no end", number)
		case err == io.EOF:
			return nil
		default:
			return fmt.Errorf("cannot be read: %w", err)
		}
	}
}

// records follows the entries of a log through its record files. A file holds
// the records from the entry in its name up to the entry in the next one's, so
// that only the digests of a few files are in memory.
type records struct {
	firsts   []int64
	next     int           // of firsts, the file after the one that is open
	open     *recordFile   // nil before the first
	read     []*recordFile // from next on, those that were read already
	partly   map[int]bool  // files with entries that are not known, so lines may be theirs
	problems []Problem
}

func newRecords(firsts []int64) *records { return &records{firsts: firsts, partly: map[int]bool{}} }

// bring takes over the next files, before the entries they begin with come.
func (c *records) bring(files []*recordFile) { c.read = append(c.read, files...) }

// entry reports whether the record of e is where it must be.
func (c *records) entry(e entry) bool {
	c.advance(e.n)
	if c.open == nil {
		return false
	}
	l, found := c.open.lines[e.record]
	if found && !l.used {
		l.used = true
		c.open.lines[e.record] = l
	}
	return found
}

// blind says that the entries from first up to end are not known.
func (c *records) blind(first, end int64) {
	for i := max(c.next-1, 0); i < len(c.firsts) && c.firsts[i] < end; i++ {
		if i+1 == len(c.firsts) || c.firsts[i+1] > first {
			c.partly[i] = true
		}
	}
}

// advance opens the file that covers entry n.
func (c *records) advance(n int64) {
	for len(c.read) > 0 && c.firsts[c.next] <= n {
		c.leave()
		c.open = c.read[0]
		c.read = slices.Delete(c.read, 0, 1)
		if c.open.trouble != "" {
			c.add("%s", c.open.trouble)
		}
		c.next++
	}
}

// leave reports the lines of a file that no entry claimed.
func (c *records) leave() {
	if c.open == nil {
		return
	}
	for _, l := range c.open.lines {
		if !l.used && !c.partly[c.next-1] {
			c.add("line %d is the record of no entry", l.number)
		}
	}
}

func (c *records) add(format string, args ...any) {
	c.problems = append(c.problems, Problem{c.open.path, fmt.Sprintf(format, args...)})
}

// close checks the files that are left, when the entries have ended.
func (c *records) close() {
	for len(c.read) > 0 {
		c.advance(c.firsts[c.next])
	}
	c.leave()
}
