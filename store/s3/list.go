package s3

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/store"
)

// pageSize is the most names S3 gives in an answer.
const pageSize = 1000

// emptyPages is how many pages without a name may follow each other: a server
// gives them where much was deleted, and for ever when it is broken.
const emptyPages = 1000

// List implements store.Reader. It gives no versions, since a listing tells no
// version ids. What is listed below the prefix and can be no name of a store is
// an error under its name; listing goes on after it.
func (r *Reader) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if checkName(prefix+"x") != nil { // no name starts so, and servers differ in what they say to it
			return
		}
		core, err := r.bound(ctx)
		if err == nil {
			l := lister{r: r, core: core, prefix: r.where.prefix + prefix, seen: map[string]bool{}}
			err = l.walk(ctx, yield)
		}
		if err != nil {
			yield(store.Info{}, r.inStore("list", fmt.Sprintf("%q", short(prefix)), err))
		}
	}
}

// lister walks the pages of one listing. It comes to an end whatever the
// server says: names must ascend, and no token may come twice.
type lister struct {
	r      *Reader
	core   *minio.Core
	prefix string
	last   string
	seen   map[string]bool
	empty  int // pages since the last name
}

func (l *lister) walk(ctx context.Context, yield func(store.Info, error) bool) error {
	for token := ""; ; {
		page, err := l.page(ctx, token)
		if err != nil {
			return err
		}
		l.empty++
		for _, o := range page.Contents {
			switch {
			case !strings.HasPrefix(o.Key, l.prefix):
				return &strangerError{what: "a listing with names that were not asked for"}
			case l.last != "" && o.Key <= l.last:
				return &strangerError{what: "a listing that is not in order"}
			case ctx.Err() != nil:
				return ctx.Err()
			}
			l.last, l.empty = o.Key, 0
			if !l.visit(o, yield) {
				return nil
			}
		}
		if !page.IsTruncated {
			return nil
		}
		token = page.NextContinuationToken
		if l.seen[token] || l.empty > emptyPages {
			return &strangerError{what: "a listing that does not end"}
		}
		// Names that ascend cannot go round: only the tokens of pages without
		// any must be kept.
		if len(page.Contents) > 0 {
			clear(l.seen)
		}
		l.seen[token] = true
	}
}

func (l *lister) page(ctx context.Context, token string) (page minio.ListBucketV2Result, err error) {
	err = l.r.do(ctx, func() error {
		page, err = l.core.ListObjectsV2(l.r.where.bucket, l.prefix, "", token, "", pageSize)
		if err == nil && page.Name != l.r.where.bucket {
			err = errHalf
		}
		return err
	})
	return page, err
}

func (l *lister) visit(o minio.ObjectInfo, yield func(store.Info, error) bool) bool {
	name := strings.TrimPrefix(o.Key, l.r.where.prefix)
	if err := checkName(name); err != nil {
		return yield(store.Info{Name: name}, err)
	}
	return yield(store.Info{Name: name, Size: o.Size}, nil)
}
