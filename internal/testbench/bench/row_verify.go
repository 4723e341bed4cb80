package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
)

// auditor is who has the store and the key, and no dock.
const auditor = "custodock --from --key"

// verifying is row 8: a store of 4 GiB is proved.
func verifying(id string, files int, mib int64) Row {
	return Row{
		ID: id, Title: fmt.Sprintf("verify --all of %d × %d MiB", files, mib), Rounds: 5,
		Make: func(b *Bench) (Sides, func(), error) { return makeVerifying(b, files, b.Scaled(mib)<<20) },
		Bars: []Bar{
			{Name: "time / hash only", Of: wall(ours, hashes), Most: 1.05},
			{Name: "CPU / hash only", Of: func(r Round) float64 { return r[ours].CPU / r[hashes].CPU }},
			{Name: "auditor: time / hash only", Of: wall(auditor, hashes)},
		},
	}
}

func makeVerifying(b *Bench, files int, size int64) (Sides, func(), error) {
	dir, done, err := b.Scratch()
	if err != nil {
		return nil, nil, err
	}
	state := filepath.Join(dir, "state")
	key, stored, err := b.storeOf(dir, state, files, size)
	if err != nil {
		return nil, done, err
	}
	prove := func(args ...string) func(context.Context) (Sample, error) {
		return func(ctx context.Context) (Sample, error) {
			s, out, err := Timed(ctx, exec.Command(b.Bin, append([]string{"verify", "--all", "--json"}, args...)...), stored)
			if err != nil {
				return s, err
			}
			return s, proved(out, files)
		}
	}
	return Sides{
		{ours, prove("--state", state)},
		{auditor, prove("--from", stored.Dir, "--key", key)},
		{hashes, func(ctx context.Context) (Sample, error) { return b.hashOnly(ctx, stored) }},
	}, done, nil
}

// storeOf takes clips into a state and gives its key and the objects of its
// store; the clips themselves do not stay.
func (b *Bench) storeOf(dir, state string, files int, size int64) (key string, stored *Source, err error) {
	camera := filepath.Join(dir, "camera")
	clips, err := testbench.MakeClips(camera, files, size, 1)
	if err != nil {
		return "", nil, err
	}
	for _, args := range [][]string{{"init"}, {"--quiet", "ingest", camera}} {
		out, err := b.command(append([]string{"--state", state}, args...)...)
		if err != nil {
			return "", nil, err
		}
		if args[0] == "init" {
			key = strings.TrimSpace(string(out))
		}
	}
	stored = &Source{Dir: filepath.Join(state, "central")}
	for _, c := range clips {
		d, err := clip.ParseDigest(c.SHA256)
		if err != nil {
			return "", nil, err
		}
		c.Path = filepath.Join(stored.Dir, filepath.FromSlash(store.Name(d)))
		stored.Files, stored.Bytes = append(stored.Files, c), stored.Bytes+c.Size
	}
	return key, stored, os.RemoveAll(camera)
}

// command runs custodock for what is not measured.
func (b *Bench) command(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, b.Bin, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w: %s", cmd.Args, err, stderr.Bytes())
	}
	return out, nil
}

// proved reads the last line of verify --json.
func proved(out []byte, clips int) error {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Summary struct {
			Clips, OK int
			Problems  []any
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return fmt.Errorf("last line of verify --json: %w", err)
	}
	if s := last.Summary; s.Clips != clips || s.OK != clips || len(s.Problems) > 0 || len(lines) != clips+1 {
		return fmt.Errorf("verify proved %d of %d clips in %d lines, want %d", s.OK, s.Clips, len(lines), clips)
	}
	return nil
}
