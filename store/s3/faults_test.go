package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// wired opens a store whose requests pass a line with faults.
func wired(t *testing.T, o Options) (*Store, *testbench.Wire) {
	t.Helper()
	var wire *testbench.Wire
	o.Transport = func(next http.RoundTripper) http.RoundTripper {
		wire = testbench.NewWire(next)
		return wire
	}
	return open(t, o), wire
}

// memory is a journal that a crash does not take.
type memory struct {
	mu    sync.Mutex
	notes map[string][]byte
}

func (m *memory) Load(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[key], nil
}

func (m *memory) Save(key string, note []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if note == nil {
		delete(m.notes, key)
		return nil
	}
	if m.notes == nil {
		m.notes = map[string][]byte{}
	}
	m.notes[key] = bytes.Clone(note)
	return nil
}

func (m *memory) Keys(prefix string) (keys []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.notes {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// testLostReplies loses the reply of each writing request once, after the
// server has carried it out.
func testLostReplies(t *testing.T, b bench) {
	for _, lost := range []struct {
		what, method, part string
		size               int
	}{
		{"put", http.MethodPut, "/object/", 1000},
		{"initiate", http.MethodPost, "uploads=", storetest.PartSize + 1},
		{"part", http.MethodPut, "partNumber=1", storetest.PartSize + 1},
		{"complete", http.MethodPost, "uploadId=", storetest.PartSize + 1},
		{"retention", http.MethodPut, "retention=", 1000},
	} {
		prefix := newPrefix()
		s, wire := wired(t, b.options(prefix, configs.LockGovernance))
		o := storetest.Object(t, storetest.Random(lost.size, 30))
		o.Until = time.Now().Add(time.Hour)
		if lost.what == "retention" {
			if _, err := s.Put(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			o.Until = o.Until.Add(time.Hour)
		}
		wire.Inject(testbench.WireFault{Kind: testbench.LostReply, Method: lost.method, Part: lost.part, Times: 1})
		info, err := s.Put(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", lost.what, err)
		}
		if wire.Fired(testbench.LostReply) != 1 {
			t.Errorf("%s: its reply was not lost", lost.what)
		}
		versions := b.server.Versions(b.bucket, prefix)
		if len(versions) != 1 || versions[0].VersionID != info.Version || info.Until.Before(o.Until) {
			t.Errorf("%s: %+v, stored as %+v", lost.what, versions, info)
		}
	}
}

// testLostReplace tells our own write, whose reply was lost, from another's.
func testLostReplace(t *testing.T, b bench) {
	s, wire := wired(t, b.options(newPrefix(), configs.LockGovernance))
	const name = "log/a/checkpoint"
	one, err := s.Replace(t.Context(), name, []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	lose := testbench.WireFault{Kind: testbench.LostReply, Method: http.MethodPut, Part: name, Times: 1}
	wire.Inject(lose)
	two, err := s.Replace(t.Context(), name, []byte("two"), one.Version)
	if err != nil {
		t.Fatal(err)
	}
	// Another writer comes between the lost reply and the next try.
	lose.Do = func() {
		wire.Heal()
		if _, err := s.Replace(t.Context(), name, []byte("other"), two.Version); err != nil {
			t.Error(err)
		}
	}
	lose.Kind = testbench.Refused
	wire.Inject(lose)
	if _, err := s.Replace(t.Context(), name, []byte("three"), two.Version); !errors.Is(err, store.ErrStale) {
		t.Errorf("%v, want %v", err, store.ErrStale)
	}
	if wire.Fired(testbench.LostReply) != 1 || wire.Fired(testbench.Refused) != 1 {
		t.Error("the faults did not fire")
	}
	got, _, err := store.ReadAll(t.Context(), s, name, 100)
	if err != nil || string(got) != "other" {
		t.Errorf("%q, %v", got, err)
	}
}

// testResume cuts an upload and goes on in another process: no part that is
// there is sent again, and the clip is locked as long as it is asked for then.
func testResume(t *testing.T, b bench) {
	const parts = 5
	prefix, journal := newPrefix(), &memory{}
	options := b.options(prefix, configs.LockGovernance)
	options.Journal = journal
	o := storetest.Object(t, storetest.Random((parts-1)*storetest.PartSize+1, 31))
	o.Until = time.Now().Add(time.Hour)

	s, wire := wired(t, options)
	ctx, cancel := context.WithCancel(t.Context())
	wire.Inject(
		testbench.WireFault{Kind: testbench.Refused, Method: http.MethodPut, Part: "partNumber=2"},
		testbench.WireFault{Kind: testbench.Refused, Method: http.MethodPut, Part: "partNumber=4", Do: func() {
			if uploaded(t, s, journal) == parts-2 {
				cancel()
			}
		}},
	)
	s.pause = 20 * time.Millisecond
	s.parts = newPace(parts, parts) // those that are refused keep their turns
	if _, err := s.Put(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want %v", err, context.Canceled)
	}
	if len(journal.notes) != 1 {
		t.Fatalf("notes of the cut upload: %q", journal.notes)
	}
	there := uploaded(t, s, journal)
	if there != parts-2 {
		t.Fatalf("%d parts came before the cut", there)
	}

	s, wire = wired(t, options)
	o.Until = o.Until.Add(time.Hour)
	info, err := s.Put(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if info.Until.Before(o.Until) {
		t.Errorf("locked until %v, want %v", info.Until, o.Until)
	}
	if sent := wire.Passed(http.MethodPut, "partNumber="); sent != parts-there {
		t.Errorf("%d parts were sent with %d of %d there", sent, there, parts)
	}
	if len(journal.notes) != 0 {
		t.Errorf("notes left: %q", journal.notes)
	}
	if v := b.server.Versions(b.bucket, prefix); len(v) != 1 || v[0].VersionID != info.Version || v[0].Size != o.Size {
		t.Errorf("stored as %+v", v)
	}
}

// uploaded counts the parts of the only upload.
func uploaded(t *testing.T, s *Store, journal *memory) (n int) {
	t.Helper()
	keys, err := journal.Keys(notePrefix)
	if err != nil || len(keys) != 1 {
		t.Errorf("%q, %v", keys, err)
		return 0
	}
	name := strings.TrimPrefix(keys[0], notePrefix)
	note, ok, err := s.loadNote(name)
	if err != nil || !ok {
		t.Error(ok, err)
		return 0
	}
	page, err := s.core.ListObjectParts(t.Context(), s.where.bucket, s.key(name), note.Upload, 0, 100)
	if err != nil {
		t.Error(err)
	}
	return len(page.ObjectParts)
}

// testTwoDocks lets another dock store the same clip just before this one
// completes its upload.
func testTwoDocks(t *testing.T, b bench) {
	for _, size := range []int{1000, storetest.PartSize + 1} {
		prefix := newPrefix()
		one, wire := wired(t, b.options(prefix, configs.LockGovernance))
		two := open(t, b.options(prefix, configs.LockGovernance))
		o := storetest.Object(t, storetest.Random(size, 37))
		other := func() {
			if _, err := two.Put(t.Context(), o); err != nil {
				t.Error(err)
			}
		}
		last := testbench.WireFault{Kind: testbench.Latency, Method: http.MethodPut, Part: o.Digest.String(), Times: 1, Do: other}
		if size > storetest.PartSize {
			last.Method, last.Part = http.MethodPost, "uploadId="
		}
		wire.Inject(last)
		info, err := one.Put(t.Context(), o)
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if wire.Fired(testbench.Latency) != 1 {
			t.Error("the other dock did not come between")
		}
		if v := b.server.Versions(b.bucket, prefix); len(v) != 1 || v[0].VersionID != info.Version {
			t.Errorf("%d bytes are stored as %+v", size, v)
		}
	}
}

// testOtherBytes offers what is not what is there, and a file that changed
// since it was hashed.
func testOtherBytes(t *testing.T, b bench) {
	for _, size := range []int{1000, storetest.PartSize + 1} {
		what := fmt.Sprintf("%d bytes", size)
		prefix, journal := newPrefix(), &memory{}
		options := b.options(prefix, configs.LockGovernance)
		options.Journal = journal
		s := open(t, options)
		o := storetest.Object(t, storetest.Random(size, 32))
		overwrite(t, o.Path, storetest.Random(size, 33))
		if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s that changed: %v, want %v", what, err, store.ErrDamaged)
		}
		if v := b.server.Versions(b.bucket, prefix); len(v) != 0 || len(journal.notes) != 0 {
			t.Errorf("%s that changed left %+v and notes %q", what, v, journal.notes)
		}

		o = storetest.Object(t, storetest.Random(size, 34))
		for name, other := range map[string][]byte{"shorter": storetest.Random(size-1, 35), "changed": storetest.Random(size, 36)} {
			prefix := newPrefix()
			s := open(t, b.options(prefix, configs.LockGovernance))
			if _, err := s.Create(t.Context(), store.Name(o.Digest), other); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrExists) {
				t.Errorf("%s before %s bytes: %v, want %v", what, name, err, store.ErrExists)
			}
			if v := b.server.Versions(b.bucket, prefix); len(v) != 1 {
				t.Errorf("%s before %s bytes: %+v", what, name, v)
			}
		}
		// What an administrator copied has no metadata of ours.
		prefix = newPrefix()
		s = open(t, b.options(prefix, configs.LockGovernance))
		if _, err := s.Create(t.Context(), store.Name(o.Digest), storetest.Random(size, 34)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), o); err != nil {
			t.Errorf("%s, copied: %v", what, err)
		}
	}
}
