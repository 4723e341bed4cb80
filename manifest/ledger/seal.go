package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
)

// A record file has at most recordLines lines, and at most recordBytes bytes or
// one line.
// Both depend on the records alone, so that a Seal that is done again after a
// crash gives the same files, the last one perhaps longer.
const (
	recordLines = 4096
	recordBytes = 16 << 20
)

var errEnough = errors.New("enough")

// Seal moves what is staged into files: every record, and the entries of every
// bundle that is full. When it returns nil the files are durable and Publish
// can publish the log up to size.
//
// A crash before its transaction leaves files that Publish does not know of
// and the next Seal replaces; after it, nothing is left to do.
func (l *Ledger) Seal(ctx context.Context) (size int64, err error) {
	if err := lock(ctx, l.sealing); err != nil {
		return 0, err
	}
	defer func() { <-l.sealing }()
	if err := l.deadErr(); err != nil {
		return 0, err
	}
	from, to := l.newestSealed(), l.newest()
	if from.size == to.size {
		return to.size, nil
	}
	files, err := l.sealRecords(ctx, from.size, to.size)
	if err != nil {
		return 0, fmt.Errorf("seal records: %w", err)
	}
	if err := l.sealBundles(ctx, from.size, to.size); err != nil {
		return 0, fmt.Errorf("seal entries: %w", err)
	}
	err = l.Commit(ctx, func(t *Tx) error {
		for _, first := range files {
			if err := t.bolt.Bucket(bucketFile).Put(number(first), []byte{}); err != nil {
				return err
			}
		}
		t.seal = &to
		return errors.Join(
			t.bolt.Bucket(bucketMeta).Put(metaSealed, to.note),
			drop(t.bolt.Bucket(bucketRecord), from.size, to.size),
			drop(t.bolt.Bucket(bucketEntry), fullBundles(from.size), fullBundles(to.size)))
	})
	if err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	return to.size, nil
}

// sealRecords writes the record files of the entries in [from, to) and returns
// the number of the first entry of each.
func (l *Ledger) sealRecords(ctx context.Context, from, to int64) (files []int64, err error) {
	for from < to {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var text []byte
		first := int64(-1)
		// One short transaction a file: a long one would keep writers from
		// growing the database.
		err := l.view(func(tx *bbolt.Tx) error {
			var lines [][]byte
			size := 0
			err := between(tx.Bucket(bucketRecord), from, to, func(n int64, record []byte) error {
				if size += len(record) + 1; first >= 0 && (len(lines) == recordLines || size > recordBytes) {
					return errEnough
				}
				if first < 0 {
					first = n
				}
				lines = append(lines, record)
				from = n + 1
				return nil
			})
			text = joinLines(lines)
			return err
		})
		switch {
		case errors.Is(err, errEnough):
		case err != nil:
			return nil, err
		default:
			from = to
		}
		if first < 0 {
			break
		}
		// 0600: records are what a person must not read without a reason.
		if err := l.writeFile(manifest.RecordPath(l.o.Log, first), text, 0o600); err != nil {
			return nil, err
		}
		files = append(files, first)
	}
	return files, nil
}

// joinLines ends each line with a newline, in one piece of memory: a single
// record can be tens of megabytes long.
func joinLines(lines [][]byte) []byte {
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	text := make([]byte, 0, size)
	for _, line := range lines {
		text = append(append(text, line...), '\n')
	}
	return text
}

// sealBundles writes the bundles that became full between the two sizes.
func (l *Ledger) sealBundles(ctx context.Context, from, to int64) error {
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(8) // concurrent syncs share a journal commit
	for b := from / manifest.TileWidth; b < to/manifest.TileWidth && group.Err() == nil; b++ {
		g.Go(func() error {
			entries, err := l.staged(b*manifest.TileWidth, manifest.TileWidth)
			if err != nil {
				return err
			}
			name := manifest.LogPath(l.o.Log, manifest.EntriesPath(b, 0))
			return l.writeFile(name, manifest.EncodeBundle(entries), 0o644)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// staged reads w staged entries from start on. ErrNoEntry when they are not
// all staged.
func (l *Ledger) staged(start int64, w int) ([][]byte, error) {
	entries := make([][]byte, 0, w)
	err := l.view(func(tx *bbolt.Tx) error {
		return between(tx.Bucket(bucketEntry), start, start+int64(w), func(n int64, raw []byte) error {
			entries = append(entries, bytes.Clone(raw))
			return nil
		})
	})
	if err == nil && len(entries) != w {
		err = fmt.Errorf("entries from %d: %w: %d of %d are staged", start, ErrNoEntry, len(entries), w)
	}
	return entries, err
}

// writeFile writes a file of the state folder durably, and its folders.
func (l *Ledger) writeFile(name string, data []byte, perm os.FileMode) error {
	path := l.local(name)
	dir := filepath.Dir(path)
	l.mu.Lock()
	made := l.dirs[dir]
	l.mu.Unlock()
	if !made {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		l.mu.Lock()
		l.dirs[dir] = true
		l.mu.Unlock()
	}
	return durable.WriteFile(path, data, perm)
}
