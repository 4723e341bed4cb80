package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// maxTile bounds a tile of hashes, in bytes.
const maxTile = manifest.TileWidth * tlog.HashSize

// readRecords finds the records of the collected entries.
func (w *writer) readRecords(ctx context.Context) error {
	firsts, err := w.recordFiles(ctx)
	if err != nil {
		return err
	}
	files := map[int64]map[clip.Digest]int64{} // by first entry: whose records are in it
	for _, e := range w.entries {
		d, err := clip.ParseDigest(e.Record)
		if err != nil {
			continue // it has none
		}
		i, found := slices.BinarySearch(firsts, e.N)
		if !found {
			i--
		}
		if i < 0 {
			continue
		}
		if files[firsts[i]] == nil {
			files[firsts[i]] = map[clip.Digest]int64{}
		}
		files[firsts[i]][d] = e.N
	}
	for first, want := range files {
		if err := w.readFile(ctx, manifest.RecordPath(w.head.Log, first), want); err != nil {
			return err
		}
	}
	for _, e := range w.entries {
		if _, ok := w.records[e.N]; !ok && e.Record != "" && !w.erased[e.N] {
			return &verify.MismatchError{Cause: "the record of entry " + e.Name() + " is missing or changed"}
		}
	}
	return nil
}

func (w *writer) recordFiles(ctx context.Context) (firsts []int64, err error) {
	prefix := "record/" + w.head.Log + "/"
	for info, err := range w.Store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		digits := strings.TrimSuffix(info.Name[len(prefix):], ".ndjson")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && manifest.RecordPath(w.head.Log, n) == info.Name {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// readFile keeps the lines of a record file that have a wanted digest.
func (w *writer) readFile(ctx context.Context, name string, want map[clip.Digest]int64) error {
	f, err := w.Store.Open(ctx, name, "")
	if errors.Is(err, store.ErrNotExist) {
		return nil // what it lacks is found out by readRecords
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // a line without end is none
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		line = line[:len(line)-1]
		if n, ok := want[manifest.RecordDigest(line)]; ok {
			w.records[n] = bytes.Clone(line)
		}
	}
}

// cached reads tiles and remembers the newest, since neighbouring proofs share
// most of them.
func (w *writer) cached(ctx context.Context) manifest.Tiles {
	seen := map[string][]byte{}
	return func(path string) ([]byte, error) {
		if data, ok := seen[path]; ok {
			return data, nil
		}
		data, _, err := store.ReadAll(ctx, w.Store, manifest.LogPath(w.head.Log, path), maxTile)
		if err == nil {
			if len(seen) == 64 {
				clear(seen)
			}
			seen[path] = data
		}
		return data, err
	}
}

func clipDigest(e manifest.Entry) (clip.Digest, error) {
	d, err := clip.ParseDigest(e.Fields.Str("sha256"))
	if err != nil {
		return d, &verify.MismatchError{Cause: fmt.Sprintf("entry %s: %v", e.Name(), err)}
	}
	return d, nil
}
