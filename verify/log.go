package verify

import (
	"context"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// scan is one walk through all bundles in order.
type scan struct {
	*run
	fs       *files
	bad      map[int64]string // entries known not to be those that were signed, and why
	tree     tree
	sums     []tlog.Hash         // of full bundles, as found
	roots    map[int64]tlog.Hash // of published older checkpoints, as found
	index    *index
	records  *records
	anchors  []anchored
	problems []Problem

	outside    int64 // entries made while no endorsement was in force
	outsideWhy string
	newest     struct { // checkpoint that was kept for its cosignatures or its stamp
		path string
		note []byte
	}
}

// log checks all that stands under log/ and record/ for this log and returns
// what its entries say of clips.
func (r *run) log(ctx context.Context) (*index, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	fs, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	s := r.newScan(fs, nil)
	root, err := s.walk(ctx, nil)
	if err != nil {
		return nil, err
	}
	if root != r.head.Checkpoint.Root {
		// What hashes to another root is not believed: find the entries that
		// are to blame and go through the log without them.
		bad, err := s.locate(ctx)
		if err != nil {
			return nil, err
		}
		s = r.newScan(fs, bad)
		if _, err := s.walk(ctx, nil); err != nil {
			return nil, err
		}
	}
	r.report.Problems = append(r.report.Problems, s.problems...)
	if err := s.checkpoints(ctx, root == r.head.Checkpoint.Root); err != nil {
		return nil, err
	}
	if err := s.endorsements(ctx); err != nil {
		return nil, err
	}
	return s.index, nil
}

// Log hands the entries of a log to each, in order. They are proved once Log
// has returned nil; when the log does not hold it is a *MismatchError.
func Log(ctx context.Context, o Options, each func(manifest.Entry) error) (Head, error) {
	r := newRun(o, nil)
	if err := r.only(ctx, each); err != nil {
		return Head{}, err
	}
	return r.head, nil
}

// only checks the entries of a log, and nothing else of it. It ends as finish does.
func (r *run) only(ctx context.Context, each func(manifest.Entry) error) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	s := r.newScan(&files{}, nil)
	s.records = nil
	root, err := s.walk(ctx, r.seeing(each))
	if err == nil && root != r.head.Checkpoint.Root {
		r.report.add(manifest.CheckpointPath(r.head.Log), "the entries do not hash to its root; verify finds out which")
	}
	r.report.Problems = append(r.report.Problems, s.problems...)
	_, err = r.finish(ctx, err)
	return err
}

// seeing is each, which may be nil, with Seen before it.
func (r *run) seeing(each func(manifest.Entry) error) func(manifest.Entry) error {
	if r.Seen == nil {
		return each
	}
	return func(e manifest.Entry) error {
		r.Seen(e)
		if each == nil {
			return nil
		}
		return each(e)
	}
}

func (r *run) newScan(fs *files, bad map[int64]string) *scan {
	s := &scan{run: r, fs: fs, bad: bad, roots: map[int64]tlog.Hash{}}
	r.keys = nil // of the entries of this walk
	s.index = newIndex(r, bad)
	s.records = newRecords(fs.records)
	return s
}

// walk reads every bundle and returns the root they hash to. each may be nil.
func (s *scan) walk(ctx context.Context, each func(manifest.Entry) error) (tlog.Hash, error) {
	size := s.head.Checkpoint.Size
	if s.bad == nil {
		s.tree.tile = func(level int, n int64, data []byte) {
			s.problems = append(s.problems, s.compare(ctx, s.fs, level, n, data)...)
		}
	}
	work := func(ctx context.Context, n int64) (*bundle, error) {
		b, err := s.bundle(ctx, s.fs, n)
		if err == nil && s.records != nil {
			b.records, err = s.recordFiles(ctx, s.fs.recordsIn(b.tile))
		}
		return b, err
	}
	emit := func(b *bundle) error { return s.take(b, each) }
	if err := ordered(ctx, s.workers(), count((size+manifest.TileWidth-1)/manifest.TileWidth), work, emit); err != nil {
		return tlog.Hash{}, err
	}
	s.tree.edge()
	if s.records != nil {
		s.records.close()
		s.problems = append(s.problems, s.records.problems...)
	}
	s.problems = append(s.problems, s.index.settle()...)
	s.problems = append(s.problems, s.settleEndorsed()...)
	s.problems = append(s.problems, s.settleKey()...)
	if err := ctx.Err(); err != nil {
		return tlog.Hash{}, err
	}
	s.tree.grow(0)
	return s.tree.root(size, s.tree.pending[0])
}

func count(n int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// take puts one bundle into the tree, the index and the hands of each.
func (s *scan) take(b *bundle, each func(manifest.Entry) error) error {
	first := b.tile.N * manifest.TileWidth
	end := first + int64(b.tile.W)
	i, _ := slices.BinarySearch(s.fs.checkpoints, first+1)
	for ; i < len(s.fs.checkpoints) && s.fs.checkpoints[i] < end; i++ {
		if err := s.mark(s.fs.checkpoints[i], b.leaves[:(s.fs.checkpoints[i]-first)*tlog.HashSize]); err != nil {
			return err
		}
	}
	s.tree.leaves(b.leaves, b.sum)
	if i < len(s.fs.checkpoints) && s.fs.checkpoints[i] == end {
		if err := s.mark(end, s.tree.pending[0]); err != nil {
			return err
		}
	}
	s.sums = append(s.sums, b.sum)
	s.index.room(b)
	if s.records != nil {
		s.records.bring(b.records)
	}
	s.blame(b)
	for i, e := range b.entries {
		s.entry(e, b.leaf(i))
		if each != nil && e.typ != "" {
			whole, err := manifest.ParseEntry(e.raw)
			if err != nil {
				s.problems = append(s.problems, wrongEntry(s.path(b.tile), s.head.Log, e.n, err.Error()))
				continue
			}
			if err := each(whole); err != nil {
				return err
			}
		}
	}
	if b.entries == nil && s.records != nil {
		s.records.blind(first, end)
	}
	return nil
}

// mark keeps the root at a size that has a checkpoint of its own.
func (s *scan) mark(size int64, leaves []byte) (err error) {
	s.roots[size], err = s.tree.root(size, leaves)
	return err
}

// blame keeps the problems of a bundle's files that can be told already.
func (s *scan) blame(b *bundle) {
	s.problems = append(s.problems, b.problems...)
	first, clean := b.tile.N*manifest.TileWidth, true
	for i := range int64(b.tile.W) {
		n := first + i
		if why, bad := s.bad[n]; bad {
			clean = false
			if b.entries != nil {
				s.problems = append(s.problems, wrongEntry(s.path(b.tile), s.head.Log, n, why))
			}
		}
		if b.entries == nil {
			s.index.lose(n, "cannot be read from "+s.path(b.tile))
		}
	}
	if clean {
		s.problems = append(s.problems, b.tiles...)
	}
}

func (s *scan) entry(e entry, leaf tlog.Hash) {
	if why, bad := s.bad[e.n]; bad {
		s.index.suspect(e, why)
		if s.records != nil {
			s.records.blind(e.n, e.n+1)
		}
		return
	}
	if e.typ == "log.anchor" {
		s.anchors = append(s.anchors, anchorOf(e))
	}
	about := s.index.add(e, leaf)
	s.endorsed(e)
	s.key(e)
	if s.records != nil && !e.record.IsZero() && !s.records.entry(e) {
		s.index.absent = append(s.index.absent, absence{e.n, about, strings.Clone(e.typ)})
	}
}
