package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
)

// The ways in which a file of a camera can differ at the end of a docking from
// what it was.
const (
	differsNew     = "new"
	differsMissing = "missing"
	differsSize    = "size"
	differsTime    = "mtime"
	differsBytes   = "bytes"      // its first, middle or last 64 KiB
	differsRead    = "unreadable" // it was read before and cannot be now
)

// changed is a file that is not as it was.
type changed struct {
	Path    string   `json:"path"`
	PathHex string   `json:"path_hex,omitempty"`
	What    []string `json:"what"`
}

func (r *closedRecord) differs(path string, what ...string) {
	text, hex := showPath(path)
	r.Changed = append(r.Changed, changed{text, hex, what})
}

// sampled notes the samples of a file as it was read. A drop folder is not looked
// at again, so nothing is kept of its files.
func (d *docking) sampled(f *file, samples clip.Digest) {
	if d.want.drop {
		return
	}
	d.mu.Lock()
	f.samples = samples
	d.mu.Unlock()
}

// compare lists the folder a second time and reads the samples of each file that
// was read; whatever differs is said. What could not be looked at to the end
// says nothing of the files that were not reached.
func (d *docking) compare(ctx context.Context, rec *closedRecord) error {
	at := make(map[string]int32, len(d.files)) // indices, since there can be very many
	for i, f := range d.files {
		at[f.Path] = int32(i)
	}
	looked := make([]look, len(d.files))
	_, err := d.folder.Scan(ctx, func(f device.File) error {
		i, found := at[f.Path]
		var what []string
		switch {
		case !found:
			what = []string{differsNew}
		default:
			looked[i] = lookSame
			if d.files[i].Size != f.Size {
				what = append(what, differsSize)
			}
			if !d.files[i].ModTime.Equal(f.ModTime) {
				what = append(what, differsTime)
			}
		}
		if what != nil {
			rec.After = append(rec.After, seenName(&file{File: f}))
			rec.differs(f.Path, what...)
			if found {
				looked[i] = lookOther
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, f := range d.files {
		if looked[i] == lookMissing {
			text, _ := showPath(f.Path)
			rec.Missing = append(rec.Missing, text)
			rec.differs(f.Path, differsMissing)
		}
	}
	return d.sampleAgain(ctx, rec, looked)
}

// look is what the second listing says of a file of the first.
type look byte

const (
	lookMissing look = iota
	lookSame
	lookOther
)

// sampleAgain reads the samples of every file that was read and that the second
// listing showed as the first did, where that does not mean reading them whole.
// More are looked at side by side than were read so, since most of it is asking.
func (d *docking) sampleAgain(ctx context.Context, rec *closedRecord, looked []look) error {
	if d.forward() {
		return nil
	}
	var mu sync.Mutex
	found := map[int]string{}
	err := sideBySide(ctx, lookersPerDocking, len(d.files), func(ctx context.Context, i int) error {
		was := d.files[i].samples
		if looked[i] != lookSame || was == (clip.Digest{}) {
			return nil
		}
		what, err := d.lookAgain(ctx, d.files[i], was)
		if err == nil && what != "" {
			mu.Lock()
			found[i] = what
			mu.Unlock()
		}
		return err
	})
	for _, i := range slices.Sorted(maps.Keys(found)) {
		rec.differs(d.files[i].Path, found[i])
	}
	return err
}

// lookAgain says how the samples of a file differ from what they were, "" when
// they do not. The error is a camera's that is lost.
func (d *docking) lookAgain(ctx context.Context, f *file, was clip.Digest) (string, error) {
	same, err := d.holds(f, was)
	switch {
	case err != nil:
		return differsRead, d.lost(ctx, err)
	case !same:
		return differsBytes, nil
	}
	return "", nil
}

// holds reports whether the samples of a file are what they were.
func (d *docking) holds(f *file, was clip.Digest) (bool, error) {
	now, err := d.samplesNow(f)
	return now == was, err
}

func (d *docking) samplesNow(f *file) (clip.Digest, error) {
	if !disjoint(f.Size) {
		return sampleWhole(d.folder, f.Path, f.Size)
	}
	in, err := d.folder.Open(f.Path)
	if err != nil {
		return clip.Digest{}, err
	}
	defer func() { _ = in.Close() }()
	return sample(in, f.Size)
}

// compared says what the second look found: in the record, to the log of the
// program, and on the screen.
func (d *docking) compared(ctx context.Context, rec *closedRecord) error {
	err := d.compare(ctx, rec)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	rec.Same = err == nil && len(rec.Changed) == 0
	if err != nil {
		rec.Problem = err.Error()
	}
	bay := d.bay.status().Bay
	switch {
	case len(rec.Changed) > 0:
		why := fmt.Errorf("%d files are not as they were, such as %q: see the record of docking.closed", len(rec.Changed), rec.Changed[0].Path)
		d.s.logger.Warn("camera changed", "camera", d.origin.device, "stage", "close", "err", why)
		if d.want.oneshot {
			d.whole(StateUnstable, why.Error())
			break
		}
		d.s.alarms.raise("source_changed", fmt.Errorf("bay %s: camera %s: %w", bay, d.origin.device, why), d.s.now(), bay)
		d.s.change.wake()
	case rec.Same && !d.want.oneshot:
		d.s.alarms.clear("source_changed", bay)
	}
	if errors.Is(err, device.ErrHangs) {
		return err
	}
	return nil
}
