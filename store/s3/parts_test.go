package s3

import (
	"net/http"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// begun notes how many parts of the clips before had gone out when another began.
type begun struct {
	next http.RoundTripper

	mu      sync.Mutex
	uploads int
	parts   int
	out     []int // at each beginning
}

func (b *begun) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	switch q := r.URL.Query(); {
	case q.Has("uploads") && r.Method == http.MethodPost:
		b.uploads++
		b.out = append(b.out, b.parts)
	case q.Has("partNumber"):
		b.parts++
	}
	b.mu.Unlock()
	return b.next.RoundTrip(r)
}

// testOneAfterAnother uploads clips that all wait: each gives out its parts before
// the next begins.
func testOneAfterAnother(t *testing.T, b bench) {
	const clips, parts, atOnce = 4, 8, 2
	o := b.options(newPrefix(), configs.LockGovernance)
	var seen *begun
	o.Transport = func(next http.RoundTripper) http.RoundTripper {
		seen = &begun{next: next}
		return seen
	}
	s := open(t, o)
	s.parts = newPace(atOnce, atOnce)
	var objects [clips]store.Object
	for i := range objects {
		objects[i] = storetest.Object(t, storetest.Random(parts*storetest.PartSize, byte(50+i)))
	}
	g, ctx := errgroup.WithContext(t.Context())
	for _, object := range objects {
		g.Go(func() error {
			_, err := s.Put(ctx, object)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if seen.uploads != clips || seen.parts != clips*parts {
		t.Fatalf("%d uploads of %d parts", seen.uploads, seen.parts)
	}
	for i, out := range seen.out {
		if least := i*parts - atOnce; out < least { // a turn is given a moment before the part goes out
			t.Errorf("clip %d began after %d parts, want %d at least", i+1, out, least)
		}
	}
}
