package verify

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// records follows the entries of a log through its record files. A file holds
// the records from the entry in its name up to the entry in the next one's, so
// that only the digests of one publishing are in memory.
type records struct {
	r        *run
	firsts   []int64
	next     int // of firsts, the file after the one that is open
	path     string
	lines    map[clip.Digest]*line
	partly   map[int]bool // files with entries that are not known, so lines may be theirs
	problems []Problem
}

type line struct {
	number int // from 1
	used   bool
}

func newRecords(r *run, firsts []int64) *records {
	return &records{r: r, firsts: firsts, partly: map[int]bool{}}
}

// entry reports whether the record of e is where it must be.
func (c *records) entry(ctx context.Context, e entry) (bool, error) {
	if err := c.advance(ctx, e.n); err != nil {
		return false, err
	}
	l := c.lines[e.record]
	if l == nil {
		return false, nil
	}
	l.used = true
	return true, nil
}

// blind says that the entries from first up to end are not known.
func (c *records) blind(first, end int64) {
	for i := max(c.next-1, 0); i < len(c.firsts) && c.firsts[i] < end; i++ {
		if i+1 == len(c.firsts) || c.firsts[i+1] > first {
			c.partly[i] = true
		}
	}
}

func (c *records) advance(ctx context.Context, n int64) error {
	for c.next < len(c.firsts) && c.firsts[c.next] <= n {
		c.leave()
		if err := c.open(ctx, c.firsts[c.next]); err != nil {
			return err
		}
		c.next++
	}
	return nil
}

// leave reports the lines of a file that no entry claimed.
func (c *records) leave() {
	for _, l := range c.lines {
		if !l.used && !c.partly[c.next-1] {
			c.add("line %d is the record of no entry", l.number)
		}
	}
	c.lines = nil
}

func (c *records) add(format string, args ...any) {
	c.problems = append(c.problems, Problem{c.path, fmt.Sprintf(format, args...)})
}

// open hashes the lines of a record file; they may be long and many.
func (c *records) open(ctx context.Context, first int64) error {
	c.path = manifest.RecordPath(c.r.head.Log, first)
	c.lines = map[clip.Digest]*line{}
	f, err := c.r.Store.Open(ctx, c.path, "")
	if err != nil {
		c.add("%s", unreadable(err))
		return ctx.Err()
	}
	defer func() { _ = f.Close() }()
	err = eachLine(f, func(number int, d clip.Digest) { c.lines[d] = &line{number: number} })
	if err != nil {
		c.add("%s", err)
	}
	return ctx.Err()
}

// eachLine hands out the SHA-256 of every line without its newline. A last
// line without newline is an error and is not handed out.
func eachLine(r io.Reader, each func(number int, d clip.Digest)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	h := sha256.New()
	for number, open := 1, false; ; {
		part, err := in.ReadSlice('\n')
		switch {
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

// close checks the files up to the size of the log.
func (c *records) close(ctx context.Context) error {
	if err := c.advance(ctx, c.r.head.Checkpoint.Size-1); err != nil {
		return err
	}
	c.leave()
	return nil
}
