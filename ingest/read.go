package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
)

// ErrUnstable is wrapped when a file changed while it was read, or gave other
// bytes than its size promised.
var ErrUnstable = errors.New("the file does not keep still")

const readTries = 3 // for a read error in mid-clip

// got is one whole and stable read of a file.
type got struct {
	sum     hash.Sum
	file    *spoolFile // nil when the clip is known
	samples clip.Digest
	mtime   time.Time
	resumed int64 // bytes that an earlier docking read
	known   int64 // the acquisition it already is, -1 when it is new
	unread  bool  // known without having been read again
}

func (g got) discard() {
	if g.file != nil {
		g.file.discard()
	}
}

// read reads f once. A path that held the same number of bytes before is only
// hashed at first: mostly it is known, and nothing needs to be written.
func (d *docking) read(ctx context.Context, f *file) (got, error) {
	was := d.lookUp(f)
	if was.read && d.mayskip(was.last, f) {
		g, err := d.passBy(f, was.last)
		if err != nil || g.unread {
			return g, err
		}
	}
	if was.read && was.last.Size == f.Size && d.s.spooled(was.last.N) {
		g, err := d.readOnce(ctx, f, reads{})
		if err != nil || g.known >= 0 {
			return g, err
		}
	}
	return d.readOnce(ctx, f, reads{spool: true, resume: was.cut})
}

// past is what the dock knows of a path.
type past struct {
	last seen // its last whole read
	read bool // there was one
	cut  bool // there is an interrupted one
}

func (d *docking) lookUp(f *file) (p past) {
	_ = d.s.db.View(func(tx *bbolt.Tx) error {
		c, key := catalog{tx}, pathKey(d.origin.source, f.Path)
		found, err := c.get(seenBucket, key, &p.last)
		p.read = found && err == nil
		p.cut = tx.Bucket(partialBucket).Get(key) != nil
		return nil
	})
	return p
}

// reads is what is wanted of the read of a file.
type reads struct {
	spool  bool // its bytes, not their digest alone
	resume bool // an interrupted read may be there to go on with
}

// mayskip reports whether everything but the bytes says that f is what it was:
// two identity sources of the device, path, size, raw time, and a recent read.
func (d *docking) mayskip(last seen, f *file) bool {
	return len(d.identities) >= 2 && !d.forward() && slices.Equal(last.Identities, d.identities) &&
		last.Size == f.Size && last.ModTime == f.ModTime.UnixNano() &&
		d.s.now().Sub(last.Read).Abs() < time.Duration(d.s.conf().RereadDays)*24*time.Hour &&
		d.s.spooled(last.N)
}

// passBy compares the first, middle and last 64 KiB with the last read.
func (d *docking) passBy(f *file, last seen) (got, error) {
	samples, err := d.samplesNow(f)
	if err != nil || samples != last.Samples {
		return got{known: -1}, err
	}
	d.sampled(f, samples)
	return got{known: last.N, unread: true}, nil
}

// readOnce reads f from start to end, with a few tries when the device fails.
func (d *docking) readOnce(ctx context.Context, f *file, want reads) (got, error) {
	for try := 1; ; try++ {
		g, err := d.attempt(ctx, f, want)
		want.resume = true // this one may have been interrupted
		var bad *hash.ReadError
		scarce := errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
		if !errors.As(err, &bad) && !scarce || try == readTries && !scarce || d.lost(ctx, err) != nil {
			return g, err
		}
		if scarce {
			// Commits under way give descriptors back.
			if err := d.s.pause(ctx, d.s.retryPause); err != nil {
				return g, err
			}
		}
		if ctx.Err() != nil {
			return g, ctx.Err()
		}
	}
}

func (d *docking) attempt(ctx context.Context, f *file, want reads) (got, error) {
	if f.Size < hash.BufferSize && !want.resume {
		if g, fits, err := d.attemptWhole(ctx, f, want); fits || err != nil {
			return g, err
		}
	}
	return d.attemptStream(ctx, f, want)
}

// attemptWhole reads a small file at one go. Only what is new is written to the
// spool. A file that grew out of the buffer since it was listed does not fit.
func (d *docking) attemptWhole(ctx context.Context, f *file, want reads) (g got, fits bool, err error) {
	g.known = -1
	buf, err := d.pool.Take(ctx)
	if err != nil {
		return g, false, err
	}
	l, err := device.Load(d.folder, f.Path, buf)
	if err != nil {
		d.pool.GiveUnread(buf, err)
		if l.Opened {
			err = fmt.Errorf("read %q: %w", f.Path, &hash.ReadError{Err: err})
		}
		return g, false, err
	}
	defer d.pool.Give(buf)
	if l.After == nil {
		return g, false, nil
	}
	d.bay.update(func(st *BayStatus) { st.Bytes += int64(l.N) })
	if err := stable(l.Before, l.After, int64(l.N)); err != nil {
		return g, false, fmt.Errorf("read %q: %w", f.Path, err)
	}
	data := buf[:l.N]
	samples := newSampler(l.Before.Size())
	if samples != nil {
		_, _ = samples.Write(data)
	}
	g.mtime, g.sum = l.Before.ModTime(), hash.Whole(data, d.s.conf().SM3)
	g.samples = samples.sum(g.sum.SHA256)
	d.sampled(f, g.samples)
	if g, err = d.recognise(f, g, want.spool); err != nil || g.known >= 0 || !want.spool {
		return g, true, err
	}
	g.file, err = d.keep(ctx, f, data)
	return g, true, err
}

// keep writes a clip to the spool.
func (d *docking) keep(ctx context.Context, f *file, data []byte) (*spoolFile, error) {
	size := int64(len(data))
	out, err := d.spoolRoom(ctx, size, func() (*spoolFile, error) { return d.s.spool.create(size) })
	if err != nil {
		return nil, err
	}
	if _, err := out.Write(data); err != nil {
		out.discard()
		return nil, fmt.Errorf("keep %q: %w", f.Path, &hash.WriteError{Err: err})
	}
	return out, nil
}

func (d *docking) attemptStream(ctx context.Context, f *file, want reads) (got, error) {
	none := got{known: -1}
	in, err := d.folder.Open(f.Path)
	if err != nil {
		return none, err
	}
	defer func() { _ = in.Close() }()
	before, err := in.Stat()
	if err != nil {
		return none, &hash.ReadError{Err: err}
	}
	r, err := d.begin(ctx, f, in, before, want)
	if err != nil {
		return none, err
	}
	g := got{known: -1, file: r.out, mtime: before.ModTime(), resumed: r.from}
	g.sum, err = r.copy(ctx, d.pool)
	if err == nil {
		err = stableSince(before, in, g.sum.Size)
	}
	if err != nil {
		d.broken(ctx, f, before, r, err)
		return none, fmt.Errorf("read %q: %w", f.Path, err)
	}
	g.samples = r.samples.sum(g.sum.SHA256)
	d.sampled(f, g.samples)
	return d.recognise(f, g, want.spool)
}

func stableSince(before os.FileInfo, in device.Reader, read int64) error {
	after, err := in.Stat()
	if err != nil {
		return &hash.ReadError{Err: err}
	}
	return stable(before, after, read)
}

// stable compares the file after the read with what it was before.
func stable(before, after os.FileInfo, read int64) error {
	if read != before.Size() {
		return fmt.Errorf("%w: %d of %d bytes came; check the card, or dock it again", ErrUnstable, read, before.Size())
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) || !changeTime(after).Equal(changeTime(before)) {
		return fmt.Errorf("%w: it changed while it was read; stop recording and dock it again", ErrUnstable)
	}
	return nil
}

func changeTime(fi os.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return time.Time{}
}

// recognise looks for the acquisition that g already is. Where its bytes are wanted,
// they are new also when the spool lacks them.
func (d *docking) recognise(f *file, g got, wanted bool) (got, error) {
	if err := d.s.healthy(); err != nil {
		g.discard() // what the database shows may not be on the disk
		return g, err
	}
	err := d.s.db.View(func(tx *bbolt.Tx) error {
		g.known = d.acquisition(tx, f.Path, g.sum.SHA256)
		return nil
	})
	if err == nil && g.known >= 0 && wanted && !d.s.spooled(g.known) {
		g.known = -1 // its spool file was lost: this copy takes its place
	}
	if g.known >= 0 {
		g.discard()
		g.file = nil
	}
	return g, err
}
