package main

import (
	"context"
	"fmt"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// mostMemory is what the dock may take of anonymous memory, in MiB.
const mostMemory = 128

func peakOf(side string) func(Round) float64 {
	return func(r Round) float64 { return float64(r[side].Peak) / (1 << 20) }
}

// manyCameras is the first part of row 6.
func manyCameras() Row {
	return Row{
		ID: "6 cameras", Title: "30 cameras at once with 256 MiB each, 16 parts, to versitygw", Rounds: 1, Make: makeManyCameras,
		Bars: []Bar{{Name: "peak MiB", Of: peakOf(ours), Most: mostMemory}},
	}
}

func makeManyCameras(b *Bench) (Sides, func(), error) {
	const cameras = 30
	cards, err := b.cards(cameras, 1, b.Scaled(256)<<20, b.sparse)
	if err != nil {
		return nil, nil, err
	}
	return Sides{{ours, func(ctx context.Context) (Sample, error) {
		return b.On(ctx, func(s *Stand) (Sample, error) { return b.intake(s, cards) })
	}}}, nil, nil
}

// intake docks all cameras at once and waits until a bucket has everything.
func (b *Bench) intake(s *Stand, cards []*Source) (Sample, error) {
	server := fresh(s, testbench.VersityGW)
	before := server.CPU()
	d := b.daemon(s, roots(s), server.Env(), "--store", lockedStore(server))
	start := time.Now()
	plug(s, cards, 0)
	_, err := d.await(s.Context(), func(st ingest.Status) (bool, error) {
		ok, err := mayAllGo(len(cards), len(cards[0].Files))(st)
		for _, bay := range st.Bays {
			ok = ok && bay.Stored == bay.Listed
		}
		return ok, err
	})
	sample := Sample{Seconds: time.Since(start).Seconds()}
	if err != nil {
		return sample, err
	}
	r, err := d.end()
	sample.CPU, sample.Peak = r.CPU.Seconds(), r.Peak
	sample.Extra = map[string]float64{serverCPU: (server.CPU() - before).Seconds()}
	if err != nil {
		return sample, err
	}
	all := &Source{}
	for _, c := range cards {
		all.Files, all.Bytes = append(all.Files, c.Files...), all.Bytes+c.Bytes
	}
	return sample, all.uploaded(server, prefix+"/object/")
}

// longClip is the second part of row 6.
func longClip() Row {
	bars := []Bar{}
	for _, side := range []string{embedded, testbench.VersityGW} {
		bars = append(bars, Bar{Name: fmt.Sprintf("peak MiB, %s", side), Of: peakOf(side), Most: mostMemory})
	}
	return Row{ID: "6 clip", Title: "one sparse clip of 8 GiB", Rounds: 1, Make: makeLongClip, Bars: bars}
}

// embedded is custodock with its own store as a side.
const embedded = "embedded store"

func makeLongClip(b *Bench) (Sides, func(), error) {
	src, err := b.sparse("long", 1, 1, b.Scaled(8192)<<20)
	if err != nil {
		return nil, nil, err
	}
	return Sides{
		{embedded, func(ctx context.Context) (Sample, error) { return b.custodock(ctx, src, nil, nil) }},
		{testbench.VersityGW, func(ctx context.Context) (Sample, error) { return b.custodockTo(ctx, testbench.VersityGW, src) }},
	}, nil, nil
}
