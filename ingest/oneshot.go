package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/tag"
)

// Ingest takes one folder in, from its listing until every store has its clips
// or the wait is over, and calls emit for each file and as it goes on. The
// error is that of the folder as a whole; single files speak for themselves.
func (s *Station) Ingest(ctx context.Context, r Request, emit func(Event)) (Summary, error) {
	defer func() { _ = r.Folder.Close() }()
	if err := tag.Validate(r.Tags); err != nil {
		return Summary{}, err
	}
	folder, err := s.openCamera(func() (device.Tree, error) {
		folder, err := device.FromFile(r.Folder, r.Dir)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", r.Dir, err)
		}
		if err := s.guardSource(r.Dir); err != nil {
			_ = folder.Close()
			return nil, err
		}
		return folder, nil
	})
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = folder.Close() }()
	s.startWork()
	started := s.now()
	d := s.newDocking(folder, s.newBay("ingest "+r.Dir, "", r.Dir, false), r.Dir, wishes{tags: r.Tags, by: r.By, actor: r.Actor, oneshot: true, wait: r.Wait})
	out := newOutbox(emit)
	defer out.flush()
	d.emit = func(res FileResult) { out.push(Event{File: &res}) }
	s.enlist(d)
	defer s.discharge(d)
	stop := d.tellProgress(ctx, out.push)
	err = d.run(ctx)
	if (errors.Is(err, device.ErrGone) || errors.Is(err, device.ErrHangs)) && d.abandon(err) {
		err = nil // each file that was left behind has said so
	}
	if err == nil {
		err = d.tagKnown(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	d.awaitStores(waiting)
	stop()
	s.publishLast(ctx)
	if err == nil {
		err = s.healthy() // what is signed in a log that nobody may be shown is no success
	}
	s.removeBay(d.bay)
	d.counts.Seconds = s.now().Sub(started).Seconds()
	s.anchorOnce(ctx)
	return d.counts, err
}

func (s *Station) newDocking(folder device.Tree, b *bay, shown string, want wishes) *docking {
	o, told := originOf(folder, shown, b.public)
	d := &docking{
		s: s, folder: folder, base: o, told: told, want: want,
		bay: b, pool: hash.NewPool(buffersPerDocking), emit: func(FileResult) {},
		tally: map[string]int64{}, pending: map[int64][]awaited{},
		settled: make(chan struct{}, 1), slots: make(chan struct{}, committing),
	}
	for _, id := range told {
		if identifies(id) {
			d.identities = append(d.identities, id)
		}
	}
	d.settleOwner()
	return d
}

func (s *Station) enlist(d *docking) {
	s.mu.Lock()
	s.docks[d] = true
	s.mu.Unlock()
}

func (s *Station) discharge(d *docking) {
	s.mu.Lock()
	delete(s.docks, d)
	s.mu.Unlock()
}

const progressEvery = 200 * time.Millisecond

// tellProgress reports how far the docking is until the returned function is
// called.
func (d *docking) tellProgress(ctx context.Context, emit func(Event)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				emit(Event{Progress: d.progress()})
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func (d *docking) progress() *Progress {
	st := d.bay.status()
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Progress{
		Listing: st.State == BayScanning, Files: st.Listed, FilesDone: st.Done + st.Failed + st.Unstable,
		TotalBytes: st.TotalBytes, ReadBytes: min(st.Bytes, st.TotalBytes), StoredBytes: d.storedBytes,
	}
}

// roomMayCome reports whether a single ingest should wait for uploads to make
// room: while there are any, and as long as it would wait for a store.
func (d *docking) roomMayCome() bool {
	now := d.s.now().UnixNano()
	d.fullSince.CompareAndSwap(0, now)
	return !d.s.queueEmpty() && now-d.fullSince.Load() < int64(d.want.wait)
}

// spoolRoom opens a spool file with create, which needs so many bytes. While the disk is full it
// waits for uploads to make room; a single ingest gives up when none comes.
func (d *docking) spoolRoom(ctx context.Context, size int64, create func() (*spoolFile, error)) (*spoolFile, error) {
	tried := false // again at once; what looks like room may be none, under a quota
	for {
		f, err := create()
		if err == nil {
			d.fullSince.Store(0)
			d.s.alarms.clear("disk_full")
			d.s.alarms.clear("state_read_only")
			return f, nil
		}
		if errors.Is(err, ErrFull) && !tried {
			if made := d.s.makeRoom(ctx, size); made == nil && d.s.spool.room(size) == nil {
				tried = true
				continue
			}
		}
		tried = false
		d.s.diskAlarm(err)
		if !errors.Is(err, ErrFull) || d.want.oneshot && !d.roomMayCome() {
			return nil, err
		}
		if err := d.s.pause(ctx, d.s.retryPause); err != nil {
			return nil, err
		}
	}
}

// guardSource refuses folders that are the dock's own.
func (s *Station) guardSource(path string) error {
	for _, own := range s.ownPlaces() {
		if within(own, path) || within(path, own) {
			return fmt.Errorf("ingest %q: the dock keeps its own files at %q: name a camera's folder", path, own)
		}
	}
	for p := path; ; p = filepath.Dir(p) {
		if dir.IsStore(p) {
			return fmt.Errorf("ingest %q: it is an archive disk: a store is never a source", path)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// guardStore refuses a store where cameras and recorders put their files.
func guardStore(state string, cfg configs.Config, raw string) error {
	path, local := localPath(raw)
	if !local {
		return nil
	}
	for _, d := range cfg.Drops {
		if within(path, d.Path) || within(d.Path, path) {
			return fmt.Errorf("store %s: it is in drop folder %q: a source is never a store", raw, d.Path)
		}
	}
	for _, root := range cfg.Roots {
		if within(path, root) && !within(state, root) {
			return fmt.Errorf("store %s: cameras are mounted under %q: mount the archive disk elsewhere", raw, root)
		}
	}
	return nil
}

func (s *Station) ownPlaces() []string {
	places := []string{s.state}
	for _, c := range s.centrals() {
		if path, local := localPath(c.cfg.URL); local {
			places = append(places, path)
		}
	}
	return places
}

// localPath is the folder of a file:// store.
func localPath(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return u.Path, true
}

// within reports whether path is base or below it, links resolved.
func within(path, base string) bool {
	rel, err := filepath.Rel(resolved(base), resolved(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func resolved(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return filepath.Clean(path)
}

// printable returns s as it is when every character of it can be shown, else
// quoted.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
