package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

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
	for _, args := range [][]string{nil, {"dance"}, {"hash", "absent"}, {"copy", "absent"}, {"copy", "absent", "x"},
		{"upload", "x"}, {"evidence", "http://127.0.0.1:1", "b", "p", "absent", "x"}} {
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

// TestPeerEvidence takes clips of one part and of two to a bucket and finds them
// there whole and locked; what is there already is refused.
func TestPeerEvidence(t *testing.T) {
	b := newBench(t)
	server := testbench.S3(t, testbench.S3Options{})
	server.MakeBucket(bucket, true)
	for _, pair := range server.Env() {
		key, value, _ := strings.Cut(pair, "=")
		t.Setenv(key, value)
	}
	for _, size := range []int64{700 << 10, 6 << 20} {
		src, err := b.Clips(2, size)
		if err != nil {
			t.Fatal(err)
		}
		within := prefix + strconv.FormatInt(size, 10)
		args := []string{"evidence", "-part=5", server.Endpoint(), bucket, within, src.Dir, filepath.Join(t.TempDir(), "spool")}
		if err := peer(t.Context(), args); err != nil {
			t.Fatal(err)
		}
		if err := src.uploaded(server, within); err != nil {
			t.Error(err)
		}
		for _, f := range src.Files {
			o, err := server.Core().StatObject(t.Context(), bucket, within+"/"+f.Name, minio.StatObjectOptions{})
			if err != nil || o.Metadata.Get("X-Amz-Object-Lock-Mode") != "GOVERNANCE" || o.UserMetadata["Sha256"] != f.SHA256 {
				t.Errorf("%s: %v, %v", f.Name, o.Metadata, err)
			}
		}
		args[len(args)-1] = filepath.Join(t.TempDir(), "spool")
		if err := peer(t.Context(), args); err == nil || !strings.Contains(err.Error(), "keep ") {
			t.Errorf("what was there was taken once more: %v", err)
		}
	}
}
