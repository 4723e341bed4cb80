package verify

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/custodock/custodock/clip"
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

// claim keeps the SM3 that an entry says. One that cannot be any stays zero, which no
// bytes have.
func (x *index) claim(e entry) {
	if e.sm3 == "" {
		return
	}
	said, _ := e.sm3.text()
	x.sm3[e.n], _ = clip.ParseDigest(said)
}

// sumBoth has those objects hashed with SM3 as well of which an entry says one.
func (p *plan) sumBoth() {
	for n := range p.sm3 {
		if k, ok := p.place(p.find(n).digest); ok {
			p.objects[k].both = true
		}
	}
}

// bothWays takes SM3 beside SHA-256, in one reading.
func (o *reading) bothWays(pool *hash.Pool) summing {
	return func(ctx context.Context, in io.Reader) (clip.Digest, int64, error) {
		sum, err := hash.Copy(ctx, nil, in, pool, true)
		if err != nil {
			return clip.Digest{}, 0, err
		}
		o.sm3, err = clip.ParseDigest(sum.SM3)
		return sum.SHA256, sum.Size, err
	}
}

// agrees reports whether the bytes of a clip, where they are here whole, have the SM3
// that its entry says, and puts it into the result; an entry that says none is content
// with any.
func (p *plan) agrees(f fact, res *Result) bool {
	k, _ := p.place(f.digest)
	said, there := p.sm3[f.n]
	got, here := p.sm3s[k]
	if !there || !here {
		return true
	}
	if said != got {
		return false
	}
	res.SM3 = got.String()
	return true
}

// given takes a file that was read as the object of a digest. Only the log tells that
// its SM3 is needed, so that it is read once more for that.
func (p *plan) given(ctx context.Context, d clip.Digest, size int64, file io.ReadSeeker) error {
	k, ok := p.place(d)
	if !ok {
		return nil
	}
	o := reading{object: p.objects[k]}
	p.objects[k].size, p.objects[k].state = size, whole
	if !o.both {
		return nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	again, _, err := o.bothWays(hash.NewPool(sm3Buffers))(ctx, file)
	if err == nil && again != d {
		err = errors.New("the file changed while it was read")
	}
	p.sm3s[k] = o.sm3
	return err
}
