package verify

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
)

// sm3List is a list of the payload that a package may have beside that of SHA-256.
const sm3List = "manifest-sm3.txt"

// sm3Sums are the SM3 digests (GB/T 32905) of files. They take several times as long
// as SHA-256, so they are made only where a list or an entry speaks of them.
type sm3Sums struct {
	listed  bool              // the package has sm3List
	of      map[string]string // hex, by file
	buffers *hash.Pool
}

// sm3Buffers are what each worker has of the buffers that both digests read.
const sm3Buffers = 4

func newSM3Sums(workers int) *sm3Sums {
	return &sm3Sums{of: map[string]string{}, buffers: hash.NewPool(sm3Buffers * workers)}
}

// read hashes a file both ways in one reading.
func (s *sm3Sums) read(ctx context.Context, name string, in io.Reader) (summed, error) {
	sum, err := hash.Copy(ctx, nil, in, s.buffers, true)
	return summed{name: name, sum: sum.SHA256, sm3: sum.SM3, size: sum.Size}, err
}

// lists are the BagIt manifests that the package has.
func (p *packed) lists() []string {
	if p.sm3.listed {
		return []string{tagList, payloadList, sm3List}
	}
	return []string{tagList, payloadList}
}

// listed is what a list must say of a file.
func (p *packed) listed(list, name string) string {
	if list == sm3List {
		return p.sm3.of[name]
	}
	return p.sums[name].String()
}

// sumSM3 reads what has an SM3 in its entry and was not hashed that way, since the
// package has no list.
func (p *packed) sumSM3(ctx context.Context) error {
	var names []string
	for _, name := range slices.Sorted(keys(p.data)) {
		if _, said := p.entries[name].Fields["sm3"]; said && !p.sm3.listed {
			names = append(names, p.data[name]...)
		}
	}
	return ordered(ctx, p.workers(), slices.Values(names), func(ctx context.Context, name string) (summed, error) {
		return p.sum(ctx, name, true)
	}, func(s summed) error {
		p.sm3.of[s.name] = s.sm3
		return nil
	})
}

// sameSM3 reports whether a file has the SM3 that its entry says, and puts it into the
// result; an entry that says none is content with any.
func (p *packed) sameSM3(e manifest.Entry, file string, res *Result) bool {
	said, there := e.Fields["sm3"]
	if !there {
		return true
	}
	if said != p.sm3.of[file] {
		return false
	}
	res.SM3 = p.sm3.of[file]
	return true
}

// looseSM3 compares the SM3 of the bytes of a clip with its entry, where that says
// one. Only the entry tells that it is needed, so that sm3 reads them once more.
func (r *run) looseSM3(ctx context.Context, f fact, sm3 func() (string, error), res *Result) error {
	if res.Result == Missing || res.Result == Mismatch {
		return nil
	}
	_, raws, err := r.entries(ctx, r.tileAt(-1, f.n/manifest.TileWidth))
	if err != nil {
		res.Result, res.Problem = Mismatch, "its entry "+r.unreadable(err)
		return ctx.Err()
	}
	raw := raws[f.n%manifest.TileWidth]
	e, err := manifest.ParseEntry(raw)
	if err != nil || manifest.LeafHash(raw) != f.leaf {
		res.Result, res.Problem = Mismatch, "its entry changed while it was read"
		return nil
	}
	said, there := e.Fields["sm3"]
	if !there {
		return nil
	}
	d, err := sm3()
	switch {
	case err != nil:
		return err
	case said == d:
		res.SM3 = d
	default:
		res.Result, res.Problem = Mismatch, "it has another SM3 than the clip when it was recorded"
	}
	return nil
}

// againSM3 reads from the beginning what was read once for SHA-256.
func againSM3(ctx context.Context, in io.ReadSeeker) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		s, err := newSM3Sums(1).read(ctx, "", in)
		return s.sm3, err
	})
}
