package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever the order of the folders, a Chromium without windows prints where there is one.
func TestPrinters(t *testing.T) {
	for _, c := range []struct {
		first, second []string // programs of two folders of the path
		want          string
	}{
		{nil, nil, ""},
		{[]string{"firefox"}, []string{"google-chrome"}, "google-chrome"},
		{[]string{"google-chrome", "chromium-browser", "chromium"}, nil, "chromium"},
		{[]string{"chromium"}, []string{"chrome-headless-shell"}, "chrome-headless-shell"},
		{[]string{"chromium", "chrome-headless-shell"}, []string{"chromium-headless-shell"}, "chromium-headless-shell"},
	} {
		first, second := t.TempDir(), t.TempDir()
		for dir, names := range map[string][]string{first: c.first, second: c.second} {
			for _, name := range names {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Setenv("PATH", first+string(filepath.ListSeparator)+second)
		if got := installed(printers...); got != "" && filepath.Base(got) != c.want || got == "" && c.want != "" {
			t.Errorf("of %q and %q: %q, not %s", c.first, c.second, got, c.want)
		}
	}
}
