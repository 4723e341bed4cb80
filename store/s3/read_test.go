package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// testWrongBodies lets answers lie about an object. None of them ends quietly.
func testWrongBodies(t *testing.T, b bench) {
	s, wire := wired(t, b.options(newPrefix(), configs.LockGovernance))
	for _, size := range []int{1000, storetest.PartSize + 1} {
		info, err := s.Put(t.Context(), storetest.Object(t, storetest.Random(size, 60)))
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []testbench.WireKind{
			testbench.FlippedReply, testbench.ShortReply, testbench.LongReply, testbench.WrongChecksum,
		} {
			wire.Inject(testbench.WireFault{Kind: kind, Method: http.MethodGet, Part: info.Name, N: 100})
			got, _, err := store.ReadAll(t.Context(), s, info.Name, 1<<30)
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("%d bytes, %s: %d bytes and %v, want %v", size, kind, len(got), err, store.ErrDamaged)
			}
			if wire.Fired(kind) == 0 {
				t.Errorf("%s did not fire", kind)
			}
			wire.Heal()
		}
	}
}

// testRot finds a bit that changed on the server's disk, of which HEAD knows
// nothing.
func testRot(t *testing.T, b bench) {
	prefix := newPrefix()
	s := open(t, b.options(prefix, configs.LockGovernance))
	info, err := s.Put(t.Context(), storetest.Object(t, storetest.Random(100_000, 61)))
	if err != nil {
		t.Fatal(err)
	}
	b.server.FlipBit(b.bucket, prefix+"/"+info.Name, 70_000)
	if _, err := s.Stat(t.Context(), info.Name, info.Version); err != nil {
		t.Errorf("stat: %v", err)
	}
	_, _, err = store.ReadAll(t.Context(), s, info.Name, 1<<20)
	wantSentence(t, err, store.ErrDamaged, "verify the store")
}

// TestIgnoredRange reads at a place from a server that always sends the whole.
func TestIgnoredRange(t *testing.T) {
	server := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
		_, _ = io.WriteString(w, "0123456789")
	})
	f, err := unopened(t, server.URL).Open(t.Context(), "log/a/key", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 3)
	if n, err := f.ReadAt(buf, 5); !errors.Is(err, store.ErrStranger) {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// TestListings lets a server list for ever, or what it was not asked for.
func TestListings(t *testing.T) {
	item := func(name string) string {
		return "<Contents><Key>dock/" + name + "</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
	}
	more := func(token string) string {
		return "<IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "</NextContinuationToken>"
	}
	for what, page := range map[string]func(n int, token string) string{
		"the same token":   func(int, string) string { return more("again") },
		"two tokens":       func(n int, _ string) string { return more(strconv.Itoa(n % 2)) },
		"ever new tokens":  func(n int, _ string) string { return more(strconv.Itoa(n)) },
		"the same names":   func(n int, _ string) string { return item("log/a") + item("log/b") + more(strconv.Itoa(n)) },
		"names that fall":  func(int, string) string { return item("log/b") + item("log/a") },
		"the same name":    func(int, string) string { return item("log/b") + item("log/b") },
		"other prefix":     func(int, string) string { return strings.ReplaceAll(item("log/a"), "dock/", "other/") },
		"no token":         func(int, string) string { return "<IsTruncated>true</IsTruncated>" },
		"another's bucket": func(int, string) string { return "</ListBucketResult><ListBucketResult>" },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			server := fake(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				name := "<Name>evidence</Name>"
				if what == "another's bucket" {
					name = ""
				}
				_, _ = fmt.Fprintf(w, "<ListBucketResult>%s%s</ListBucketResult>", name, page(int(n.Add(1)), r.URL.Query().Get("continuation-token")))
			})
			var got error
			for _, err := range unopened(t, server.URL).List(t.Context(), "log/") {
				if err != nil {
					got = err
				}
			}
			wantSentence(t, got, store.ErrStranger, "")
			most := int64(emptyPages + 10)
			if what == "the same token" || what == "two tokens" {
				most = 5
			}
			if n.Load() > most {
				t.Errorf("%d pages were asked for", n.Load())
			}
		})
	}
}

// testManyNames lists more than a page, with names that need escaping, and what
// can be no name of a store.
func testManyNames(t *testing.T, b bench) {
	prefix := newPrefix()
	s := open(t, b.options(prefix, configs.LockNone))
	want := []string{"log/a b+%25&<x>"}
	for i := range pageSize + 5 {
		want = append(want, fmt.Sprintf("log/b/%04d", i))
	}
	core := b.server.Core()
	put := func(name string) error {
		_, err := core.PutObject(t.Context(), b.bucket, prefix+"/"+name, strings.NewReader(""), 0, "", "", s.headers(write{}))
		return err
	}
	for _, name := range append(want, "log/.hidden") {
		if err := put(name); err != nil {
			t.Fatal(err)
		}
	}
	bad := ""
	got := []string{}
	for info, err := range s.List(t.Context(), "log/") {
		if err != nil {
			bad += info.Name
			continue
		}
		got = append(got, info.Name)
	}
	if bad != "log/.hidden" {
		t.Errorf("%q was refused, want log/.hidden", bad)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// testReplacedWhileRead goes on in the version that was opened.
func testReplacedWhileRead(t *testing.T, b bench) {
	s, wire := wired(t, b.options(newPrefix(), configs.LockGovernance))
	const name = "log/a/checkpoint"
	info, err := s.Create(t.Context(), name, storetest.Random(200_000, 62))
	if err != nil {
		t.Fatal(err)
	}
	wire.Inject(testbench.WireFault{Kind: testbench.CutReply, Method: http.MethodGet, Part: name, Times: 1})
	f, err := s.Open(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := s.Replace(t.Context(), name, []byte("new"), info.Version); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || string(got) != string(storetest.Random(200_000, 62)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if wire.Fired(testbench.CutReply) != 1 {
		t.Error("the line was not cut")
	}
	// The old version is not there any more under its name.
	if _, err := s.Open(t.Context(), name, info.Version); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("open of the old version: %v", err)
	}
	if _, err := s.Stat(t.Context(), name, info.Version); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("stat of the old version: %v", err)
	}
}
