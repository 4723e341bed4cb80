package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/configs"
)

func TestMatchByUSB(t *testing.T) {
	s := shipped(t)
	for _, tt := range []struct {
		name  string
		paths []string
		usb   string
		want  string
	}{
		{"an empty card", nil, "2672:0042", "gopro"},
		{"files of no known form", []string{"a/b.bin"}, "1686:01c0", "zoom"},
		{"another model", nil, "2672:ffff", "generic"},
		{"none", nil, "", "generic"},
		{"a device that speaks many protocols", nil, "4255:0001", "generic"},
		{"files say more than the id of a chip", []string{"DCIM/DJI_001/DJI_20260902180118_0001_D.MP4"}, "0603:8611", "dji"},
	} {
		if got := s.Match(tt.paths, "", tt.usb).Name; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for name, want := range map[string]bool{"a11": true, "gopro": false, "generic": false} {
		if p := s.Named(name); p.SharedSerials() != want || p.Generic() != (name == "generic") {
			t.Errorf("%s: serials %q, generic %v", name, p.Serials, p.Generic())
		}
	}
}

// TestFolder: the folder of the admin adds profiles and replaces those that
// ship; its mistakes are told with file, line and column.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("own.yaml", "name: own\nrank: 200\nmatch:\n  paths: ['OWN_*.mp4']\n")
	put("gopro.yaml", "name: gopro\nvendor: Ours\nmatch:\n  usb: ['2672:0042']\n")
	put("notes.txt", "no profile")
	s, err := Load(configs.Devices(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Match([]string{"OWN_1.mp4"}, "", "").Name; got != "own" {
		t.Errorf("a profile of the folder is not used: %s", got)
	}
	if got := s.Named("gopro").Vendor; got != "Ours" {
		t.Errorf("gopro is by %s, not the folder's", got)
	}
	if s.Named("dji") == nil || s.Named("own").Classify("A.MP4").Guessed {
		t.Error("profiles that ship, or the roles all fall back on, are gone")
	}
	put("bad.yaml", "name: bad\nrank: high\n")
	_, err = Load(configs.Devices(), dir)
	var e *configs.Error
	if !errors.As(err, &e) || e.File != filepath.Join(dir, "bad.yaml") || e.Line != 2 || e.Column != 7 {
		t.Errorf("a mistake is told as %v", err)
	}
	if _, err = Load(configs.Devices(), filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "make the folder") {
		t.Errorf("no folder: %v", err)
	}
}
