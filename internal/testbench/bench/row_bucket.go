package main

import (
	"context"
	"runtime"

	"github.com/custodock/custodock/internal/testbench"
)

// largeTo is row 2: whole clips to a bucket on this machine.
func largeTo(kind string) Row {
	return Row{
		ID: "2 " + kind, Title: "8 × 256 MiB to " + kind, Rounds: 5,
		Make: func(b *Bench) (Sides, func(), error) { return makeLargeTo(b, kind) },
		Bars: []Bar{
			{Name: "time / rclone", Of: wall(ours, rclone), Most: 0.85},
			{Name: "time / limit", Of: func(r Round) float64 { return r[ours].Seconds / uploadLimit(r, runtime.NumCPU()) }, Most: 1.10},
			{Name: "CPU / rclone's", Of: func(r Round) float64 { return r[ours].CPU / r[rclone].CPU }, Most: 0.6},
			{Name: "time / mc", Of: wall(ours, minioC)},
			{Name: "time / without a log", Of: wall(ours, noLog)},
			{Name: "without a log / limit", Of: func(r Round) float64 { return r[noLog].Seconds / uploadLimit(r, runtime.NumCPU()) }},
			{Name: "without a log: CPU / rclone's", Of: func(r Round) float64 { return r[noLog].CPU / r[rclone].CPU }},
		},
	}
}

// uploadLimit is the time of one that uploads what it has hashed with all cores.
func uploadLimit(r Round, cores int) float64 {
	return r[upload].Seconds + r[hashes].CPU/float64(cores)
}

func makeLargeTo(b *Bench, kind string) (Sides, func(), error) {
	src, err := b.Large()
	if err != nil {
		return nil, nil, err
	}
	// Without the MD5 that rclone makes of what goes in parts it does less than
	// custodock; it is let do so where that is faster.
	sides, err := b.uploaders(kind, src, []knob{
		{"--transfers", []string{"4", "2", "8"}}, {"--s3-upload-concurrency", []string{"4", "2", "8"}},
		{"--s3-chunk-size", []string{"16M", "8M", "64M"}}, {"--s3-disable-checksum", []string{"false", "true"}},
	})
	if err != nil {
		return nil, nil, err
	}
	return append(sides, Side{hashes, func(ctx context.Context) (Sample, error) { return b.hashOnly(ctx, src) }}), nil, nil
}

// uploaders are who brings a source to a bucket, the peers each at the best of
// what is tried.
func (b *Bench) uploaders(kind string, src *Source, knobs []knob) (Sides, error) {
	best, err := b.tune(rclone, knobs, func(ctx context.Context, flags []string) (Sample, error) {
		return b.rcloneTo(ctx, kind, src, flags)
	})
	if err != nil {
		return nil, err
	}
	bare, err := b.tune(upload, []knob{{"-parallel", []string{"8", "4", "16"}}}, func(ctx context.Context, flags []string) (Sample, error) {
		return b.uploadOnly(ctx, kind, src, flags)
	})
	if err != nil {
		return nil, err
	}
	plain, err := b.tune(noLog, []knob{{"-parallel", []string{"8", "4", "16"}}}, func(ctx context.Context, flags []string) (Sample, error) {
		return b.withoutLog(ctx, kind, src, flags)
	})
	if err != nil {
		return nil, err
	}
	return Sides{
		{ours, func(ctx context.Context) (Sample, error) { return b.custodockTo(ctx, kind, src) }},
		{rclone, func(ctx context.Context) (Sample, error) { return b.rcloneTo(ctx, kind, src, best) }},
		{minioC, func(ctx context.Context) (Sample, error) { return b.mcTo(ctx, kind, src, nil) }},
		{upload, func(ctx context.Context) (Sample, error) { return b.uploadOnly(ctx, kind, src, bare) }},
		{noLog, func(ctx context.Context) (Sample, error) { return b.withoutLog(ctx, kind, src, plain) }},
	}, nil
}

// smallTo is row 3: many short clips to a bucket on this machine.
func smallTo() Row {
	return Row{
		ID: "3", Title: "10,000 × 64 KiB to versitygw", Rounds: 3, Make: makeSmallTo,
		Bars: []Bar{
			{Name: "time / rclone", Of: wall(ours, rclone), Most: 0.75},
			{Name: "time / mc", Of: wall(ours, minioC)},
			{Name: "time / upload only", Of: wall(ours, upload)},
			{Name: "time / without a log", Of: wall(ours, noLog)},
			{Name: "without a log / rclone", Of: wall(noLog, rclone)},
		},
	}
}

func makeSmallTo(b *Bench) (Sides, func(), error) {
	src, err := b.Small()
	if err != nil {
		return nil, nil, err
	}
	// Of rclone's questions the one after each upload stays: custodock asks it too.
	sides, err := b.uploaders(testbench.VersityGW, src, []knob{{"--transfers", []string{"4", "8", "16", "32"}}})
	return sides, nil, err
}
