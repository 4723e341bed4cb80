// Package bundle writes evidence packages: folders that hold clips with all
// that proves them, to be handed to people who have neither dock nor store. A
// package is a BagIt 1.0 bag (RFC 8493); docs/package.md describes it.
package bundle

import (
	"cmp"
	"context"
	_ "embed" // verify.sh and VERIFY.md
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

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
	Zip     bool             // a file is made instead, Dir with .zip at its end
	Only    string           // a kind: derived files of it without their originals; "" is all there is
	Left    []string         // other parts of the recordings of Clips, which are not taken along
	SM3     bool             // list SM3 digests even where no entry has one
	Version string           // of this program, for bag-info.txt
	Now     func() time.Time // nil: time.Now; its zone is that of the certificate

	FFmpeg   string      // the program that takes pictures for the certificate, "" for none
	Chromium string      // the program that prints it, "" for none
	Problem  func(error) // told, from one goroutine, what the certificate lacks and why; nil is nobody
}

// writer is one package in the making.
type writer struct {
	Options
	bag     *bag
	head    verify.Head
	hashes  tlog.HashReader // of the published tree
	anchor  anchor
	clips   map[string]bool // asked for; true once its entry was seen
	run     *manifest.Entry // the run.started that the entry being sifted was made in
	entries []manifest.Entry
	erased  map[int64]bool // entries of ours whose record an entry says is erased
	records map[int64][]byte
	about   map[string][]manifest.Entry // statements by clip
	others  map[string][]manifest.Entry // what is about no clip, by type
	files   map[string]string           // by clip: where it will be
	done    map[string]chan struct{}    // by clip: closed when it is there
}

// Write makes a package of clips: their objects, their clip.ingested entries
// and every statement about them that the published log holds, with a proof
// for each under one checkpoint, and the records of these entries and of no
// others. The log is checked on the way, and each object is hashed while it is
// copied; what does not match is a *verify.MismatchError. After an error there is
// no package. When Write returns nil it is on the disk, whole.
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
	if err := o.Vacant(); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := w.collect(ctx); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := w.write(ctx); err != nil {
		return fmt.Errorf("write package %s: %w", o.Place(), err)
	}
	return nil
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
	w.order()
	for _, name := range w.Clips {
		if !w.clips[name] {
			return fmt.Errorf("%q is no clip in the published log of %s", name, w.head.Checkpoint.Origin)
		}
		if w.Only != "" && !slices.ContainsFunc(w.about[name], w.takes) {
			return fmt.Errorf("clip %s has no derived file of kind %s", name, w.Only)
		}
	}
	w.hashes = manifest.HashReader(w.head.Checkpoint, w.cached(ctx))
	if err := w.findAnchor(ctx, w.entries[len(w.entries)-1].N+1); err != nil {
		return err
	}
	return w.readRecords(ctx)
}

// order sorts the entries, and sorts them out.
func (w *writer) order() {
	slices.SortFunc(w.entries, func(a, b manifest.Entry) int { return cmp.Compare(a.N, b.N) })
	w.about, w.others = map[string][]manifest.Entry{}, map[string][]manifest.Entry{}
	for _, e := range w.entries {
		if name := e.Fields.Str("clip"); name != "" {
			w.about[name] = append(w.about[name], e)
		} else {
			w.others[e.Type] = append(w.others[e.Type], e)
		}
	}
}

// sift keeps an entry that is about the clips, and with each that says when a
// clip came or left the one that says by which program.
func (w *writer) sift(e manifest.Entry) {
	switch e.Type {
	case "run.started":
		w.run = &e
		return
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
	if w.run != nil && (e.Type == "clip.ingested" || e.Type == "clip.exported") {
		w.entries = append(w.entries, *w.run)
		w.run = nil
	}
	w.entries = append(w.entries, e)
}

// write fills the package and makes the certificate meanwhile.
func (w *writer) write(ctx context.Context) error {
	b, err := w.openBox(w.entries[len(w.entries)-1].T)
	if err != nil {
		return err
	}
	defer b.discard()
	w.bag = newBag(b, w.listsSM3())
	w.files, w.done = map[string]string{}, map[string]chan struct{}{}
	for _, e := range w.entries {
		if w.takes(e) {
			w.files[e.Name()] = "data/" + e.Name() + "/" + safeName(w.records[e.N], e.Name())
			w.done[e.Name()] = make(chan struct{})
		}
	}
	var page, pdf []byte
	both, working := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		page, pdf, err = w.certify(working)
		return err
	})
	both.Go(func() error { return w.fill(working) })
	if err := both.Wait(); err != nil {
		return err
	}
	if err := w.bag.write("certificate.html", page, filePerm); err != nil {
		return err
	}
	if len(pdf) > 0 {
		if err := w.bag.write("certificate.pdf", pdf, filePerm); err != nil {
			return err
		}
	}
	if err := w.writeEndorsements(ctx); err != nil {
		return err
	}
	return w.bag.finish(w.info())
}

// certify makes the certificate, and prints it where that is possible.
func (w *writer) certify(ctx context.Context) (page, pdf []byte, err error) {
	if page, err = w.certificate(w.frames(ctx)); err != nil || w.Chromium == "" {
		return page, nil, err
	}
	if pdf, err = w.print(ctx, page); err != nil {
		w.lacks(fmt.Errorf("print certificate: %w", err))
		return page, nil, nil
	}
	return page, pdf, nil
}

func (w *writer) lacks(err error) {
	if w.Problem != nil {
		w.Problem(err)
	}
}

// takes reports whether the file that an entry is about goes into the package.
func (w *writer) takes(e manifest.Entry) bool {
	switch e.Type {
	case "clip.ingested":
		return w.Only == ""
	case "clip.derived":
		return w.Only == "" || w.Only == e.Fields.Str("kind")
	}
	return false
}

// fill writes everything but the certificate and the lists.
func (w *writer) fill(ctx context.Context) error {
	if err := w.writeClips(ctx); err != nil {
		return err
	}
	for _, e := range w.entries {
		if err := w.writeEntry(e); err != nil {
			return err
		}
	}
	if err := w.writeLog(); err != nil {
		return err
	}
	if err := w.bag.write("VERIFY.md", guide, filePerm); err != nil {
		return err
	}
	return w.bag.write("verify.sh", script, filePerm|0o100)
}

// writeLog adds the checkpoint, what vouches for it, and the key.
func (w *writer) writeLog() error {
	if err := w.bag.write("log/key", []byte(strings.TrimSpace(w.Key)+"\n"), filePerm); err != nil {
		return err
	}
	if err := w.bag.write("log/checkpoint", w.anchor.note, filePerm); err != nil {
		return err
	}
	for _, s := range w.anchor.stamps {
		if err := w.bag.write(s.name, s.data, filePerm); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeEntry(e manifest.Entry) error {
	hashes, err := tlog.ProveRecord(w.anchor.Size, e.N, w.hashes)
	if err != nil {
		return fmt.Errorf("prove entry %d: %w", e.N, err)
	}
	proof := manifest.Proof{Index: e.N, Hashes: hashes, Checkpoint: w.anchor.note}
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

// writeClips copies as many objects at a time as the box takes.
func (w *writer) writeClips(ctx context.Context) error {
	copies, copying := errgroup.WithContext(ctx)
	copies.SetLimit(w.bag.box.together())
	for _, e := range w.entries {
		if w.takes(e) {
			copies.Go(func() error { return w.writeClip(copying, e) })
		}
	}
	return copies.Wait()
}

// writeClip copies the object of a clip, or of what was made from one, hashing it
// on the way.
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
	sum, err := w.bag.copy(ctx, w.files[e.Name()], in, in.Info().Size)
	if err == nil && sum.SHA256 != digest {
		err = &verify.MismatchError{Cause: fmt.Sprintf("%s: its object has other bytes than its name says", e.Name())}
	}
	if err == nil {
		err = sameSM3(e, sum)
	}
	if err == nil {
		close(w.done[e.Name()])
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
	for _, name := range w.Left {
		text += "Custodock-Left-Out: " + name + "\n"
	}
	return text + fmt.Sprintf("Custodock-Log: %s\nCustodock-Log-Size: %d\n", w.anchor.Origin, w.anchor.Size)
}
