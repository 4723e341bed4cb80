package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// mostPackage is what writing a package may take of anonymous memory, in MiB.
const mostPackage = 64

// packaging is a package of 4 GiB, with its certificate, beside a copy of the same
// objects. What prints is not found on the path: that takes the same whatever the size
// of the clips.
func packaging() Row {
	return Row{
		ID: "package", Title: "an evidence package of 8 × 512 MiB, its certificate not printed", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) { return makePackaging(b, false) },
		Bars: []Bar{
			{Name: "time / copy and fsync", Of: wall(ours, copies), Most: 1.1},
			{Name: "peak MiB", Of: peakOf(ours), Most: mostPackage},
		},
	}
}

// printing is packaging with the certificate printed, by the program that custodock
// finds on the path of the bench.
func printing() Row {
	return Row{
		ID: "package pdf", Title: "an evidence package of 8 × 512 MiB, its certificate printed", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) { return makePackaging(b, true) },
		Bars: []Bar{{Name: "time / copy and fsync", Of: wall(ours, copies), Most: 1.1}},
	}
}

func makePackaging(b *Bench, print bool) (Sides, func(), error) {
	const files = 8
	dir, done, err := b.Scratch()
	if err != nil {
		return nil, nil, err
	}
	state := filepath.Join(dir, "state")
	_, stored, err := b.storeOf(dir, state, files, b.Scaled(512)<<20)
	if err != nil {
		return nil, done, err
	}
	clips, err := b.command("--state", state, "clips", "--json")
	if err != nil {
		return nil, done, err
	}
	names, err := clipNames(clips)
	if err != nil {
		return nil, done, err
	}
	// The peer copies a flat folder: the objects under other names.
	flat := &Source{Dir: filepath.Join(dir, "flat"), Bytes: stored.Bytes}
	if err := os.Mkdir(flat.Dir, 0o700); err != nil {
		return nil, done, err
	}
	for i, f := range stored.Files {
		path := f.Path
		f.Path = filepath.Join(flat.Dir, strconv.Itoa(i))
		if err := os.Link(path, f.Path); err != nil {
			return nil, done, err
		}
		flat.Files = append(flat.Files, f)
	}
	return Sides{
		{ours, func(ctx context.Context) (Sample, error) { return b.exported(ctx, state, names, stored, print) }},
		{copies, func(ctx context.Context) (Sample, error) { return b.copyOnly(ctx, flat) }},
	}, done, nil
}

// clipNames reads clips --json.
func clipNames(lines []byte) (names []string, err error) {
	for line := range bytes.Lines(lines) {
		var c struct{ Clip string }
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("line of clips --json: %w", err)
		}
		names = append(names, c.Clip)
	}
	return names, nil
}

// exported writes a package of clips, and checks that all of them are in it, and the
// print if there is to be one.
func (b *Bench) exported(ctx context.Context, state string, names []string, stored *Source, print bool) (Sample, error) {
	dir, done, err := b.Scratch()
	if err != nil {
		return Sample{}, err
	}
	defer done()
	out := filepath.Join(dir, "package")
	args := append([]string{"--state", state, "export"}, names...)
	cmd := exec.Command(b.Bin, append(args, "-o", out, "--reason", "bench", "--for", "bench")...)
	if !print {
		cmd.Env = append(os.Environ(), "PATH="+dir)
	}
	s, _, err := Timed(ctx, cmd, stored)
	if err != nil {
		return s, err
	}
	if _, err := os.Stat(filepath.Join(out, "certificate.pdf")); (err == nil) != print {
		return s, fmt.Errorf("printed: %v, not %v: run tools/need.sh bench", err == nil, print)
	}
	return s, stored.copied(filepath.Join(out, "data"))
}
