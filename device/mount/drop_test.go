package mount

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestRest(t *testing.T) {
	const quiet = 10 * time.Second
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := device.File{Path: "a", Size: 1, ModTime: start, ChangeTime: start, Ino: 1}
	grown, touched, changed, replaced := a, a, a, a
	grown.Size = 2
	touched.ModTime = start.Add(1)
	changed.ChangeTime = start.Add(1)
	replaced.Ino = 2
	for _, tt := range []struct {
		name string
		at   []time.Duration // of the listings
		file []device.File
		want []bool
	}{
		{"left alone", []time.Duration{0, quiet - 1, quiet, 2 * quiet}, []device.File{a, a, a, a}, []bool{false, false, true, false}},
		{"grows", []time.Duration{0, quiet, 2*quiet - 1, 2 * quiet}, []device.File{a, grown, grown, grown}, []bool{false, false, false, true}},
		{"touched", []time.Duration{0, quiet}, []device.File{a, touched}, []bool{false, false}},
		{"rewritten with the old times", []time.Duration{0, quiet}, []device.File{a, changed}, []bool{false, false}},
		{"replaced", []time.Duration{0, quiet}, []device.File{a, replaced}, []bool{false, false}},
		{"again after a change", []time.Duration{0, quiet, quiet + 1, 2*quiet + 1}, []device.File{a, a, grown, grown}, []bool{false, true, false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRest(quiet)
			var got []bool
			for i, f := range tt.file {
				r.begin()
				ready := r.saw(f, start.Add(tt.at[i]))
				r.end()
				if ready {
					r.tell(f.Path)
				}
				got = append(got, ready)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRestForgetsAndWaits(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newRest(10)
	wait := func(at, want time.Duration, wantAny bool) {
		t.Helper()
		if d, any := r.wait(start.Add(at)); any != wantAny || any && d != want {
			t.Errorf("at %d: wait %d, %v", at, d, any)
		}
	}
	wait(0, 0, false)
	r.begin()
	r.saw(device.File{Path: "a"}, start)
	r.saw(device.File{Path: "b"}, start.Add(2))
	r.end()
	wait(3, 7, true)
	wait(30, 0, true)
	r.tell("a")
	wait(3, 9, true)
	r.begin() // a listing that broke off before b: b is kept, and not waited for
	r.saw(device.File{Path: "a"}, start.Add(4))
	wait(4, 0, false)
	r.begin()
	r.end()
	if len(r.files) != 0 {
		t.Errorf("still %d files", len(r.files))
	}
}

// drop runs a watch and hands out what it reports; end waits for its error.
func drop(t *testing.T, d Drop) (told <-chan string, end func(cancel bool) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	paths, done := make(chan string), make(chan error, 1)
	go func() {
		done <- d.Watch(ctx, func(p string) bool {
			select {
			case paths <- p:
			case <-ctx.Done():
			}
			return true
		})
	}()
	t.Cleanup(cancel)
	return paths, func(now bool) error {
		if now {
			cancel()
		}
		return <-done
	}
}

func next(t *testing.T, told <-chan string, want string) {
	t.Helper()
	select {
	case got := <-told:
		if got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("not told of %q", want)
	}
}

const quick = 20 * time.Millisecond

// Rescan is an hour here: only events can tell.
func TestDropFollowsEvents(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "early"), "1")
	told, end := drop(t, Drop{Path: dir, Quiet: quick, Rescan: time.Hour})
	next(t, told, "early")
	put(t, filepath.Join(dir, "new/deep/a\xff"), "1")
	next(t, told, "new/deep/a\xff")
	put(t, filepath.Join(dir, "early"), "22")
	next(t, told, "early")
	for range 3 { // the watch of a directory dies with it and must come back
		must(t, os.RemoveAll(filepath.Join(dir, "new")))
		put(t, filepath.Join(dir, "mark"), "1")
		next(t, told, "mark")
		must(t, os.Remove(filepath.Join(dir, "mark")))
		must(t, os.Mkdir(filepath.Join(dir, "new"), 0o755))
		put(t, filepath.Join(dir, "new/b"), "1")
		next(t, told, "new/b")
		put(t, filepath.Join(dir, "new/c"), "1")
		next(t, told, "new/c")
	}
	if err := end(true); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A file that keeps changing is not told of before it rests.
func TestDropWaitsForQuiet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "growing")
	put(t, path, "0")
	// Each reading of the clock is one look at the file: it finds the file
	// changed, and more than half a quiet period gone.
	now, looks := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	grown := make(chan struct{})
	told, end := drop(t, Drop{Path: dir, Quiet: quick, Rescan: quick, Now: func() time.Time {
		looks++
		switch {
		case looks < 20:
			put(t, path, string(make([]byte, looks+1)))
		case looks == 20:
			close(grown)
		}
		now = now.Add(quick * 6 / 10)
		return now
	}})
	select {
	case p := <-told:
		t.Fatalf("told of %q while it grows", p)
	case <-grown:
	}
	next(t, told, "growing")
	_ = end(true)
}

// An unmount raises no event that fsnotify passes on: the listing finds it.
func TestDropGone(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, dir string){
		"unmounted": func(t *testing.T, dir string) {
			// Without force: watching keeps nobody from unmounting for longer than
			// one listing takes.
			err := unix.Unmount(dir, 0)
			for end := time.Now().Add(30 * time.Second); errors.Is(err, unix.EBUSY) && time.Now().Before(end); {
				err = unix.Unmount(dir, 0)
			}
			must(t, err)
		},
		"lazily unmounted": func(t *testing.T, dir string) { must(t, unix.Unmount(dir, unix.MNT_DETACH)) },
		"covered":          func(t *testing.T, dir string) { tmpfs(t, dir) },
		"removed": func(t *testing.T, dir string) {
			must(t, unix.Unmount(dir, unix.MNT_DETACH))
			must(t, os.Remove(dir))
		},
		"replaced by a link": func(t *testing.T, dir string) {
			must(t, unix.Unmount(dir, unix.MNT_DETACH))
			must(t, os.Remove(dir))
			must(t, os.Symlink("/etc", dir))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "drop")
			tmpfs(t, dir)
			put(t, filepath.Join(dir, "a"), "1")
			told, end := drop(t, Drop{Path: dir, Quiet: quick, Rescan: quick})
			next(t, told, "a")
			leave(t, dir)
			if err := end(false); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v, want %v", err, device.ErrGone)
			}
		})
	}
}

func TestDropRemovedIsAnEvent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "drop")
	put(t, filepath.Join(dir, "a"), "1")
	told, end := drop(t, Drop{Path: dir, Quiet: quick, Rescan: time.Hour})
	next(t, told, "a")
	must(t, os.RemoveAll(dir))
	if err := end(false); !errors.Is(err, device.ErrGone) {
		t.Errorf("error %v, want %v", err, device.ErrGone)
	}
}

func TestDropTellsOfProblems(t *testing.T) {
	problems := make(chan error, 4)
	w := &dropWatch{Drop: Drop{Problem: func(err error) { problems <- err }}}
	must(t, w.trouble(nil))
	must(t, w.trouble(unix.EMFILE))
	must(t, w.trouble(unix.EMFILE))
	must(t, w.trouble(nil))
	close(problems)
	var got []error
	for err := range problems {
		got = append(got, err)
	}
	if len(got) != 2 || !errors.Is(got[0], unix.EMFILE) || got[1] != nil {
		t.Errorf("told %v", got)
	}
	if err := w.trouble(device.ErrGone); !errors.Is(err, device.ErrGone) {
		t.Errorf("gone: %v", err)
	}
}

func TestWatchDropErrors(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink(dir, filepath.Join(dir, "link")))
	fn := func(string) bool { t.Error("called"); return true }
	if err := WatchDrop(t.Context(), filepath.Join(dir, "none"), quick, nil, fn); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := WatchDrop(t.Context(), filepath.Join(dir, "link"), quick, nil, fn); !errors.Is(err, device.ErrUnsafe) {
		t.Error(err)
	}
}

// TestDropAgain: a file that could not be taken is reported until it is.
func TestDropAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	calls := 0
	err := Drop{Path: dir, Quiet: time.Millisecond}.Watch(ctx, func(string) bool {
		if calls++; calls == 3 {
			cancel()
		}
		return false
	})
	if calls != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d calls, %v", calls, err)
	}
}
