package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify/verifytest"
)

// fading is a store that goes away when it has given so many files and lists of those
// whose names begin with kind.
type fading struct {
	reader
	kind string
	left *atomic.Int64
}

func (s fading) gone() bool { return s.left.Load() < 0 }

func (s fading) Open(ctx context.Context, name, version string) (store.File, error) {
	if strings.HasPrefix(name, s.kind) {
		s.left.Add(-1)
	}
	if s.gone() {
		return nil, fmt.Errorf("open %s: %w", name, store.ErrAway)
	}
	return s.reader.Open(ctx, name, version)
}

func (s fading) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if s.gone() {
		return store.Info{}, fmt.Errorf("stat %s: %w", name, store.ErrAway)
	}
	return s.reader.Stat(ctx, name, version)
}

func (s fading) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	if strings.HasPrefix(prefix, s.kind) {
		s.left.Add(-1)
	}
	if s.gone() {
		return func(yield func(store.Info, error) bool) {
			yield(store.Info{}, fmt.Errorf("list %s: %w", prefix, store.ErrAway))
		}
	}
	return s.reader.List(ctx, prefix)
}

// opened makes of a store that was opened another one.
type opened func(url string, r reader) (reader, error)

// command runs the program. Its stores are those that open gives, nil for the real ones.
func command(t *testing.T, open opened, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := newApp(nil, &o, &e, func(string) string { return "" })
	if open != nil {
		a.reader = func(ctx context.Context, cfg configs.Store) (reader, error) {
			r, err := openReader(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return open(cfg.URL, r)
		}
	}
	code = a.run(t.Context(), args)
	return code, o.String(), e.String()
}

// outage reports whether a command ended as one does whose store went away: with the
// code of errors, nothing told but one line that says so.
func outage(code int, out, errs string) bool {
	return code == exitError && out == "" && strings.Count(errs, "\n") == 1 && strings.Contains(errs, store.ErrAway.Error())
}

// camera enters a docking of a camera that counts and keeps a log of its own.
func camera(l *verifytest.Log) {
	docking := l.Append("docking.opened", manifest.Object{"device": "c017"}, nil)
	take := func(name, role, at string) {
		fields := manifest.Object{"docking": docking, "role": role, "span": manifest.Object{"from": at}}
		l.Acquire(deviceLogText, fields, map[string]any{"path": name, "profile": "a11"})
	}
	take("A11_2222222_100234_20260902180118_0001.mp4", "main", "2026-09-02T18:01:18.000Z")
	take("A11_2222222_100234_20260902180240_0002.mp4", "main", "2026-09-02T18:02:40.000Z")
	take("LOG/20260902.txt", "log", "2026-09-02T18:03:00.000Z")
	l.Append("docking.closed", manifest.Object{"device": "c017", "docking": docking, "end": "complete"}, map[string]any{"before": []any{}})
}

// deviceLogText is what such a camera writes.
const deviceLogText = "2026-09-02 18:01:18 #ID:2222222 record start 0001\n"

// TestAuditsInAnOutage: wherever a store goes away an audit ends with one line that
// says so and with the code of errors, and tells nothing of what it found until then.
func TestAuditsInAnOutage(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	camera(l)
	l.Publish()
	for audit, args := range map[string][]string{
		"sample": {"--seed", "x", "--rate", "1"}, "gaps": nil, "access": nil,
	} {
		t.Run(audit, func(t *testing.T) {
			args := append([]string{"--state", filepath.Join(t.TempDir(), "none"), "audit", audit, "--from", l.Dir, "--key", l.Key}, args...)
			broke := 0
			for given := int64(0); ; given++ {
				var left atomic.Int64
				left.Store(given)
				code, out, errs := command(t, func(_ string, r reader) (reader, error) { return fading{r, "", &left}, nil }, args...)
				if left.Load() >= 0 {
					if code != exitDone || out == "" || errs != "" {
						t.Errorf("it never went away: %d, %s%s", code, out, errs)
					}
					break
				}
				broke++
				if !outage(code, out, errs) {
					t.Errorf("it went away behind %d: %d, %s%s", given, code, out, errs)
				}
			}
			if broke < 4 {
				t.Errorf("it broke at %d places", broke)
			}
		})
	}
}

// cameraFolder is a folder as such a camera has it.
func cameraFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"A11_2222222_100234_20260902180118_0001.mp4": "one", "LOG/20260902.txt": deviceLogText} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestNothingIsSignedInAnOutage: that a device's own log cannot be had from a store
// which is away is no finding, neither to sign nor to check a statement by; that it is
// not there is one.
func TestNothingIsSignedInAnOutage(t *testing.T) {
	state, central, dir := t.TempDir(), filepath.Join(t.TempDir(), "central"), cameraFolder(t)
	dock := func(open opened, args ...string) (int, string, string) {
		return command(t, open, append([]string{"--state", state, "--store", "file://" + central}, args...)...)
	}
	for _, args := range [][]string{{"init"}, {"ingest", "--no-case", "r", dir}} {
		if code, _, errs := dock(nil, args...); code != exitDone {
			t.Fatal(args, code, errs)
		}
	}
	away := func(_ string, r reader) (reader, error) { return fading{r, "object/", new(atomic.Int64)}, nil }
	note := filepath.Join(t.TempDir(), "note")
	if code, out, errs := dock(away, "audit", "gaps", "-o", note); !outage(code, out, errs) {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	if _, err := os.Stat(note); !os.IsNotExist(err) {
		t.Errorf("a statement was written: %v", err)
	}
	if code, out, errs := dock(nil, "audit", "gaps", "-o", note); code != exitDone || !strings.Contains(out, "\nresult complete\n") {
		t.Fatalf("%d, %s%s", code, out, errs)
	}
	if code, _, errs := dock(away, "verify", note); code != exitError || !strings.Contains(errs, store.ErrAway.Error()) {
		t.Errorf("a statement: %d, %s", code, errs)
	}
	hidden := func(_ string, r reader) (reader, error) { return hiding{r, []string{"object/"}}, nil }
	if code, out, errs := dock(hidden, "audit", "gaps"); code != exitPartly || !strings.Contains(out, "1 logs of the device itself could not be read") {
		t.Errorf("the store has not got it: %d, %s%s", code, out, errs)
	}
}

// hiding is a store that has no file whose name begins like one of kinds.
type hiding struct {
	reader
	kinds []string
}

func (s hiding) hides(name string) bool {
	return slices.ContainsFunc(s.kinds, func(kind string) bool { return strings.HasPrefix(name, kind) })
}

func (s hiding) Open(ctx context.Context, name, version string) (store.File, error) {
	if s.hides(name) {
		return nil, fmt.Errorf("open %s: %w", name, store.ErrNotExist)
	}
	return s.reader.Open(ctx, name, version)
}

func (s hiding) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if s.hides(name) {
		return store.Info{}, fmt.Errorf("stat %s: %w", name, store.ErrNotExist)
	}
	return s.reader.Stat(ctx, name, version)
}

func (s hiding) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for info, err := range s.reader.List(ctx, prefix) {
			if !s.hides(info.Name) && !yield(info, err) {
				return
			}
		}
	}
}
