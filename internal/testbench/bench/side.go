package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// custodock takes a source into a fresh state, and checks that every file of
// it was stored; flags stand before the command, env is added.
func (b *Bench) custodock(ctx context.Context, src *Source, flags, env []string) (Sample, error) {
	dir, done, err := b.Scratch()
	if err != nil {
		return Sample{}, err
	}
	defer done()
	args := append([]string{"--state", filepath.Join(dir, "state")}, flags...)
	cmd := exec.Command(b.Bin, append(args, "ingest", "--json", src.Dir)...)
	cmd.Env = append(os.Environ(), env...)
	s, out, err := Timed(ctx, cmd, src)
	if err != nil {
		return s, err
	}
	return s, src.stored(out)
}

// stored reads the last line of ingest --json.
func (s *Source) stored(out []byte) error {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Summary struct {
			Files, Stored int
			Bytes         int64
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return fmt.Errorf("last line of ingest --json: %w", err)
	}
	sum := last.Summary
	if sum.Files != len(s.Files) || sum.Stored != len(s.Files) || sum.Bytes != s.Bytes {
		return fmt.Errorf("ingest stored %d of %d files with %d bytes, want %d with %d", sum.Stored, sum.Files, sum.Bytes, len(s.Files), s.Bytes)
	}
	return nil
}

// shell runs a script of the plain tools, with the source as $1 and a folder
// that it makes a copy in as $2.
func (b *Bench) shell(ctx context.Context, src *Source, script string) (Sample, error) {
	s, err := b.copying(ctx, src, func(dst string) *exec.Cmd {
		return exec.Command("sh", "-ec", script, "sh", src.Dir, dst)
	})
	s.Peak = 0 // of the shell alone
	return s, err
}

// copying runs a command that copies the source to a new folder, and checks
// that all of it is there.
func (b *Bench) copying(ctx context.Context, src *Source, command func(dst string) *exec.Cmd) (Sample, error) {
	dir, done, err := b.Scratch()
	if err != nil {
		return Sample{}, err
	}
	defer done()
	dst := filepath.Join(dir, "copy")
	s, _, err := Timed(ctx, command(dst), src)
	if err != nil {
		return s, err
	}
	return s, src.copied(dst)
}

// copied is an error unless a folder has as many files and bytes.
func (s *Source) copied(dir string) error {
	files, size := 0, int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files, size = files+1, size+info.Size()
		}
		return err
	})
	if err == nil && (files != len(s.Files) || size != s.Bytes) {
		err = fmt.Errorf("the copy has %d files and %d bytes, want %d and %d", files, size, len(s.Files), s.Bytes)
	}
	return err
}

// hashOnly is the peer that hashes, and checks what it found.
func (b *Bench) hashOnly(ctx context.Context, src *Source) (Sample, error) {
	s, out, err := Timed(ctx, exec.Command(b.self, append([]string{"peer", "hash"}, src.Paths()...)...), src)
	if err != nil {
		return s, err
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		sum, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		found[path] = sum
	}
	for _, f := range src.Files {
		if found[f.Path] != f.SHA256 {
			return s, fmt.Errorf("the hash of %s is %q, want %s", f.Path, found[f.Path], f.SHA256)
		}
	}
	return s, nil
}

// copyOnly is the peer that copies and syncs.
func (b *Bench) copyOnly(ctx context.Context, src *Source) (Sample, error) {
	return b.copying(ctx, src, func(dst string) *exec.Cmd {
		return exec.Command(b.self, "peer", "copy", src.Dir, dst)
	})
}
