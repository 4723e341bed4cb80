package ingest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
)

// TestPassedByUnread: a file is passed by unread only while two identity
// sources of its device agree, its path, size and time match, its samples hash
// as before, and the last whole read is not too long ago.
func TestPassedByUnread(t *testing.T) {
	card := testbench.LoopDisk(t, 32)
	write(t, filepath.Join(card.Mountpoint, "LOG", "20260902.txt"), "#ID:2222222\r\n")
	name := filepath.Join(card.Mountpoint, "DCIM", "A11_2222222_100234_20260902180118_0001.mp4")
	content := make([]byte, 1<<20)
	write(t, name, string(content))
	when := time.Date(2026, 9, 2, 18, 1, 18, 0, time.UTC)
	// rewrite changes one byte and leaves size and time as they were.
	rewrite := func(at int) {
		content[at]++
		write(t, name, string(content))
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(0)
	o := testOptions(t)
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := openStation(t, o)
	const path = "DCIM/A11_2222222_100234_20260902180118_0001.mp4"
	step := func(what, state string) string {
		t.Helper()
		_, results := take(t, s, card.Mountpoint, clip.Tags{})
		if results[path].State != state {
			t.Errorf("%s: %+v", what, results[path])
		}
		return results[path].Clip
	}
	first := step("new", StateStored)
	d, err := s.Show(context.Background(), first)
	if err != nil || d.Source[:3] != "fs:" {
		t.Fatalf("source %q, %v", d.Source, err)
	}
	step("known", StateKnown)

	rewrite(200_000) // between the samples: what a few reads cannot see
	if again := step("passed by", StateKnown); again != first {
		t.Errorf("passed by as %s, was %s", again, first)
	}
	rewrite(10) // in the first sample
	second := step("sampled", StateStored)
	if second == first {
		t.Error("other bytes in a sample are the same clip")
	}
	rewrite(300_000)
	step("passed by again", StateKnown)
	now = now.Add(31 * 24 * time.Hour)
	if third := step("read again after a month", StateStored); third == second {
		t.Error("a re-read found the old clip")
	}
}

// TestOneIdentity: with the filesystem alone to go by, every file is read.
func TestOneIdentity(t *testing.T) {
	card := testbench.LoopDisk(t, 32)
	name := filepath.Join(card.Mountpoint, "CLIP0001.MP4")
	when := time.Date(2026, 9, 2, 18, 1, 18, 0, time.UTC)
	content := make([]byte, 1<<20)
	s := openStation(t, testOptions(t))
	var clips []string
	for range 2 {
		content[200_000]++
		write(t, name, string(content))
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
		_, results := take(t, s, card.Mountpoint, clip.Tags{})
		if results["CLIP0001.MP4"].State != StateStored {
			t.Fatalf("%+v", results)
		}
		clips = append(clips, results["CLIP0001.MP4"].Clip)
	}
	if clips[0] == clips[1] {
		t.Error("other bytes are the same clip")
	}
}

// TestTagCoversRecording: a tag of one chapter is one of the whole recording,
// unless it is narrowed.
func TestTagCoversRecording(t *testing.T) {
	s := openStation(t, testOptions(t))
	sample, err := filepath.Abs("../configs/sample/gopro")
	if err != nil {
		t.Fatal(err)
	}
	_, results := take(t, s, sample, clip.Tags{})
	one, two := results["DCIM/100GOPRO/GX010042.MP4"].Clip, results["DCIM/100GOPRO/GX020042.MP4"].Clip
	request := TagRequest{Clips: []string{one}, By: clip.ByOfficer, Actor: "officer"}
	request.Change = clip.Tags{Cases: []string{"whole"}}
	stamps, err := s.Tag(context.Background(), request)
	if err != nil || len(stamps) != 2 {
		t.Fatalf("stamps %+v, %v", stamps, err)
	}
	request.Change, request.Narrow = clip.Tags{Cases: []string{"chapter one"}}, true
	if stamps, err = s.Tag(context.Background(), request); err != nil || len(stamps) != 1 {
		t.Fatalf("narrow: stamps %+v, %v", stamps, err)
	}
	for name, want := range map[string]string{one: "chapter one", two: "whole"} {
		v, err := s.Show(context.Background(), name)
		if err != nil || len(v.Tags.Cases) != 1 || v.Tags.Cases[0] != want {
			t.Errorf("%s: cases %v, want %s, %v", name, v.Tags.Cases, want, err)
		}
	}
}
