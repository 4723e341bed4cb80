// Package bundle writes evidence packages: folders that hold clips with all
// that proves them, to be handed to people who have neither dock nor store. A
// package is a BagIt 1.0 bag (RFC 8493); docs/package.md describes it.
package bundle

import (
	"context"
	_ "embed" // verify.sh and VERIFY.md
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

//go:embed verify.sh
var script []byte

//go:embed VERIFY.md
var guide []byte

// Script is verify.sh as it is in every package, for those who want to compare
// theirs with one they trust.
func Script() []byte { return slices.Clone(script) }

// Options say which clips go where.
type Options struct {
	Store   store.Reader
	Key     string           // the log's verifier key
	Clips   []string         // names of clips of that log
	Dir     string           // made, or empty
	Version string           // of this program, for bag-info.txt
	Now     func() time.Time // nil: time.Now
}

// writer is one package in the making.
type writer struct {
	Options
	bag     *bag
	head    verify.Head
	clips   map[string]bool // asked for; true once its entry was seen
	entries []manifest.Entry
	erased  map[int64]bool // entries of ours whose record an entry says is erased
	records map[int64][]byte
}

// Write makes a package of clips: their objects, their clip.ingested entries
// and every statement about them that the published log holds, with a proof
// for each, and the records of these entries and of no others. The log is
// checked on the way, and each object is hashed; what does not match is a
// *verify.MismatchError. After an error Dir holds an unfinished package, which
// no verifier accepts. When Write returns nil the package is on the disk.
func Write(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &writer{Options: o, clips: map[string]bool{}, erased: map[int64]bool{}, records: map[int64][]byte{}}
	for _, name := range o.Clips {
		w.clips[name] = false
	}
	if len(w.clips) == 0 {
		return errors.New("write package: no clips; name at least one")
	}
	if err := vacant(o.Dir); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := w.collect(ctx); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := w.write(ctx); err != nil {
		return fmt.Errorf("write package %s: %w", o.Dir, err)
	}
	return nil
}

// vacant refuses to mix a package with anything else.
func vacant(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(names) > 0 {
		return fmt.Errorf("folder %s is not empty; name a new one", dir)
	}
	return err
}

// collect reads the log once and keeps what is about the clips.
func (w *writer) collect(ctx context.Context) (err error) {
	w.head, err = verify.Log(ctx, verify.Options{Store: w.Store, Key: w.Key}, func(e manifest.Entry) error {
		w.sift(e)
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range w.Clips {
		if !w.clips[name] {
			return fmt.Errorf("%q is no clip in the published log of %s", name, w.head.Checkpoint.Origin)
		}
	}
	return w.readRecords(ctx)
}

func (w *writer) sift(e manifest.Entry) {
	switch e.Type {
	case "clip.ingested":
		if _, wanted := w.clips[e.Name()]; !wanted {
			return
		}
		w.clips[e.Name()] = true
	case "record.erased":
		target := e.Fields.Sub("target")
		n, ok := target.Int("n")
		if !ok || target.Str("log") != e.Log || !slices.ContainsFunc(w.entries, func(o manifest.Entry) bool { return o.N == n }) {
			return
		}
		w.erased[n] = true
	default:
		if !w.clips[e.Fields.Str("clip")] {
			return
		}
	}
	w.entries = append(w.entries, e)
}

func (w *writer) write(ctx context.Context) (err error) {
	if w.bag, err = newBag(w.Dir); err != nil {
		return err
	}
	prove := manifest.HashReader(w.head.Checkpoint, w.cached(ctx))
	for _, e := range w.entries {
		if e.Type == "clip.ingested" {
			if err := w.writeClip(ctx, e); err != nil {
				return err
			}
		}
		if err := w.writeEntry(e, prove); err != nil {
			return err
		}
	}
	if err := w.writeEndorsements(ctx); err != nil {
		return err
	}
	if err := w.bag.write("VERIFY.md", guide, filePerm); err != nil {
		return err
	}
	if err := w.bag.write("verify.sh", script, filePerm|0o100); err != nil {
		return err
	}
	return w.bag.finish(w.info())
}

func (w *writer) writeEntry(e manifest.Entry, prove tlog.HashReader) error {
	hashes, err := tlog.ProveRecord(w.head.Checkpoint.Size, e.N, prove)
	if err != nil {
		return fmt.Errorf("prove entry %d: %w", e.N, err)
	}
	proof := manifest.Proof{Index: e.N, Hashes: hashes, Checkpoint: w.head.Note}
	if err := w.bag.write("entries/"+e.Name()+".json", e.Raw, filePerm); err != nil {
		return err
	}
	if err := w.bag.write("proofs/"+e.Name()+".tlog-proof", proof.Encode(), filePerm); err != nil {
		return err
	}
	if record, ok := w.records[e.N]; ok {
		return w.bag.write("records/"+e.Name()+".json", record, filePerm)
	}
	return nil
}

// writeClip copies the object of a clip, hashing it on the way.
func (w *writer) writeClip(ctx context.Context, e manifest.Entry) error {
	digest, err := clipDigest(e)
	if err != nil {
		return err
	}
	in, err := w.Store.Open(ctx, store.Name(digest), "")
	if errors.Is(err, store.ErrNotExist) {
		return &verify.MismatchError{Cause: fmt.Sprintf("%s: its object %s is not in the store", e.Name(), store.Name(digest))}
	}
	if err != nil {
		return fmt.Errorf("read object of %s: %w", e.Name(), err)
	}
	defer func() { _ = in.Close() }()
	name := "data/" + e.Name() + "/" + safeName(w.records[e.N], e.Name())
	sum, err := w.bag.copy(ctx, name, in)
	if err == nil && sum != digest {
		err = &verify.MismatchError{Cause: fmt.Sprintf("%s: its object has other bytes than its name says", e.Name())}
	}
	return err
}

func (w *writer) info() string {
	text := fmt.Sprintf("Bag-Software-Agent: custodock %s\nBagging-Date: %s\n",
		w.Version, w.Now().UTC().Format(time.DateOnly))
	for _, e := range w.entries {
		if e.Type == "clip.ingested" {
			text += "External-Identifier: " + e.Name() + "\n"
		}
	}
	return text + fmt.Sprintf("Custodock-Log: %s\nCustodock-Log-Size: %d\n", w.head.Checkpoint.Origin, w.head.Checkpoint.Size)
}
