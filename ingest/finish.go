package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/media"
	"github.com/custodock/custodock/tag"
)

// finish takes a whole read to its commit. The order is the promise:
//
//  1. the file gets its digest as name: a crash leaves a nameless leftover;
//  2. the spool is synced: a crash before this loses nothing that was claimed;
//  3. one transaction writes record, entry, tree, checkpoint, row and queue:
//     a crash before it leaves a file no row names, swept at the next start.
//
// Only after 3 is the clip recorded, and only then may it be uploaded.
func (d *docking) finish(ctx context.Context, f device.File, facts profile.Facts, g got) error {
	a := d.describe(f, facts, g)
	n, isNew, err := d.keep(ctx, g, a)
	if err != nil || !isNew || d.s.conf().Keep.Days == 0 {
		// Also when it was new: a store that was faster than this had to leave
		// the file, since it was held.
		d.s.letGo(g.sum.SHA256, err)
	}
	if err != nil {
		return fmt.Errorf("keep %q: %w", f.Path, err)
	}
	state := StateKnown
	if isNew {
		state = StateRecorded
	}
	d.recorded(f, n, g, state)
	d.s.wakeUploads()
	d.s.markDirty()
	return nil
}

// keep does the three steps. The hold keeps the spool file from being released
// for another clip with the same bytes in between.
func (d *docking) keep(ctx context.Context, g got, a acquisition) (n int64, isNew bool, err error) {
	d.s.spool.hold(g.sum.SHA256)
	defer d.s.spool.unhold(g.sum.SHA256)
	if err := d.s.spool.place(g.file, g.sum.SHA256); err != nil {
		return 0, false, err
	}
	if err := d.s.spool.sync(ctx, g.file); err != nil {
		return 0, false, err
	}
	return d.s.record(ctx, a)
}

// letGo removes a spool file whose clip was not recorded, if no other clip
// needs it. When it is unknown what the disk has, nothing is removed.
func (s *Station) letGo(d clip.Digest, err error) {
	if errors.Is(err, ledger.ErrStopped) {
		return
	}
	if err := s.spool.release(d, func() (bool, error) { return s.spoolNeeded(d) }); err != nil {
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
func (d *docking) describe(f device.File, facts profile.Facts, g got) acquisition {
	var m clip.Media
	if facts.Guessed || facts.Role != clip.Sidecar && facts.Role != clip.Log {
		m = media.Probe(g.file, g.sum.Size)
	}
	if facts.Guessed && m.Container == "" {
		m = clip.Media{} // a file no one claims to be a recording
	}
	in := tag.Input{
		Name: facts.Name, Media: m, ModTime: g.mtime, FAT: d.origin.fat, Device: d.origin.assignment,
		Flags: d.want.tags, FlagsBy: d.want.by, Zone: d.s.conf().Zone, Now: d.s.now(), Clock: d.clockNow(),
	}
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

// record is the commit point. It returns the clip's entry, and whether this
// call made it: the same triple is never entered twice.
func (s *Station) record(ctx context.Context, a acquisition) (n int64, isNew bool, err error) {
	record, err := manifest.NewRecord(a.rec)
	if err != nil {
		return 0, false, err
	}
	var left partial // of an earlier read that is not needed any more
	err = s.commit(ctx, func(tx *ledger.Tx) (err error) {
		c := catalog{tx.Bolt()}
		if left, err = c.takePartial(pathKey(a.rec.Source, a.path)); err != nil {
			return err
		}
		digest := a.sum.sum.SHA256
		if n = c.acquisition(a.rec.Source, a.path, digest); n >= 0 {
			isNew = false
			if err := s.enqueueLacking(c, n, a.sum.sum); err != nil {
				return err
			}
			return c.putSeen(a, n, s.now())
		}
		isNew = true
		sameAs := ""
		if first := c.sameBytes(digest); first >= 0 {
			sameAs = clipName(s.log, first)
		}
		e, err := s.append(tx, manifest.Draft{
			Type: "clip.ingested", Actor: a.actor, Fields: a.fields(sameAs), Record: record,
		})
		if err != nil {
			return err
		}
		n = e.N
		for _, store := range s.storeNames() {
			if err := c.enqueue(store, e, a.sum.sum, s.now()); err != nil {
				return err
			}
		}
		return c.putSeen(a, n, s.now())
	})
	if err == nil {
		s.spool.forget(left.Temp)
	}
	return n, isNew, err
}

func (c catalog) putSeen(a acquisition, n int64, now time.Time) error {
	return c.put(seenBucket, pathKey(a.rec.Source, a.path), seen{
		N: n, Size: a.size, ModTime: a.sum.mtime.UnixNano(), Samples: a.sum.samples,
		Identities: a.rec.Identities, Read: now,
	})
}
