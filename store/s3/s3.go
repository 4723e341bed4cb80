// Package s3 keeps a store in a bucket of a server that speaks S3.
//
// It relies on this of the server: a write is durable and visible to every
// reader once it is acknowledged; If-None-Match: * and If-Match hold for PUT,
// and If-None-Match: * for CompleteMultipartUpload; a wrong
// x-amz-content-sha256 or x-amz-checksum-crc64nvme is refused. With object lock
// a version that is locked cannot be removed before its time.
//
// It relies on no reply: what was written is asked for by HEAD, at its version,
// before a writing method returns, and a reply that got lost is settled the
// same way. Nothing is ever written twice, and nothing is ever deleted: the
// keys need no right to.
//
// The version of an object is the server's version id, "" where the bucket
// keeps none. The version of any other name is its ETag.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/semaphore"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// How many parts of large clips and how many small writes are under way at
// once, whatever the number of clips: at first, and at most.
const (
	firstParts, mostParts = 4, 8
	firstPuts, mostPuts   = 24, 64
)

// Options say which bucket, and how it is reached.
type Options struct {
	Store     configs.Store
	Journal   store.Journal                             // of uploads under way; nil keeps no notes, so that a restart sends everything again
	Getenv    func(string) string                       // nil is os.Getenv
	Now       func() time.Time                          // nil is time.Now
	Transport func(http.RoundTripper) http.RoundTripper // of what carries requests; nil is none

	pause time.Duration // at most before the second try of a request; set by tests
}

// Reader reads a bucket and changes nothing in it.
type Reader struct {
	url         string
	where       location
	core        *minio.Core
	credentials *credentials.Credentials
	watch       *watch
	idle        []*http.Transport
	pause       time.Duration
}

// Store is a store.Store in a bucket. Several, also of several docks, may write
// to one.
type Store struct {
	Reader
	mode     string // of the lock, as configs names it
	retain   time.Duration
	hold     bool
	now      func() time.Time
	journal  store.Journal
	lockable atomic.Bool         // the bucket takes locks, as far as we know
	names    keyed               // serialises the uploads of one name
	large    *semaphore.Weighted // held by the clip that gives out its parts
	parts    *pace
	puts     *pace
}

var (
	_ store.Reader = (*Reader)(nil)
	_ store.Store  = (*Store)(nil)
)

// Open opens the store for writing after asking whether the bucket is there
// and lets us in.
func Open(ctx context.Context, o Options) (*Store, error) {
	r, err := newReader(&o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Store.Name, err)
	}
	mode, retain := o.Store.Locked()
	s := &Store{
		Reader: *r, mode: mode, retain: retain, hold: o.Store.Hold, now: o.Now, journal: o.Journal,
		large: semaphore.NewWeighted(1), parts: newPace(firstParts, mostParts), puts: newPace(firstPuts, mostPuts),
	}
	if s.journal == nil {
		s.journal = noJournal{}
	}
	err = s.knock(ctx)
	if err == nil && (s.mode != configs.LockNone || s.hold) {
		err = s.askLock(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open store %s: %w", o.Store.Name, s.explain(err))
	}
	return s, nil
}

// OpenReader opens a bucket for reading only. An auditor's keys suffice: of its
// lock nothing is asked.
func OpenReader(ctx context.Context, o Options) (*Reader, error) {
	r, err := newReader(&o)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", o.Store.URL, err)
	}
	if err := r.knock(ctx); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("open store %q: %w", o.Store.URL, r.explain(err))
	}
	return r, nil
}

// newReader makes what speaks to the bucket, without a word to it.
func newReader(o *Options) (*Reader, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.pause == 0 {
		o.pause = firstPause
	}
	where, err := parseURL(o.Store.URL)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o.Store, o.Getenv, o.Now)
	if err != nil {
		return nil, err
	}
	// A role is asked for elsewhere: with the system's authorities, and
	// without the limit.
	others := configs.Store{Proxy: o.Store.Proxy}
	roles, err := newTransport(others, o.Getenv, o.Now)
	if err != nil {
		return nil, err
	}
	keys, err := newCredentials(o.Store, o.Getenv, &http.Client{Transport: roles, Timeout: dialTimeout})
	if err != nil {
		return nil, err
	}
	var carrier http.RoundTripper = transport
	if o.Transport != nil {
		carrier = o.Transport(carrier)
	}
	r := &Reader{
		url: o.Store.URL, where: where, credentials: keys, watch: &watch{next: carrier, now: o.Now},
		idle: []*http.Transport{transport, roles}, pause: o.pause,
	}
	r.core, err = r.newCore(bare(r.watch))
	return r, err
}

// newCore makes a client whose requests are tried once: trying again is ours,
// since only we know what a lost reply may have done.
func (r *Reader) newCore(carrier http.RoundTripper) (*minio.Core, error) {
	return minio.NewCore(r.where.host, &minio.Options{
		Creds: r.credentials, Secure: r.where.secure, Transport: carrier,
		Region: r.where.region, BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
}

// knock asks the cheapest thing whose refusal comes with a reason: HEAD of the
// bucket has none.
func (r *Reader) knock(ctx context.Context) error {
	core, err := r.bound(ctx)
	if err != nil {
		return err
	}
	return r.do(ctx, func() error {
		page, err := core.ListObjectsV2(r.where.bucket, r.where.prefix, "", "", "", 1)
		if err == nil && page.Name != r.where.bucket {
			err = errHalf
		}
		return err
	})
}

// bound is a client whose requests end with ctx, for the calls of the library
// that take none.
func (r *Reader) bound(ctx context.Context) (*minio.Core, error) {
	return r.newCore(carrierFunc(func(req *http.Request) (*http.Response, error) {
		return r.watch.RoundTrip(req.WithContext(ctx))
	}))
}

type carrierFunc func(*http.Request) (*http.Response, error)

func (f carrierFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// askLock finds out whether the bucket takes locks. Where we may not ask, it is
// taken to; the first write tells.
func (s *Store) askLock(ctx context.Context) error {
	info, err := s.lockConfig(ctx)
	switch {
	case err == nil:
		s.lockable.Store(info.ObjectLock)
		return nil
	case hasCode(err, "AccessDenied", "NotImplemented", "MethodNotAllowed"):
		s.lockable.Store(true)
		return nil
	}
	return err
}

// URL names the store as it was configured, without secrets.
func (r *Reader) URL() string { return r.url }

// Close ends reading. No other method may be running, and no file be open.
func (r *Reader) Close() error {
	for _, t := range r.idle {
		t.CloseIdleConnections()
	}
	return nil
}

// noJournal forgets.
type noJournal struct{}

func (noJournal) Load(string) ([]byte, error)   { return nil, nil }
func (noJournal) Save(string, []byte) error     { return nil }
func (noJournal) Keys(string) ([]string, error) { return nil, nil }

// inStore adds where to an error of one name.
func (r *Reader) inStore(what, name string, err error) error {
	err = r.explain(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}
