package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
)

// errUncosigned says why nothing was anchored where witnesses are all there is.
var errUncosigned = errors.New("no witness cosigned the checkpoint")

// sealed is a checkpoint with its time stamp, on the way into the log.
type sealed struct {
	checkpoint []byte // with the lines of witnesses

	reply       []byte // nil while nobody stamped
	roots       []byte // PEM
	name        string
	time, until time.Time
	accuracy    time.Duration
}

// makeAnchor has the newest publishable checkpoint cosigned and stamped, writes
// both down and enters what they hash to. The order, and what a crash leaves:
//
//  1. checkpoint and stamp are files of the state: the next anchor of this size
//     is made of them;
//  2. the entry log.anchor names them: the next publishing brings both to each
//     store, whatever it missed.
//
// With late the log has not grown and lacks cosignatures: unless they come now,
// nothing is made.
func (s *Station) makeAnchor(ctx context.Context, late bool) (anchor, error) {
	if err := s.healthy(); err != nil {
		return anchor{}, err
	}
	if err := s.ensureRun(ctx); err != nil { // else it would be an entry behind the stamp
		return anchor{}, err
	}
	if _, err := s.ledger.Seal(ctx); err != nil {
		return anchor{}, fmt.Errorf("seal the log: %w", err)
	}
	s.publishLast(ctx)
	size, note := s.ledger.Sealed()
	a, err := s.begun(ctx, size, note)
	if err != nil {
		return anchor{}, err
	}
	var lacking error
	if a.checkpoint == nil {
		a.checkpoint, lacking = s.cosign(ctx, size, note)
	}
	if lacking != nil && late {
		return anchor{}, lacking
	}
	var silent error
	if a.reply == nil {
		silent = s.askAuthorities(ctx, &a)
	}
	cosigned := len(a.checkpoint) > len(note)
	switch {
	case a.reply != nil, lacking == nil && cosigned && (late || s.grown(size)):
	case lacking != nil && len(s.conf().TSA) == 0:
		return anchor{}, lacking
	case silent == nil:
		return anchor{}, errUncosigned
	default:
		return anchor{}, silent
	}
	entered, err := s.enterAnchor(ctx, size, a)
	if err != nil {
		return anchor{}, err
	}
	s.markDirty()
	return entered, silent
}

// begun is what an anchor of this size left, here or in a store, whose entry was
// lost: with the state, or in a crash. A store has the files for good.
func (s *Station) begun(ctx context.Context, size int64, ours []byte) (a sealed, err error) {
	note, err := s.kept(ctx, checkpointName(size), func(b []byte) bool { return bytes.HasPrefix(b, ours) })
	if errors.Is(err, errUnasked) {
		return a, nil // a store may be away for good
	}
	if err != nil || note == nil {
		return a, err
	}
	c, err := s.openCheckpoint(note)
	if err != nil || c.Size != size {
		return a, nil // what is in a store need not be ours; it is not believed
	}
	if len(note) > len(ours) {
		if !s.believed(note) {
			return a, nil // the witnesses are asked again
		}
		a.checkpoint = note
	}
	reply, err := s.kept(ctx, checkpointName(size)+".tsr", nil)
	if errors.Is(err, errUnasked) {
		return a, nil
	}
	if err != nil || reply == nil {
		return a, err
	}
	st, err := stamp.Parse(reply)
	if err != nil || st.Over(note) != nil {
		return a, nil
	}
	for _, t := range s.conf().TSA {
		roots, err := readRoots(t)
		if err != nil {
			continue
		}
		if until, err := st.Chain(roots.roots); err == nil {
			return sealed{checkpoint: note, reply: reply, roots: roots.text, name: t.Called(), time: st.Time, until: until, accuracy: st.Accuracy}, nil
		}
	}
	return a, nil
}

// cosign asks the witnesses. What they give is used; what is not our checkpoint
// with more lines is not. The error says that there are fewer than are wanted.
func (s *Station) cosign(ctx context.Context, size int64, note []byte) (msg []byte, lacking error) {
	ask := s.cosigner()
	if ask == nil {
		return note, nil
	}
	more, err := ask(ctx, size, note)
	if err != nil {
		s.logger.Warn("cosign", "stage", "anchor", "size", size, "err", err)
	}
	if errors.Is(err, manifest.ErrUnwitnessed) || err != nil && len(more) == 0 {
		lacking = err // also where nobody could be asked at all
	}
	if len(more) <= len(note) || !bytes.HasPrefix(more, note) {
		return note, lacking
	}
	if _, err := s.openCheckpoint(more); err != nil {
		s.logger.Error("what the witnesses gave is no checkpoint", "stage", "anchor", "size", size, "err", err)
		return note, lacking
	}
	return more, lacking
}

func (s *Station) openCheckpoint(note []byte) (manifest.Checkpoint, error) {
	v, err := manifest.ParseKey(s.vkey)
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	return manifest.OpenCheckpoint(note, v.Name(), v)
}

// askAuthorities asks one after the other until one stamps; the error says why
// none did.
func (s *Station) askAuthorities(ctx context.Context, a *sealed) error {
	var errs []error
	for _, t := range s.conf().TSA {
		got, err := s.stampBy(ctx, t, a.checkpoint)
		if err == nil {
			got.checkpoint = a.checkpoint
			*a = got
			return nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return oneLine(errs)
}

// oneLine joins errors without a newline.
func oneLine(errs []error) error {
	var all error
	for _, err := range errs {
		if all == nil {
			all = err
			continue
		}
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

// enterAnchor keeps the files and enters their digests. Nothing in the entry is
// anybody's secret, so it has no record.
func (s *Station) enterAnchor(ctx context.Context, size int64, a sealed) (entered anchor, err error) {
	fields := manifest.Object{"size": size, "sha256": digestOf(a.checkpoint)}
	if err := s.keep(checkpointName(size), a.checkpoint); err != nil {
		return anchor{}, err
	}
	if a.reply != nil {
		if err := s.keep(checkpointName(size)+".tsr", a.reply); err != nil {
			return anchor{}, err
		}
		if err := s.keep(rootsName(digestOf(a.roots)), a.roots); err != nil {
			return anchor{}, err
		}
		fields["tsr"], fields["tsa"], fields["roots"] = digestOf(a.reply), a.name, digestOf(a.roots)
		fields["time"], fields["until"] = formatTime(a.time), formatTime(a.until)
		fields["error_ms"] = (a.accuracy + time.Millisecond - 1).Milliseconds()
	}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		e, err := s.append(tx, manifest.Draft{Type: "log.anchor", Actor: "dock", Fields: fields})
		entered = anchorOf(e)
		return err
	})
	return entered, err
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// checkpointName and rootsName are names below the folder of the log.
func checkpointName(size int64) string { return "checkpoints/" + strconv.FormatInt(size, 10) }

func rootsName(digest string) string { return "tsa/" + digest + ".pem" }

// believed reports whether the lines that a checkpoint has behind ours, and that a
// store may have made up, are of the witnesses that are wanted.
func (s *Station) believed(note []byte) bool {
	if s.o.Cosign != nil {
		return true
	}
	_, err := s.checkCosigned(note)
	return err == nil && s.conf().Witnesses.Any()
}

// keep writes a file of an anchor into the state.
func (s *Station) keep(name string, data []byte) error {
	path := filepath.Join(s.state, filepath.FromSlash(manifest.LogPath(s.log, name)))
	err := durable.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = durable.WriteFile(path, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep the time stamp: %w", err)
	}
	return nil
}

// errUnasked marks a file of an anchor that nobody has, as far as could be asked.
var errUnasked = errors.New("a store that may have it is away")

// kept finds a file of an anchor in the state, or in a store that is there: a
// state that was made anew from a store has none of them. It is nil when nobody
// has it, or none that fits; the error is errUnasked where a store did not say.
func (s *Station) kept(ctx context.Context, name string, fits func([]byte) bool) ([]byte, error) {
	full := manifest.LogPath(s.log, name)
	data, err := os.ReadFile(filepath.Join(s.state, filepath.FromSlash(full)))
	if err == nil && (fits == nil || fits(data)) {
		return data, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the time stamp: %w", err)
	}
	var unasked error
	for _, c := range s.centrals() {
		var there []byte
		err := c.use(func(st store.Store) (err error) {
			there, _, err = store.ReadAll(ctx, st, full, stamp.MaxRoots)
			return err
		})
		switch {
		case err == nil && (fits == nil || fits(there)):
			return there, nil
		case err != nil && !errors.Is(err, store.ErrNotExist):
			unasked = fmt.Errorf("%w: %w", errUnasked, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, unasked
}

// rootFile is a file of roots as it was read, and what it says.
type rootFile struct {
	text  []byte
	roots *stamp.Roots
}

func readRoots(t configs.TSA) (rootFile, error) {
	text, err := os.ReadFile(t.Roots)
	if err != nil {
		return rootFile{}, fmt.Errorf("roots of %s: %w", t.Called(), err)
	}
	roots, err := stamp.ParseRoots(text)
	if err != nil {
		return rootFile{}, fmt.Errorf("roots of %s: %s: %w", t.Called(), t.Roots, err)
	}
	return rootFile{text, roots}, nil
}
