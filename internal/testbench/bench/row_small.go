package main

import (
	"context"
	"os/exec"
	"path/filepath"
)

// small is row 4: many short clips into the embedded store.
func small() Row {
	return Row{
		ID: "4", Title: "10,000 × 64 KiB into the embedded store", Rounds: 5, Make: makeSmall,
		Bars: []Bar{
			{Name: "time / rclone", Of: wall(ours, rclone), Most: 1.25},
			{Name: "time / by hand", Of: wall(ours, byHand)},
		},
	}
}

func makeSmall(b *Bench) (Sides, func(), error) {
	src, err := b.Small()
	if err != nil {
		return nil, nil, err
	}
	program, err := b.Program("rclone")
	if err != nil {
		return nil, nil, err
	}
	return Sides{
		{ours, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, src, nil, nil) }},
		{rclone, func(ctx context.Context) (Sample, error) {
			return b.copying(ctx, src, func(dst string) *exec.Cmd {
				return exec.Command(program, "--config", filepath.Join(b.Dir, "no-rclone.conf"), "copy", src.Dir, dst)
			})
		}},
		{byHand, func(ctx context.Context) (Sample, error) { return b.shell(ctx, src, `cp -r "$1" "$2"; sync -f "$2"`) }},
	}, nil, nil
}
