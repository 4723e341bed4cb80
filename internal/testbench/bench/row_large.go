package main

import (
	"context"
	"runtime"
)

// hashThenCopy is what a careful person types.
const hashThenCopy = `openssl dgst -sha256 "$1"/* >/dev/null; cp -r "$1" "$2"; sync -f "$2"`

// large is rows 1 and 5: whole clips into the embedded store.
func large() Row {
	return Row{
		ID: "1 5", Title: "8 × 256 MiB into the embedded store", Rounds: 5, Make: makeLarge,
		Bars: []Bar{
			{Name: "1: time / by hand", Of: wall(ours, byHand), Most: 0.85},
			{Name: "1: time / limit", Of: func(r Round) float64 { return r[ours].Seconds / copyLimit(r, runtime.NumCPU()) }, Most: 1.25},
			{Name: "5: CPU / (hash only + copy and fsync)", Of: func(r Round) float64 {
				return r[ours].CPU / (r[hashes].CPU + r[copies].CPU)
			}, Most: 1.25},
		},
	}
}

// copyLimit is the time below which no program can hash and copy: its cores are
// busy, or the disk is.
func copyLimit(r Round, cores int) float64 {
	return max((r[hashes].CPU+r[copies].CPU)/float64(cores), r[copies].Seconds)
}

func makeLarge(b *Bench) (Sides, func(), error) {
	src, err := b.Large()
	if err != nil {
		return nil, nil, err
	}
	return Sides{
		{ours, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, src, nil, nil) }},
		{byHand, func(ctx context.Context) (Sample, error) {
			return b.shell(ctx, src, hashThenCopy)
		}},
		{hashes, func(ctx context.Context) (Sample, error) { return b.hashOnly(ctx, src) }},
		{copies, func(ctx context.Context) (Sample, error) { return b.copyOnly(ctx, src) }},
	}, nil, nil
}
