package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// Kinds are what a derived file can be to its original.
var Kinds = []string{"redacted", "excerpt", "transcode", "transcript"}

// storedLook is how often a derived file that waits for a store is looked at.
const storedLook = 50 * time.Millisecond

// DeriveRequest enters a file that was made from a clip.
type DeriveRequest struct {
	Clip   string        `json:"clip"`
	File   *os.File      `json:"-"`    // open for reading; Derive closes it
	Name   string        `json:"name"` // of the file, for people
	Kind   string        `json:"kind"` // one of Kinds
	Tool   string        `json:"tool"`
	Reason string        `json:"reason"`
	FromMS *int64        `json:"from_ms,omitempty"` // the interval of the clip that it shows, milliseconds; nil is all
	ToMS   *int64        `json:"to_ms,omitempty"`
	Actor  string        `json:"actor"`
	Wait   time.Duration `json:"wait"` // how long to wait for stores that do not answer
}

func (r DeriveRequest) check() error {
	switch {
	case !slices.Contains(Kinds, r.Kind):
		return fmt.Errorf("derive: %q is no kind: say one of %v", r.Kind, Kinds)
	case r.Tool == "" || r.Reason == "":
		return errors.New("derive: say with what and why it was made with --tool and --reason")
	case (r.FromMS == nil) != (r.ToMS == nil), r.FromMS != nil && (*r.FromMS < 0 || *r.ToMS <= *r.FromMS):
		return errors.New("derive: an interval begins at 0 or later and ends after it begins")
	}
	return nil
}

// Derive reads a file once, keeps it as an object of its own and enters that it was
// made from a clip, which stays as it is. The order is that of a clip: the file
// is durable in the spool before the entry is, and it is uploaded after it.
func (s *Station) Derive(ctx context.Context, r DeriveRequest) (DerivedView, error) {
	defer func() { _ = r.File.Close() }()
	if err := r.check(); err != nil {
		return DerivedView{}, err
	}
	of, err := s.row(r.Clip)
	if err != nil {
		return DerivedView{}, err
	}
	n, err := s.derive(ctx, r, of)
	if err != nil {
		return DerivedView{}, fmt.Errorf("derive from %s: %w", clipName(s.log, of.N), err)
	}
	s.startWork()
	s.wakeUploads()
	s.markDirty()
	s.awaitStored(ctx, n, r.Wait)
	if !s.o.Daemon {
		s.publishLast(ctx)
	}
	made, err := s.rowOf(n)
	if err == nil {
		err = s.healthy()
	}
	return s.viewDerived(made), err
}

// derive takes a file to its commit and returns its entry.
func (s *Station) derive(ctx context.Context, r DeriveRequest, of row) (int64, error) {
	before, err := r.File.Stat()
	if err != nil {
		return 0, err
	}
	if !before.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no file", printable(r.Name))
	}
	out, err := s.spoolFor(ctx, before.Size())
	if err != nil {
		return 0, err
	}
	// One byte more than was promised tells a growing file; more is not taken.
	sum, err := hash.Copy(ctx, out, io.LimitReader(r.File, before.Size()+1), hash.NewPool(buffersPerDocking), s.conf().SM3)
	if err == nil {
		err = settled(r.File, before, sum.Size)
	}
	if err == nil && sum.SHA256 == of.SHA256 {
		err = errors.New("it has the bytes of the original: nothing was derived")
	}
	if err != nil {
		out.discard()
		return 0, err
	}
	d := sum.SHA256
	s.spool.hold(d)
	err = s.spool.place(out, d)
	if err == nil {
		err = s.spool.sync(ctx, out)
	}
	var n int64
	if err == nil {
		n, err = s.enterDerived(ctx, r, of, sum)
	}
	s.spool.unhold(d)
	if err != nil || s.conf().Keep.Days == 0 {
		s.letGo(d, err)
	}
	return n, err
}

// spoolFor opens a spool file of so many bytes. On a full disk what is only kept goes
// first, as it does for a camera's clip; a person is there to be told, so nothing waits.
func (s *Station) spoolFor(ctx context.Context, size int64) (*spoolFile, error) {
	f, err := s.spool.create(size)
	if !errors.Is(err, ErrFull) {
		return f, err
	}
	if err := s.makeRoom(ctx, size); err != nil {
		return nil, err
	}
	return s.spool.create(size)
}

// settled refuses a file that changed while it was read.
func settled(f *os.File, before os.FileInfo, read int64) error {
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if read != before.Size() || after.Size() != read || !after.ModTime().Equal(before.ModTime()) {
		return fmt.Errorf("%w: %d of %d bytes came; try again when nobody writes it", ErrUnstable, read, before.Size())
	}
	return nil
}

// enterDerived is the commit point. The same bytes of the same kind are entered
// once for a clip.
func (s *Station) enterDerived(ctx context.Context, r DeriveRequest, of row, sum hash.Sum) (n int64, err error) {
	record, err := manifest.NewRecord(derivedRecord{
		Tool: r.Tool, Reason: r.Reason, Name: path.Base(printable(r.Name)), FromMS: r.FromMS, ToMS: r.ToMS,
	})
	if err != nil {
		return 0, err
	}
	fields := manifest.Object{
		"clip": clipName(s.log, of.N), "leaf": of.Leaf, "kind": r.Kind, "sha256": sum.SHA256.String(), "size": sum.Size,
	}
	if sum.SM3 != "" {
		fields["sm3"] = sum.SM3
	}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		c := catalog{tx.Bolt()}
		if n, err = c.derivation(of.N, r.Kind, sum.SHA256); n >= 0 || err != nil {
			return err
		}
		e, err := s.append(tx, manifest.Draft{Type: "clip.derived", Actor: r.Actor, Fields: fields, Record: record})
		if err != nil {
			return err
		}
		n = e.N
		made, err := c.clip(n)
		if err != nil {
			return err
		}
		return s.enqueueRow(c, made, sum)
	})
	return n, err
}

// awaitStored returns when enough stores have clip n, or the wait is over.
func (s *Station) awaitStored(ctx context.Context, n int64, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(storedLook)
	defer tick.Stop()
	for !s.enough(n) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
