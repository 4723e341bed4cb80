package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/custodock/custodock/internal/testbench"
)

// Rows without a bar: what an answer to "how fast is it" must not leave out.

// oneClip is a clip whose hash cannot be spread over cores, and which must be
// hashed and recorded before the first byte of it is uploaded.
func oneClip() Row {
	const fromBucket = "custodock to versitygw"
	return Row{
		ID: "long", Title: "one clip of 4 GiB", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) {
			const kind = testbench.VersityGW
			src, err := b.source("one", 1, 1, b.Scaled(4096)<<20)
			if err != nil {
				return nil, nil, err
			}
			return Sides{
				{ours, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, src, nil, nil) }},
				{fromBucket, func(ctx context.Context) (Sample, error) { return b.custodockTo(ctx, kind, src) }},
				{hashes, func(ctx context.Context) (Sample, error) { return b.hashOnly(ctx, src) }},
				{copies, func(ctx context.Context) (Sample, error) { return b.copyOnly(ctx, src) }},
				{upload, func(ctx context.Context) (Sample, error) { return b.uploadOnly(ctx, kind, src, nil) }},
			}, nil, nil
		},
		Bars: []Bar{
			{Name: "embedded store: time / hash only", Of: wall(ours, hashes)},
			{Name: "embedded store: time / copy and fsync", Of: wall(ours, copies)},
			{Name: "versitygw: time / (hash only + upload only)", Of: func(r Round) float64 {
				return r[fromBucket].Seconds / (r[hashes].Seconds + r[upload].Seconds)
			}},
		},
	}
}

// sm3 is what the second digest costs.
func sm3() Row {
	const without, with = "SHA-256 alone", "SM3 beside"
	return Row{
		ID: "sm3", Title: "8 × 256 MiB into the embedded store with SM3", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) {
			src, err := b.Large()
			if err != nil {
				return nil, nil, err
			}
			conf := filepath.Join(b.Dir, "sm3.yaml")
			if err := os.WriteFile(conf, []byte("sm3: true\n"), 0o600); err != nil {
				return nil, nil, err
			}
			return Sides{
				{without, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, src, nil, nil) }},
				{with, func(ctx context.Context) (Sample, error) {
					return b.custodock(ctx, src, []string{"--config", conf}, nil)
				}},
			}, nil, nil
		},
		Bars: []Bar{
			{Name: "time / without", Of: wall(with, without)},
			{Name: "CPU / without", Of: func(r Round) float64 { return r[with].CPU / r[without].CPU }},
		},
	}
}

// cold is row 1 from the disk: the source is on the one that is written to.
func cold() Row {
	return Row{
		ID: "cold", Title: "8 × 256 MiB into the embedded store, source not in the page cache", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) {
			warm, err := b.Large()
			if err != nil {
				return nil, nil, err
			}
			src := *warm
			src.Cold = true
			return Sides{
				{ours, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, &src, nil, nil) }},
				{byHand, func(ctx context.Context) (Sample, error) { return b.shell(ctx, &src, hashThenCopy) }},
				{copies, func(ctx context.Context) (Sample, error) { return b.copyOnly(ctx, &src) }},
			}, nil, nil
		},
		Bars: []Bar{
			{Name: "time / by hand", Of: wall(ours, byHand)},
			{Name: "time / copy and fsync", Of: wall(ours, copies)},
		},
	}
}
