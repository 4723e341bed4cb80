package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

func TestPeerCopy(t *testing.T) {
	b := newBench(t)
	src, err := b.Clips(5, 700<<10)
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "copy")
	if err := peer(t.Context(), []string{"copy", src.Dir, dst}); err != nil {
		t.Fatal(err)
	}
	if err := src.copied(dst); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(filepath.Join(dst, src.Files[2].Name), 1); err != nil {
		t.Fatal(err)
	}
	if src.copied(dst) == nil {
		t.Error("a copy that lacks bytes passes for whole")
	}
	if err := peer(t.Context(), []string{"copy", src.Dir, dst}); err == nil {
		t.Error("copied over what was there")
	}
}

func TestPeerFails(t *testing.T) {
	for _, args := range [][]string{nil, {"dance"}, {"hash", "absent"}, {"copy", "absent"}, {"copy", "absent", "x"}} {
		if peer(t.Context(), args) == nil {
			t.Errorf("peer %q did not fail", args)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if onCores(ctx, make([]string, 1000), func(string, []byte) error { return nil }) == nil {
		t.Error("went on after the end")
	}
}

func TestByHand(t *testing.T) {
	b := newBench(t)
	src, err := b.Clips(3, 1000)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.shell(t.Context(), src, `cp -r "$1" "$2"; sync -f "$2"`)
	if err != nil || s.Seconds <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for name, script := range map[string]string{"a failing command": `false; cp -r "$1" "$2"`, "a copy of the half": `mkdir "$2"; cp "$1"/*1.mp4 "$2"`} {
		if _, err := b.shell(t.Context(), src, script); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	left := 0
	err = filepath.WalkDir(b.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(path, "/run-") {
			info, err := d.Info()
			if left++; err != nil || info.Size() != 0 {
				t.Errorf("%s keeps bytes (%v)", path, err)
			}
		}
		return err
	})
	if err != nil || left < len(src.Files) {
		t.Errorf("%d files were emptied, %v", left, err)
	}
}

func TestStored(t *testing.T) {
	src := &Source{Files: make([]testbench.File, 2), Bytes: 30}
	whole := "{\"clip\":\"a\"}\n{\"summary\":{\"files\":2,\"bytes\":30,\"stored\":2}}\n"
	if err := src.stored([]byte(whole)); err != nil {
		t.Error(err)
	}
	for _, out := range []string{
		"", "{}", "{\"summary\":{\"files\":2,\"bytes\":30,\"stored\":1}}", "{\"summary\":{\"files\":3,\"bytes\":30,\"stored\":3}}",
		"{\"summary\":{\"files\":2,\"bytes\":29,\"stored\":2}}",
	} {
		if src.stored([]byte(out)) == nil {
			t.Errorf("%q passes for stored", out)
		}
	}
}
