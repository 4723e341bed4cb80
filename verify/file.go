package verify

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
)

const (
	proofStart = "c2sp.org/tlog-proof@"
	maxProof   = 1 << 20 // bytes
)

// File proves a file by its content, whatever it is called: a folder or a zip of one as an
// evidence package, for which no store is needed; a C2SP tlog-proof as that of
// an entry, with its clip; a receipt with the clips that its docking entered; anything else as the bytes of a clip, found in the
// log of o.Store by their SHA-256. It calls each for every clip found; bytes
// that no entry knows are a Result without Clip. Errors are those of Store.
func File(ctx context.Context, o Options, path string, each func(Result) error) (Report, error) {
	r := newRun(o, each)
	return r.finish(ctx, r.file(ctx, path))
}

func (r *run) file(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return r.pack(ctx, folder(path))
	case !info.Mode().IsRegular():
		return fmt.Errorf("verify %q: not a file or folder", path)
	}
	switch pack, err := packIn(f, info.Size()); {
	case pack != nil:
		return r.pack(ctx, pack)
	case err != nil && r.Store == nil: // else it may be a clip all the same
		return err
	}
	in := bufio.NewReaderSize(f, 1<<10)
	switch start, _ := in.Peek(max(len(proofStart), len(manifest.ReceiptStart))); {
	case bytes.HasPrefix(start, []byte(proofStart)):
		return r.proof(ctx, in)
	case bytes.HasPrefix(start, []byte(manifest.ReceiptStart)):
		return r.receipt(ctx, in)
	}
	return r.loose(ctx, in, f)
}

// loose finds the clips that have the bytes of a file, which in reads from its start.
func (r *run) loose(ctx context.Context, in io.Reader, file io.ReadSeeker) error {
	d, size, err := digest(ctx, in)
	if err != nil {
		return err
	}
	r.report.Bytes += size
	x, err := r.log(ctx)
	if err != nil {
		return err
	}
	var names []string
	for f := range x.all() {
		if f.digest == d && !f.lost {
			names = append(names, x.name(f.n))
		}
	}
	if len(names) == 0 {
		return r.emit(Result{SHA256: d.String(), Result: Mismatch,
			Problem: fmt.Sprintf("no clip of log %s has these %d bytes", r.head.Log, size)})
	}
	p := newPlan(x, names)
	if err := p.given(ctx, d, size, file); err != nil {
		return err
	}
	for f := range p.clips {
		if err := r.emit(p.judge(f)); err != nil {
			return err
		}
	}
	return nil
}

// proof checks a proof against the log it speaks of, and the clip whose
// entry it proves.
func (r *run) proof(ctx context.Context, in io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(in, maxProof+1))
	if err != nil {
		return err
	}
	p, err := manifest.ParseProof(data)
	if err != nil {
		return &MismatchError{Cause: err.Error()}
	}
	x, err := r.log(ctx)
	if err != nil {
		return err
	}
	if p.Index >= r.head.Checkpoint.Size {
		return &MismatchError{Cause: fmt.Sprintf("the proof is of entry %d, the log ends before it", p.Index)}
	}
	name := ClipName(r.head.Log, p.Index)
	_, raws, err := r.entries(ctx, r.tileAt(-1, p.Index/manifest.TileWidth))
	if err != nil {
		return r.emit(Result{Clip: name, Result: Mismatch, Problem: "its entry " + r.unreadable(err)})
	}
	leaf := manifest.LeafHash(raws[p.Index%manifest.TileWidth])
	err = r.vouched(func(v note.Verifier) error {
		_, err := p.Check(leaf, r.head.Checkpoint.Origin, v)
		return err
	})
	if err != nil {
		return r.emit(Result{Clip: name, Result: Mismatch, Problem: err.Error()})
	}
	if x.find(p.Index) == nil {
		return r.emit(Result{Clip: name, Result: OK})
	}
	return r.objects(ctx, newPlan(x, []string{name}))
}

// openBox opens a package; done closes it.
func openBox(path string) (b box, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err == nil && info.IsDir():
		_ = f.Close()
		return folder(path), func() {}, nil
	case err == nil:
		b, err = packIn(f, info.Size())
	}
	if err == nil && b == nil {
		err = fmt.Errorf("open %q: it is no evidence package", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return b, func() { _ = f.Close() }, nil
}

// IsPackage reports whether path is a folder, or a zip with what a package has.
func IsPackage(path string) bool {
	_, done, err := openBox(path)
	if err == nil {
		done()
	}
	return err == nil
}

// IsZip reports whether path is a zip, which a package can be.
func IsZip(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return startsZip(f)
}

func startsZip(f io.ReaderAt) bool {
	start := make([]byte, len(zipStart))
	_, err := f.ReadAt(start, 0)
	return err == nil && string(start) == zipStart
}

// packIn is the package in a zip; nil where f is no zip, or one of anything else.
func packIn(f io.ReaderAt, size int64) (box, error) {
	if !startsZip(f) {
		return nil, nil
	}
	a, err := openZip(f, size)
	if err != nil {
		return nil, err
	}
	if a.files[payloadList] == nil && a.files[tagList] == nil {
		return nil, nil
	}
	return a, nil
}
