package s3

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

var prefixes atomic.Int64

// newPrefix is one that no other test uses.
func newPrefix() string { return fmt.Sprintf("dock/%04d", prefixes.Add(1)) }

// bench is a bucket of a real server, and how a test opens a store in it.
type bench struct {
	server *testbench.S3Server
	bucket string
}

func newBench(t *testing.T, kind string, secure, lock bool) bench {
	t.Helper()
	b := bench{server: testbench.S3(t, testbench.S3Options{Kind: kind, TLS: secure}), bucket: "evidence"}
	b.server.MakeBucket(b.bucket, lock)
	return b
}

func (b bench) options(prefix, lock string) Options {
	env := map[string]string{}
	for _, line := range b.server.Env() {
		key, value, _ := strings.Cut(line, "=")
		env[key] = value
	}
	return Options{
		Store:  configs.Store{Name: "central", URL: b.server.URL(b.bucket, prefix), Lock: lock, CA: b.server.CA},
		Getenv: func(key string) string { return env[key] },
	}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	o.pause = time.Millisecond
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var kinds = []string{testbench.VersityGW, testbench.MinIO}

// noMoreVersions checks that no name below the prefix has two versions. What
// Replace writes has as many as it was replaced.
func (b bench) noMoreVersions(t *testing.T, prefix string) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range b.server.Versions(b.bucket, prefix) {
		if seen[v.Key] && strings.Contains(v.Key, "/object/") {
			t.Errorf("%s has more than one version", v.Key)
		}
		seen[v.Key] = true
	}
	if len(seen) == 0 {
		t.Errorf("nothing was stored below %s", prefix)
	}
}

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		kind   string
		secure bool
	}{{testbench.VersityGW, false}, {testbench.VersityGW, true}, {testbench.MinIO, false}, {testbench.MinIO, true}} {
		if testing.Short() && (tt.kind != testbench.VersityGW || tt.secure) {
			continue // over TLS it goes with faults
		}
		t.Run(fmt.Sprintf("%s, TLS %v", tt.kind, tt.secure), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.kind, tt.secure, true)
			storetest.Run(t, func(t *testing.T) store.Store { return open(t, b.options(newPrefix(), configs.LockCompliance)) })
			b.noMoreVersions(t, "dock/")
		})
	}
}

// TestConformanceWithFaults loses one request in twenty and one in five, in
// each of four ways.
func TestConformanceWithFaults(t *testing.T) {
	for _, tt := range []struct {
		kind   string
		secure bool
		rate   float64
	}{
		{testbench.VersityGW, false, 0.05}, {testbench.VersityGW, true, 0.20},
		{testbench.MinIO, true, 0.05}, {testbench.MinIO, false, 0.20},
	} {
		if testing.Short() && (tt.kind != testbench.VersityGW || tt.rate < 0.2) {
			continue
		}
		t.Run(fmt.Sprintf("%s/%.0f%%", tt.kind, tt.rate*100), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.kind, tt.secure, true)
			ways := []testbench.WireKind{testbench.Refused, testbench.LostReply, testbench.ResetRequest, testbench.CutReply}
			fired := map[testbench.WireKind]int{}
			storetest.Run(t, func(t *testing.T) store.Store {
				o := b.options(newPrefix(), configs.LockGovernance)
				var wire *testbench.Wire
				o.Transport = func(next http.RoundTripper) http.RoundTripper {
					wire = testbench.NewWire(next)
					return wire
				}
				s := open(t, o)
				for _, way := range ways {
					wire.Inject(testbench.WireFault{Kind: way, Chance: tt.rate / float64(len(ways))})
				}
				t.Cleanup(func() {
					for _, way := range ways {
						fired[way] += wire.Fired(way)
					}
				})
				return s
			})
			for _, way := range ways {
				if fired[way] == 0 {
					t.Errorf("no request was lost by %s", way)
				}
			}
			t.Logf("faults: %v", fired)
			b.noMoreVersions(t, "dock/")
		})
	}
}

func testHidden(t *testing.T, b bench) {
	prefix := newPrefix()
	s := open(t, b.options(prefix, configs.LockCompliance))
	storetest.Hidden(t, s, func(name string) {
		if err := b.server.Remove(b.bucket, prefix+"/"+name, ""); err != nil {
			t.Fatal(err)
		}
	})
}

// TestServers runs what needs a real server, on one of each kind.
func TestServers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, kind, false, true)
			for _, test := range []struct {
				name, only string // only is the one kind it is for
				run        func(*testing.T, bench)
			}{
				{"Buckets", "", testBuckets},
				{"LockIsRefused", "", testLockIsRefused},
				{"LocksOfNames", "", testLocksOfNames},
				{"Hidden", "", testHidden},
				{"LostReplies", "", testLostReplies},
				{"LostReplace", "", testLostReplace},
				{"Resume", "", testResume},
				{"TwoDocks", "", testTwoDocks},
				{"OtherBytes", "", testOtherBytes},
				{"ReplacedWhileRead", "", testReplacedWhileRead},
				{"RightsOfRoot", "", testRightsOfRoot},
				{"RightsOfADock", testbench.MinIO, testRightsOfADock}, // which gives out keys with a policy
				{"DeniedPut", testbench.MinIO, testDeniedPut},
				{"Rotation", testbench.MinIO, testRotation},
				{"WrongBodies", testbench.MinIO, testWrongBodies},
				{"Rot", testbench.VersityGW, testRot},
				{"Reap", testbench.VersityGW, testReap}, // MinIO lists no uploads
				{"Adopted", testbench.VersityGW, testAdopted},
				{"ManyNames", testbench.VersityGW, testManyNames},
				{"SpoolIsHanded", testbench.VersityGW, testSpoolIsHanded},
				{"Disk", testbench.VersityGW, testDisk},
				{"Uplink", testbench.VersityGW, testUplink},
				{"OneAfterAnother", testbench.VersityGW, testOneAfterAnother},
				{"CancelledUpload", testbench.VersityGW, testCancelledUpload},
			} {
				if test.only == "" || test.only == kind {
					t.Run(test.name, func(t *testing.T) { test.run(t, b) })
				}
			}
		})
	}
}

// wantSentence checks that an error is of a kind and says what to do in one line.
func wantSentence(t *testing.T, err, want error, hint string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
		return
	}
	if s := err.Error(); strings.ContainsAny(s, "\n\x1b") || !strings.Contains(s, hint) || len(s) > 900 {
		t.Errorf("%q does not say %q in one line", s, hint)
	}
}
