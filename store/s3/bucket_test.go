package s3

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// testBuckets opens buckets with and without lock and versions, and one that
// is not there.
func testBuckets(t *testing.T, b bench) {
	core := b.server.Core()
	b.server.MakeBucket("plain", false)
	b.server.MakeBucket("versions", false)
	b.server.EnableVersioning("versions")
	b.server.MakeBucket("default", true)
	mode, n, unit := minio.Governance, uint(3), minio.Days
	if err := core.SetObjectLockConfig(t.Context(), "default", &mode, &n, &unit); err != nil {
		t.Fatal(err)
	}
	o := b.options("dock", configs.LockCompliance)
	for bucket, want := range map[string]BucketInfo{
		"plain": {}, "versions": {Versioned: true}, b.bucket: {Versioned: true, ObjectLock: true},
		"default": {Versioned: true, ObjectLock: true, DefaultRetention: "governance 3 days"},
	} {
		o.Store.URL = b.server.URL(bucket, "dock")
		s := open(t, o)
		if clock := clockOf(t, s); clock.ahead.Abs() > clock.exact {
			t.Errorf("%s: the clock is %s before ours", bucket, clock.ahead)
		}
		got, err := s.Bucket(t.Context())
		got.Clock = 0
		if err != nil || got != want {
			t.Errorf("%s: %+v, want %+v: %v", bucket, got, want, err)
		}
		if err := s.Locks(); want.ObjectLock && err != nil {
			t.Errorf("%s: %v", bucket, err)
		} else if !want.ObjectLock {
			wantSentence(t, err, store.ErrUnlocked, "made with it")
		}
		for _, size := range []int{1000, storetest.PartSize + 1} {
			object := storetest.Object(t, storetest.Random(size, 80))
			object.Until = time.Now().Add(time.Hour)
			info, err := s.Put(t.Context(), object)
			if err != nil || (info.Lock == configs.LockCompliance) != want.ObjectLock || (info.Version != "") != want.Versioned {
				t.Errorf("%s: %+v, %v", bucket, info, err)
			}
		}
	}
	o.Store.URL = b.server.URL("nowhere", "dock")
	_, err := openQuickly(t, o)
	wantSentence(t, err, store.ErrNoBucket, `"nowhere"`)
	o.Store.URL = b.server.URL(b.bucket, "dock")
	keys := o.Getenv
	o.Getenv = anyKeys
	_, err = openQuickly(t, o)
	wantSentence(t, err, store.ErrDenied, "put working keys")

	// What happens to an open store is told from a name that is not there.
	o.Store.Credentials = writeFile(t, filepath.Join(t.TempDir(), "keys"), fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n",
		keys("AWS_ACCESS_KEY_ID"), keys("AWS_SECRET_ACCESS_KEY")), 0o600)
	b.server.MakeBucket("short", false)
	o.Store.URL = b.server.URL("short", "")
	s := open(t, o)
	_, err = s.Stat(t.Context(), "log/a/key", "")
	wantSentence(t, err, store.ErrNotExist, "log/a/key")
	if err := core.RemoveBucket(t.Context(), "short"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Stat(t.Context(), "log/a/key", "")
	wantSentence(t, err, store.ErrNoBucket, `"short"`)
	writeFile(t, o.Store.Credentials, profileOf("default", "unknown"), 0o600)
	_, err = s.Stat(t.Context(), "log/a/key", "")
	wantSentence(t, err, store.ErrDenied, "put working keys")
}

// testLockIsRefused meets a bucket that took locks, as far as we knew.
func testLockIsRefused(t *testing.T, b bench) {
	b.bucket = "unlocked"
	b.server.MakeBucket(b.bucket, false)
	for _, size := range []int{1000, storetest.PartSize + 1} {
		s := open(t, b.options(newPrefix(), configs.LockCompliance))
		s.lockable.Store(true)
		object := storetest.Object(t, storetest.Random(size, 81))
		object.Until = time.Now().Add(time.Hour)
		if info, err := s.Put(t.Context(), object); err != nil || info.Lock != "" || s.lockable.Load() {
			t.Errorf("%d bytes: %+v, %v", size, info, err)
		}
	}
}

// testLocksOfNames locks what a log keeps and nothing that it replaces.
func testLocksOfNames(t *testing.T, b bench) {
	o := b.options(newPrefix(), configs.LockCompliance)
	o.Store.RetainDays, o.Store.Hold = 3, true
	s := open(t, o)
	for name, locked := range map[string]bool{
		"log/a/key": true, "log/a/tile/0/000": true, "log/a/tile/entries/x001/000": true, "log/a/checkpoints/7": true, "log/a/checkpoints/7.tsr": true, "log/a/tsa/9b.pem": true,
		"log/a/tile/0/000.p/3": false, "log/a/checkpoint": false, "record/a/0.ndjson": false, "log/key": false, "objects": false, "log/a/keys": false,
	} {
		info, err := s.Create(t.Context(), name, []byte(name))
		if err != nil {
			t.Fatal(err)
		}
		if (info.Lock == configs.LockCompliance) != locked || locked && (time.Until(info.Until)-72*time.Hour).Abs() > time.Minute {
			t.Errorf("%s: lock %q until %s", name, info.Lock, info.Until)
		}
	}
	object := storetest.Object(t, []byte("held"))
	object.Until = time.Now().Add(time.Hour)
	info, err := s.Put(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	status, err := b.server.Core().GetObjectLegalHold(t.Context(), b.bucket, s.key(info.Name), minio.GetObjectLegalHoldOptions{VersionID: info.Version})
	if err != nil || status == nil || *status != minio.LegalHoldEnabled {
		t.Errorf("legal hold %v, %v", status, err)
	}
}

// testReap removes what was left behind, and nothing that somebody works on.
func testReap(t *testing.T, b bench) {
	prefix, journal := newPrefix(), &memory{}
	o := b.options(prefix, configs.LockGovernance)
	o.Journal = journal
	late := time.Duration(0)
	o.Now = func() time.Time { return time.Now().Add(late) }
	s := open(t, o)
	core := b.server.Core()
	begin := func(key string) string {
		id, err := core.NewMultipartUpload(t.Context(), b.bucket, key, minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	left := begin(prefix + "/object/aa/left")
	outside := begin(prefix + "x/object/aa/outside")
	ours := begin(prefix + "/object/aa/ours")
	if err := journal.Save(noteKey("object/aa/ours"), []byte(`{"upload":"`+ours+`","part_size":1}`)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Reap(t.Context()); n != 0 || err != nil {
		t.Errorf("young uploads: %d removed, %v", n, err)
	}
	late = 25 * time.Hour
	if n, err := s.Reap(t.Context()); n != 1 || err != nil {
		t.Errorf("%d removed, want 1: %v", n, err)
	}
	for id, want := range map[string]bool{left: false, outside: true, ours: true} {
		key := map[string]string{left: prefix + "/object/aa/left", outside: prefix + "x/object/aa/outside", ours: prefix + "/object/aa/ours"}[id]
		_, err := core.ListObjectParts(t.Context(), b.bucket, key, id, 0, 10)
		if (err == nil) != want {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestFullServer fills the server's disk.
func TestFullServer(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := testbench.S3(t, testbench.S3Options{Kind: kind, Disk: 64})
			b := bench{server: server, bucket: "evidence"}
			server.MakeBucket(b.bucket, true)
			s := open(t, b.options(newPrefix(), configs.LockGovernance))
			var err error
			for i := 0; err == nil && i < 20; i++ {
				_, err = s.Put(t.Context(), storetest.Object(t, storetest.Random(storetest.PartSize, byte(90+i))))
			}
			wantSentence(t, err, store.ErrFull, "add room")
		})
	}
}

// testCancelledUpload ends at once, whatever is under way.
func testCancelledUpload(t *testing.T, b bench) {
	s, wire := wired(t, b.options(newPrefix(), configs.LockGovernance))
	ctx, cancel := context.WithCancel(t.Context())
	wire.Inject(testbench.WireFault{Kind: testbench.Latency, Method: http.MethodPut, Part: "partNumber=2", Delay: time.Hour, Do: cancel})
	_, err := s.Put(ctx, storetest.Object(t, storetest.Random(2*storetest.PartSize, 99)))
	if err == nil || !strings.Contains(err.Error(), "context canceled") || wire.Fired(testbench.Latency) != 1 {
		t.Errorf("%v", err)
	}
}
