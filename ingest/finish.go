package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/media"
	"github.com/custodock/custodock/tag"
)

// taken is a clip on its way to its commit. The order is the promise:
//
//  1. the file gets its digest as name: a crash leaves a nameless leftover;
//  2. the spool is synced: a crash before this loses nothing that was claimed;
//  3. one transaction writes record, entry, tree, checkpoint, row and queue:
//     a crash before it leaves a file no row names, swept at the next start.
//
// Only after 3 is the clip recorded, and only then may it be uploaded. From 1 to
// 3 its digest is held, which keeps the spool file from being released for
// another clip with the same bytes.
type taken struct {
	acquisition
	f      *file
	record []byte
	n      int64 // its entry
	isNew  bool
	left   partial // of an earlier read, not needed any more
	err    error   // what kept it from being recorded
}

func (t *taken) digest() clip.Digest { return t.sum.sum.SHA256 }

// place does the first step for a whole read.
func (d *docking) place(f *file, facts profile.Facts, g got) (*taken, error) {
	t := &taken{f: f, acquisition: d.describe(f, facts, g)}
	var err error
	if t.record, err = manifest.NewRecord(t.rec); err != nil {
		g.discard()
		return nil, fmt.Errorf("keep %q: %w", f.Path, err)
	}
	d.s.spool.hold(t.digest())
	if err := d.s.spool.place(g.file, t.digest()); err != nil {
		d.s.spool.unhold(t.digest())
		d.s.letGo(t.digest(), err)
		return nil, fmt.Errorf("keep %q: %w", f.Path, err)
	}
	return t, nil
}

// finish does the other two steps for clips that were placed, with one sync and
// one job of the log, and says of each what became of it.
func (d *docking) finish(ctx context.Context, all []*taken, last bool) error {
	d.s.syncAll(ctx, all)
	d.s.recordAll(ctx, all)
	var failed error
	var clips []int64
	for _, t := range all {
		d.s.spool.unhold(t.digest())
		if t.err != nil || !t.isNew || d.s.conf().Keep.Days == 0 {
			// Also when it was new: a store that was faster than this had to leave
			// the file, since it was held.
			d.s.letGo(t.digest(), t.err)
		}
		if t.err != nil {
			if err := d.refuse(ctx, t.f, fmt.Errorf("keep %q: %w", t.f.Path, t.err), last); err != nil && failed == nil {
				failed = err
			}
		} else {
			d.recorded(t.f, t.n, t.sum, t.state())
			clips = append(clips, t.n)
		}
		<-d.slots
	}
	d.storedBefore(clips)
	d.s.wakeUploads()
	d.s.markDirty()
	return failed
}

func (t *taken) state() string {
	if t.isNew {
		return StateRecorded
	}
	return StateKnown
}

// syncAll syncs the spool once for all, or once for each handle that was open
// before a file of theirs.
func (s *Station) syncAll(ctx context.Context, all []*taken) {
	synced := map[*durable.Syncer]error{}
	for _, t := range all {
		file := t.sum.file
		err, done := synced[file.syncer]
		if !done {
			err = s.spool.sync(ctx, file)
			synced[file.syncer] = err
		}
		t.err = err
	}
}

// letGo removes a spool file whose clip was not recorded, if no other clip
// needs it. When it is unknown what the disk has, nothing is removed.
func (s *Station) letGo(d clip.Digest, err error) {
	if errors.Is(err, ledger.ErrStopped) {
		return
	}
	if err := s.releaseSpooled(d); err != nil {
		s.logger.Warn("release spool", "stage", "commit", "err", err)
	}
}

// acquisition is a new clip as it goes into the transaction.
type acquisition struct {
	path   string
	rec    ingested
	sum    got
	size   int64
	role   clip.Role
	device string
	bay    string
	actor  string
	opened int64
	span   *tag.Span
	offset tag.Offset
}

// describe gathers everything known of the clip before it has a name.
func (d *docking) describe(f *file, facts profile.Facts, g got) acquisition {
	var m clip.Media
	if facts.Guessed || facts.Role != clip.Sidecar && facts.Role != clip.Log {
		m = media.Probe(g.file, g.sum.Size)
	}
	if facts.Guessed && m.Container == "" {
		m = clip.Media{} // a file no one claims to be a recording
	}
	in := tag.Read(tag.Input{
		Name: facts.Name, Media: m, ModTime: g.mtime, FAT: d.origin.fat, Device: d.origin.assignment,
		Flags: d.want.tags, FlagsBy: d.want.by, Zone: d.s.conf().Zone, Now: d.s.now(), Clock: d.clockNow(),
	})
	a := acquisition{
		path: f.Path, sum: g, size: g.sum.Size, role: guessRole(facts.Role, facts.Guessed, m), device: d.origin.device,
		bay: d.origin.bay, actor: d.want.actor, opened: d.opened,
		rec: ingested{
			Source: d.origin.source, ModTime: g.mtime, Identities: d.identities, Profile: d.profile.Name,
			CRC64: fmt.Sprintf("%016x", g.sum.CRC64), ResumedAt: g.resumed, Media: m, Tags: tag.Propose(in),
		},
	}
	a.rec.Path, a.rec.PathHex = showPath(f.Path)
	if g.sum.Size == 0 {
		a.rec.Notes = append(a.rec.Notes, "the file is empty")
	}
	a.rec.Notes = append(a.rec.Notes, tag.Odd(in)...)
	d.noteClock(in)
	span, offset, ok := tag.Correct(in)
	a.offset = offset
	if ok {
		a.span = &span
	}
	return a
}

// showPath returns path for JSON, and its raw bytes in hex where that is not it.
func showPath(path string) (text, rawHex string) {
	if utf8.ValidString(path) {
		return path, ""
	}
	return strings.ToValidUTF8(path, "\uFFFD"), hex.EncodeToString([]byte(path))
}

// fields are the public part of clip.ingested.
func (a acquisition) fields(sameAs string) manifest.Object {
	o := manifest.Object{
		"sha256": a.sum.sum.SHA256.String(), "size": a.size, "device": a.device, "role": string(a.role),
		"docking": a.opened,
		"offset":  manifest.Object{"ms": a.offset.MS, "error_ms": a.offset.ErrorMS, "method": a.offset.Method},
	}
	for key, value := range map[string]string{"bay": a.bay, "same_as": sameAs, "sm3": a.sum.sum.SM3} {
		if value != "" {
			o[key] = value
		}
	}
	if a.span != nil {
		o["span"] = manifest.Object{
			"from": formatTime(a.span.From), "to": formatTime(a.span.To), "error_ms": a.span.ErrorMS,
		}
	}
	return o
}

// entryTime is how entries write a time: RFC 3339, UTC, milliseconds.
const entryTime = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(entryTime) }

// spanOf reads back what fields wrote.
func spanOf(o manifest.Object) (*tag.Span, *tag.Offset) {
	var span *tag.Span
	if s := o.Sub("span"); s != nil {
		from, err1 := time.Parse(entryTime, s.Str("from"))
		to, err2 := time.Parse(entryTime, s.Str("to"))
		if ms, ok := s.Int("error_ms"); ok && err1 == nil && err2 == nil {
			span = &tag.Span{From: from, To: to, ErrorMS: ms}
		}
	}
	var offset *tag.Offset
	if s := o.Sub("offset"); s != nil {
		ms, _ := s.Int("ms")
		e, _ := s.Int("error_ms")
		offset = &tag.Offset{MS: ms, ErrorMS: e, Method: s.Str("method")}
	}
	return span, offset
}

// recordAll is the commit point of clips that were synced. One that cannot be
// entered keeps out no other; where it is unknown what was entered, none is tried
// again.
func (s *Station) recordAll(ctx context.Context, all []*taken) {
	all = slices.DeleteFunc(slices.Clone(all), func(t *taken) bool { return t.err != nil })
	err := s.enter(ctx, all)
	for _, t := range all {
		if t.err = err; err != nil && !errors.Is(err, ledger.ErrStopped) && len(all) > 1 {
			t.err = s.enter(ctx, []*taken{t})
		}
	}
}

// enter records clips in one transaction, all or none of them.
func (s *Station) enter(ctx context.Context, all []*taken) error {
	if len(all) == 0 {
		return nil
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		for _, t := range all {
			if err := s.enterOne(tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		s.spool.forget(t.left.Temp)
	}
	return nil
}

// enterOne makes the entry of a clip: the same triple is never entered twice.
func (s *Station) enterOne(tx *ledger.Tx, t *taken) (err error) {
	c := catalog{tx.Bolt()}
	if t.left, err = c.takePartial(pathKey(t.rec.Source, t.path)); err != nil {
		return err
	}
	sum := t.sum.sum
	t.n = c.acquisition(t.rec.Source, t.path, sum.SHA256)
	if t.isNew = t.n < 0; !t.isNew {
		if err := s.enqueueLacking(c, t.n, sum); err != nil {
			return err
		}
		return c.putSeen(t.acquisition, t.n, s.now())
	}
	sameAs := ""
	first, err := c.firstClip(sum.SHA256)
	if err != nil {
		return err
	}
	if first >= 0 {
		sameAs = clipName(s.log, first)
	}
	a, err := tx.Append(manifest.Draft{
		Type: "clip.ingested", Actor: t.actor, Fields: t.fields(sameAs), Record: t.record,
	})
	if err != nil {
		return err
	}
	e := a.Entry
	if err := c.knowIngested(e, t.rec); err != nil {
		return err
	}
	t.n = e.N
	for _, store := range s.storeNames() {
		if err := c.enqueue(store, e, sum, s.now()); err != nil {
			return err
		}
	}
	return c.putSeen(t.acquisition, t.n, s.now())
}

func (c catalog) putSeen(a acquisition, n int64, now time.Time) error {
	return c.put(seenBucket, pathKey(a.rec.Source, a.path), seen{
		N: n, Size: a.size, ModTime: a.sum.mtime.UnixNano(), Samples: a.sum.samples,
		Identities: a.rec.Identities, Read: now,
	})
}
