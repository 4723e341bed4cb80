package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
)

// tidyEvery is how often clips that are only kept are looked at.
const tidyEvery = time.Minute

// spooledFile is a clip in the spool.
type spooledFile struct {
	digest clip.Digest
	since  time.Time
}

// tidying removes from the spool what nobody needs: leftovers of an interrupted
// run, and stored clips whose time on the dock is over.
func (s *Station) tidying(ctx context.Context) {
	t := time.NewTicker(tidyEvery)
	defer t.Stop()
	for first := true; ctx.Err() == nil; first = false {
		if err := s.expirePartials(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("tidy the spool", "stage", "read", "err", err)
		}
		if first || s.conf().Keep.Days > 0 {
			if err := s.tidy(ctx, first); err != nil && ctx.Err() == nil {
				s.logger.Warn("tidy the spool", "stage", "store", "err", err)
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// tidy looks at every clip in the spool, oldest first. What a store lacks
// always stays. The first time it looks for leftovers as well, which cannot
// come later.
func (s *Station) tidy(ctx context.Context, first bool) error {
	files, err := s.spool.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		keep, err := s.keeps(f)
		if err == nil && keep && first {
			keep, err = s.recorded(f.digest)
		}
		if err != nil {
			return err
		}
		if !keep {
			if err := s.releaseSpooled(f.digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// keeps reports whether a clip stays for a while when every store has it.
func (s *Station) keeps(f spooledFile) (bool, error) {
	keep := s.conf().Keep
	if s.now().Sub(f.since) >= time.Duration(keep.Days)*24*time.Hour {
		return false, nil
	}
	used, err := s.spool.used()
	return used <= float64(keep.Percent), err
}

// recorded reports whether any clip has these bytes.
func (s *Station) recorded(d clip.Digest) (known bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		known = catalog{tx}.sameBytes(d) >= 0
		return nil
	})
	return known, err
}

// releaseSpooled removes clips from the spool unless somebody needs them.
func (s *Station) releaseSpooled(digests ...clip.Digest) error {
	return s.spool.release(digests, s.spoolNeeded)
}

// makeRoom gives up interrupted reads, in which nothing was claimed, then clips
// that are only kept, oldest first, until size more bytes fit.
func (s *Station) makeRoom(ctx context.Context, size int64) error {
	if err := s.giveUpPartials(ctx, func(partial) bool { return s.spool.room(size) == nil }); err != nil {
		return err
	}
	files, err := s.spool.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if ctx.Err() != nil || s.spool.room(size) == nil {
			return ctx.Err()
		}
		if err := s.releaseSpooled(f.digest); err != nil {
			return err
		}
	}
	return nil
}

// files lists the clips in the spool, oldest first.
func (s *spool) files() ([]spooledFile, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var out []spooledFile
	for _, e := range entries {
		d, err := clip.ParseDigest(e.Name())
		if err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since it was listed
		}
		if err != nil {
			return nil, err
		}
		out = append(out, spooledFile{d, info.ModTime()})
	}
	slices.SortFunc(out, func(a, b spooledFile) int { return a.since.Compare(b.since) })
	return out, nil
}

// used is how much of the spool's disk is in use, in percent.
func (s *spool) used() (float64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil || st.Blocks == 0 {
		return 0, err
	}
	return 100 * (1 - float64(st.Bavail)/float64(st.Blocks)), nil
}
