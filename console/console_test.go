package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/manifest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a daemon with the groups of this test machine.
func options(desk Desk) Options {
	return Options{Desk: desk, Access: func() access.Policy { return access.New(testAccess, 0) }, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)}
}

// start serves desk in a fresh state directory until the test ends.
func start(t *testing.T, desk Desk) (state string, c *Client) {
	t.Helper()
	state = t.TempDir()
	l, err := Listen(state)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, options(desk), l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	if c, err = Dial(Places{State: state}); err != nil {
		t.Fatal(err)
	}
	return state, c
}

func TestCallsReachTheDesk(t *testing.T) {
	lat := 38.9
	desk := &fakeDesk{
		changed: make(chan struct{}, 1),
		status:  ingest.Status{Log: "dk3", Size: 9, Bays: []ingest.BayStatus{{Bay: "1", Path: "a\u202eb"}}},
		clips:   []ingest.ClipView{{Clip: "dk3-1", Path: "x\x1b[31m"}, {Clip: "dk3-2"}},
	}
	_, c := start(t, desk)
	ctx := t.Context()
	desk.changed <- struct{}{}
	for _, call := range []struct {
		name        string
		do          func() (any, error)
		want, asked any
	}{
		{"status", func() (any, error) { return c.Status(ctx) }, desk.status, nil},
		{"changed", func() (any, error) { return nil, c.Changed(ctx) }, nil, nil},
		{"show", func() (any, error) { d, err := c.Show(ctx, "dk3-1"); return d.Clip + d.Leaf, err }, "dk3-1ab", "dk3-1"},
		{"tag", func() (any, error) {
			return c.Tag(ctx, ingest.TagRequest{Clips: []string{"dk3-1"}, Change: clip.Tags{Place: &clip.Place{Lat: &lat}}})
		}, []ingest.Stamp{{Clip: "dk3-1", Log: "dk3", N: 7}}, ingest.TagRequest{Clips: []string{"dk3-1"}, Change: clip.Tags{Place: &clip.Place{Lat: &lat}}, By: "admin", Actor: "admin"}},
		{"export", func() (any, error) { return c.Export(ctx, ingest.ExportRequest{Case: "A-1"}) }, []string{"dk3-1", "dk3-2"}, ingest.ExportRequest{Case: "A-1", Actor: "admin"}},
		{"clock", func() (any, error) {
			return nil, c.StateClock(ctx, ingest.ClockRequest{Device: "c017", OffsetMS: -5, Reason: "seen"})
		}, nil, ingest.ClockRequest{Device: "c017", OffsetMS: -5, Reason: "seen", Actor: "admin"}},
		{"key", func() (any, error) { return c.Key(ctx) }, "auth/dk3+00+AA", "key"},
		{"checkpoint", func() (any, error) { return c.Checkpoint(ctx) }, []byte("auth/dk3\n1\n"), "cp"},
		{"entry", func() (any, error) { return c.Entry(ctx, "42") }, []byte(`{"n":42}`), "42"},
		{"prove", func() (any, error) { return c.Prove(ctx, "dk3-1") }, []byte("c2sp.org/tlog-proof@v1\n"), "dk3-1"},
		{"view", func() (any, error) { return nil, c.View(ctx, ingest.ViewRequest{Clip: "dk3-1", Reason: "asked for"}) }, nil, ingest.ViewRequest{Clip: "dk3-1", Reason: "asked for", Actor: "admin"}},
		{"anchor", func() (any, error) { return c.Anchor(ctx) }, ingest.AnchorView{N: 42, Size: 42, TSA: "bench", Made: true}, "anchor"},
		{"receipt", func() (any, error) { return c.Receipt(ctx, "bay-01") }, ingest.ReceiptView{Docking: 42, Device: "c017", Note: "custodock receipt v1\n"}, "bay-01"},
		{"gaps", func() (any, error) {
			return c.SignGaps(ctx, ingest.GapsRequest{Size: 9, Result: "complete", Lines: []string{"device c017 complete 1 2"}})
		}, "custodock gaps v1\n", ingest.GapsRequest{Size: 9, Result: "complete", Lines: []string{"device c017 complete 1 2"}, Actor: "admin"}},
		{"install", func() (any, error) { return c.Install(ctx, ingest.InstallRequest{Note: "n"}) },
			ingest.Endorsement{Authority: "county.example", Serial: 7}, ingest.InstallRequest{Note: "n"}},
		{"agree", func() (any, error) { return nil, c.Agree(ctx, "centre") }, nil, "agree to centre"},
		{"erase", func() (any, error) {
			return c.EraseDevice(ctx, ingest.EraseOrder{Device: "c017", Reason: "handed back"})
		}, ingest.EraseResult{Erased: 2, Left: []ingest.EraseLeft{{Reason: "protected", Files: 1}}}, ingest.EraseOrder{Device: "c017", Reason: "handed back", Actor: "admin"}},
		{"doctor", func() (any, error) { return c.Doctor(ctx) }, []ingest.Condition{{Code: "disk", OK: true, Text: "room"}}, "doctor"},
		{"clips", func() (any, error) {
			var got []ingest.ClipView
			err := c.Clips(ctx, ingest.Filter{Untagged: true}, func(v ingest.ClipView) error { got = append(got, v); return nil })
			return got, err
		}, desk.clips, ingest.Filter{Untagged: true}},
	} {
		desk.takeAsked()
		got, err := call.do()
		if err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		if d := cmp.Diff(call.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", call.name, d)
		}
		if d := cmp.Diff(call.asked, desk.takeAsked()); d != "" {
			t.Errorf("%s asked the desk (-want +got):\n%s", call.name, d)
		}
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	held := &ingest.HeldError{State: "/s", PID: 42, Command: "custodock run"}
	for _, want := range []error{
		ingest.ErrNoClip, ingest.ErrNoDevice, ingest.ErrNoCamera, ingest.ErrNoState, ingest.ErrFull, ingest.ErrUnstable, access.ErrDenied, manifest.ErrForked, held,
	} {
		desk := &fakeDesk{err: fmt.Errorf("do it: %w", want)}
		_, c := start(t, desk)
		_, showErr := c.Show(t.Context(), "dk3-1")
		clipsErr := c.Clips(t.Context(), ingest.Filter{}, func(ingest.ClipView) error { return nil })
		for _, err := range []error{showErr, clipsErr} {
			var h *ingest.HeldError
			if errors.As(want, &h) {
				if h = nil; !errors.As(err, &h) || *h != *held {
					t.Errorf("got %v (%+v), want %v", err, h, want)
				}
			} else if !errors.Is(err, want) {
				t.Errorf("errors.Is(%v, %v) is false", err, want)
			}
			if err == nil || err.Error() != desk.err.Error() {
				t.Errorf("message %v, want %v", err, desk.err)
			}
		}
	}
}

func TestClipsStopsWhereTheCallerDoes(t *testing.T) {
	desk := &fakeDesk{clips: make([]ingest.ClipView, 50_000)}
	_, c := start(t, desk)
	stop := errors.New("enough")
	n := 0
	err := c.Clips(t.Context(), ingest.Filter{}, func(ingest.ClipView) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 2 {
		t.Errorf("Clips = %v after %d clips, want %v after 2", err, n, stop)
	}
}

func TestRequestsAreStrict(t *testing.T) {
	_, c := start(t, &fakeDesk{})
	for _, q := range []struct{ name, path, body, want string }{
		{"unknown field", pathShow, `{"what":"dk3-1","delete":true}`, "unknown field"},
		{"two values", pathShow, `{"what":"dk3-1"}{}`, "stands behind"},
		{"no JSON", pathTag, `hello`, "invalid character"},
		{"too large", pathShow, `{"what":"` + strings.Repeat("a", maxRequest) + `"}`, "too large"},
		{"ingest without a folder", pathIngest, `{"dir":"/"}`, "no descriptor"},
	} {
		resp, err := c.http.Post("http://custodock"+q.path, "application/json", strings.NewReader(q.body))
		if err != nil {
			t.Fatal(q.name, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), q.want) {
			t.Errorf("%s: %s %s %v; want 400 with %q", q.name, resp.Status, body, err, q.want)
		}
	}
	resp, err := c.http.Get("http://custodock" + pathShow)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET answered %s", resp.Status)
	}
}

func TestIngestSendsTheFolderItself(t *testing.T) {
	desk := &fakeDesk{}
	desk.ingest = func(_ context.Context, r ingest.Request, each func(ingest.Event)) (ingest.Summary, error) {
		got, err := names(r)
		for _, name := range got {
			each(ingest.Event{File: &ingest.FileResult{Path: name, Dir: r.Dir}})
		}
		return ingest.Summary{Files: len(got), Seconds: r.Wait.Seconds()}, err
	}
	_, c := start(t, desk)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.mp4"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// The path leads nowhere: only the descriptor can show the file.
	var paths []string
	sum, err := c.Ingest(t.Context(), ingest.Request{Dir: "/nowhere", Folder: folder, Wait: 3 * time.Second}, func(e ingest.Event) {
		paths = append(paths, e.File.Dir+":"+e.File.Path)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (ingest.Summary{Files: 1, Seconds: 3}); sum != want {
		t.Errorf("summary %+v, want %+v", sum, want)
	}
	if want := []string{"/nowhere:a.mp4"}; !slices.Equal(paths, want) {
		t.Errorf("events %q, want %q", paths, want)
	}
	if _, err := folder.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ingest left the folder open: %v", err)
	}
}

func TestIngestEndsWithTheClient(t *testing.T) {
	desk := &fakeDesk{}
	began, ended := make(chan struct{}), make(chan error, 1)
	desk.ingest = func(ctx context.Context, _ ingest.Request, _ func(ingest.Event)) (ingest.Summary, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return ingest.Summary{}, ctx.Err()
	}
	_, c := start(t, desk)
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if _, err := c.Ingest(ctx, ingest.Request{Folder: folder}, func(ingest.Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("Ingest = %v, want canceled", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the daemon's ingest ended with %v", err)
	}
}

func TestDaemonEndingIsTold(t *testing.T) {
	state := t.TempDir()
	l, err := Listen(state)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	desk := &fakeDesk{}
	desk.ingest = func(ctx context.Context, _ ingest.Request, _ func(ingest.Event)) (ingest.Summary, error) {
		cancel()
		<-ctx.Done()
		return ingest.Summary{}, ctx.Err()
	}
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, options(desk), l) }()
	c, err := Dial(Places{State: state})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ingest(t.Context(), ingest.Request{Folder: folder}, func(ingest.Event) {}); !errors.Is(err, errCut) {
		t.Errorf("Ingest = %v, want %v", err, errCut)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if _, err := Dial(Places{State: state}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("Dial after the end = %v, want ErrNoDaemon", err)
	}
	again, err := Listen(state)
	if err != nil {
		t.Fatalf("Listen over a stale socket: %v", err)
	}
	_ = again.Close()
}

func TestOneDaemonAState(t *testing.T) {
	state, _ := start(t, &fakeDesk{})
	if _, err := Listen(state); err == nil {
		t.Error("a second Listen took the socket away")
	}
	if fi, err := os.Stat(filepath.Join(state, socketName)); err != nil || fi.Mode().Perm() != 0o660 {
		t.Errorf("socket mode %v, %v", fi.Mode(), err)
	}
}

func TestLongStatePath(t *testing.T) {
	state := filepath.Join(t.TempDir(), strings.Repeat("long", 50))
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(Places{State: state}); !errors.Is(err, ErrNoDaemon) {
		t.Fatalf("Dial = %v, want ErrNoDaemon", err)
	}
	l, err := Listen(state)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Dial(Places{State: state}); err != nil {
		t.Errorf("Dial = %v", err)
	}
}

// waitFor polls for what another goroutine is about to do.
func waitFor(t *testing.T, ok func() bool, state func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came true: %s", state())
		}
	}
}
