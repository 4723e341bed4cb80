package s3

import (
	"fmt"
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
func newPrefix() string { return fmt.Sprintf("dock/%d", prefixes.Add(1)) }

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
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.pause = time.Millisecond
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
	for _, kind := range kinds {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tls=%v", kind, secure), func(t *testing.T) {
				b := newBench(t, kind, secure, true)
				storetest.Run(t, func(t *testing.T) store.Store { return open(t, b.options(newPrefix(), configs.LockGovernance)) })
				b.noMoreVersions(t, "dock/")
			})
		}
	}
}
