package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/store"
)

// orphan is an object that no clip of this log needs.
type orphan struct {
	object
	name string
	err  error
}

// orphans hashes every object that no clip needed, and reports those that are
// not what their name says. A whole one is another log's, or one whose entries
// are not published yet.
func (r *run) orphans(ctx context.Context, p *plan) error {
	var broken error
	var strange []Problem
	names := func(yield func(clip.Digest) bool) {
		for info, err := range r.Store.List(ctx, "object/") {
			if err != nil && !strings.HasPrefix(info.Name, "object/") {
				broken = fmt.Errorf("list object/: %w", err)
				return
			}
			if err != nil {
				strange = append(strange, Problem{info.Name, err.Error()})
				continue
			}
			d, err := clip.ParseDigest(info.Name[strings.LastIndexByte(info.Name, '/')+1:])
			if err != nil || store.Name(d) != info.Name {
				strange = append(strange, Problem{info.Name, "is no file of this store's format"})
				continue
			}
			if _, needed := p.place(d); needed {
				continue
			}
			if !yield(d) {
				return
			}
		}
	}
	err := ordered(ctx, r.workers(), names, func(ctx context.Context, d clip.Digest) (orphan, error) {
		in, err := r.Store.Open(ctx, store.Name(d), "")
		o, err := hashed(ctx, d, in, err, digest)
		return orphan{o, store.Name(d), err}, ctx.Err()
	}, r.orphan)
	r.report.Problems = append(r.report.Problems, strange...)
	return errors.Join(broken, err)
}

func (r *run) orphan(o orphan) error {
	r.report.Bytes += o.size
	switch o.state {
	case whole:
		r.report.Orphans++
	case damaged:
		r.report.add(o.name, "has other bytes than its name says")
	default:
		r.report.add(o.name, "%s", r.unreadable(o.err))
	}
	return nil
}
