package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/manifest"
)

func TestEventsReachTheClient(t *testing.T) {
	const big = int64(1)<<60 + 1 // more than a float holds
	sent := []ingest.StreamEvent{
		{ID: 7, Event: ingest.StreamEntry, Time: time.Unix(1, 0).UTC(), Entry: &ingest.StreamedLog{
			Log: "dk3", N: 7, Type: "clip.ingested", Actor: "officer", Clip: "dk3-7", Fields: manifest.Object{"size": big},
		}},
		{ID: 7, Event: ingest.StreamAlarm, Time: time.Unix(2, 0).UTC(), Alarm: &ingest.AlarmChange{Code: "disk_full", Since: time.Unix(2, 0).UTC(), Raised: true}},
		{ID: 7, Event: ingest.StreamBay, Time: time.Unix(3, 0).UTC(), Bay: &ingest.BayChange{Bay: "bay-01", State: ingest.BayDone, MayTake: true}},
		{ID: 7, Event: ingest.StreamBeat, Time: time.Unix(4, 0).UTC()},
	}
	asked := make(chan *int64, 1)
	desk := &fakeDesk{}
	desk.events = func(_ context.Context, after *int64, each func(ingest.StreamEvent) error) error {
		asked <- after
		for _, e := range sent {
			if err := each(e); err != nil {
				return err
			}
		}
		return fmt.Errorf("read the log: %w", manifest.ErrForked)
	}
	_, c := start(t, desk)
	six := int64(6)
	for _, after := range []*int64{nil, &six} {
		var got []ingest.StreamEvent
		err := c.Events(t.Context(), after, func(e ingest.StreamEvent) error { got = append(got, e); return nil })
		if !errors.Is(err, manifest.ErrForked) {
			t.Errorf("the stream ended with %v, want what the desk said", err)
		}
		want, _ := json.Marshal(sent)
		have, _ := json.Marshal(got)
		if d := cmp.Diff(string(want), string(have)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff(after, <-asked); d != "" {
			t.Errorf("after (-want +got):\n%s", d)
		}
	}
	_, c = start(t, &fakeDesk{err: fmt.Errorf("follow: %w", ingest.ErrNoEvent)})
	if err := c.Events(t.Context(), &six, nil); !errors.Is(err, ingest.ErrNoEvent) {
		t.Errorf("an id the log does not have: %v", err)
	}
}

func TestEventsEndWithTheClientAndTheDaemon(t *testing.T) {
	desk := &fakeDesk{}
	left := make(chan error, 1)
	desk.events = func(ctx context.Context, _ *int64, each func(ingest.StreamEvent) error) error {
		err := each(ingest.StreamEvent{Event: ingest.StreamBeat})
		<-ctx.Done()
		left <- ctx.Err()
		return errors.Join(err, ctx.Err())
	}
	_, c := start(t, desk)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Events(ctx, nil, func(ingest.StreamEvent) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Events = %v, want canceled", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the desk ended with %v", err)
	}
}

// open begins a stream by hand and reads its first line.
func open(t *testing.T, state string) (*http.Response, func()) {
	t.Helper()
	conn, err := dialOne(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+pathEvents+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp, func() { _ = conn.Close() } // closing the body would read it to its end
}

func TestStreamsAreBounded(t *testing.T) {
	desk := &fakeDesk{}
	desk.events = func(ctx context.Context, _ *int64, each func(ingest.StreamEvent) error) error {
		err := each(ingest.StreamEvent{Event: ingest.StreamBeat})
		<-ctx.Done()
		return errors.Join(err, ctx.Err())
	}
	state := startPublic(t, desk)
	var ends []func()
	for range maxStreams {
		resp, end := open(t, state)
		ends = append(ends, end)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("a stream: %s %v", resp.Status, resp.Header)
		}
	}
	resp, end := open(t, state)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"code":"busy"`) {
		t.Errorf("one too many: %s %s", resp.Status, body)
	}
	end()
	ends[0]()
	waitFor(t, func() bool {
		resp, end := open(t, state)
		defer end()
		return resp.StatusCode == http.StatusOK
	}, func() string { return "a stream that ended still counts" })
	for _, end := range ends[1:] {
		end()
	}
}

// TestAReaderThatStopsIsLeft: a client that no longer reads loses its stream and
// its place, and the desk is let go.
func TestAReaderThatStopsIsLeft(t *testing.T) {
	desk := &fakeDesk{}
	left := make(chan int, 1)
	desk.events = func(_ context.Context, _ *int64, each func(ingest.StreamEvent) error) error {
		e := ingest.StreamEvent{Event: ingest.StreamEntry, Entry: &ingest.StreamedLog{Type: strings.Repeat("x", 4000)}}
		for n := 0; ; n++ {
			if err := each(e); err != nil {
				left <- n
				return err
			}
		}
	}
	s := newServer(options(desk))
	s.writing = 50 * time.Millisecond
	state := startServer(t, s)
	_, end := open(t, state)
	defer end()
	select {
	case n := <-left:
		if n == 0 {
			t.Error("nothing was sent before")
		}
	case <-time.After(time.Minute):
		t.Fatal("the desk still waits for a reader that stopped")
	}
	waitFor(t, func() bool { return len(s.streams) == 0 }, func() string { return "its place is still taken" })
}
