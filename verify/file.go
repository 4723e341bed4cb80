package verify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

const (
	proofStart = "c2sp.org/tlog-proof@"
	maxProof   = 1 << 20 // bytes
)

// File proves a file by its content, whatever it is called: a folder as an
// evidence package, for which no store is needed; a C2SP tlog-proof as that of
// an entry, with its clip; a receipt with the clips that its docking entered; anything else as the bytes of a clip, found in the
// log of o.Store by their SHA-256. It calls each for every clip found; bytes
// that no entry knows are a Result without Clip. Errors are those of Store.
func File(ctx context.Context, o Options, path string, each func(Result) error) (Report, error) {
	r := newRun(o, each)
	return r.finish(r.file(ctx, path))
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
		return r.pack(ctx, path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("verify %q: not a file or folder", path)
	}
	in := bufio.NewReaderSize(f, 1<<10)
	switch start, _ := in.Peek(max(len(proofStart), len(manifest.ReceiptStart))); {
	case bytes.HasPrefix(start, []byte(proofStart)):
		return r.proof(ctx, in)
	case bytes.HasPrefix(start, []byte(manifest.ReceiptStart)):
		return r.receipt(ctx, in)
	}
	return r.loose(ctx, in)
}

// loose finds the clips that have these bytes.
func (r *run) loose(ctx context.Context, in io.Reader) error {
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
	if k, ok := p.place(d); ok {
		p.objects[k] = object{size: size, state: whole}
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
		return r.emit(Result{Clip: name, Result: Mismatch, Problem: "its entry " + unreadable(err)})
	}
	leaf := manifest.LeafHash(raws[p.Index%manifest.TileWidth])
	err = r.signed(func(v note.Verifier) error {
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

// sum hashes a file of a package.
func sum(ctx context.Context, path string) (d clip.Digest, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return digest(ctx, f)
}
