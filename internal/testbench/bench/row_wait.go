package main

import (
	"context"
	"os/exec"
	"syscall"
	"time"

	"github.com/custodock/custodock/ingest"
)

// What the cameras of the officer's wait are.
const (
	waitCameras = 16
	waitClips   = 2
	cameraRate  = 15_000_000 // bytes a second
)

// readers is the side that only reads.
const readers = "cat"

// waiting is row 7: how long officers stand before the dock.
func waiting() Row {
	return Row{
		ID: "7", Title: "16 cameras of 15 MB/s with 2 × 96 MiB each: until every bay says that they may go", Rounds: 3, Make: makeWaiting,
		Bars: []Bar{
			{Name: "time / what the cameras need", Of: wall(ours, readers), Most: 1.05},
			{Name: "time / bytes at 15 MB/s", Of: func(r Round) float64 { return r[ours].Seconds / r[ours].Extra[needed] }},
		},
	}
}

// What is told beside the time.
const (
	needed   = "bytes / rate, s" // how long the bytes of one camera take at its rate
	lastByte = "all read, s"     // when the last byte of the last camera was read
)

func needs(cards []*Source) float64 { return float64(cards[0].Bytes) / cameraRate }

// allRead is whether every byte of every camera was read.
func allRead(st ingest.Status, cards []*Source) bool {
	var bytes, want int64
	for _, b := range st.Bays {
		bytes += b.Bytes
	}
	for _, c := range cards {
		want += c.Bytes
	}
	return bytes >= want
}

func makeWaiting(b *Bench) (Sides, func(), error) {
	cards, err := b.cards(waitCameras, waitClips, b.Scaled(96)<<20, b.source)
	if err != nil {
		return nil, nil, err
	}
	return Sides{
		{ours, func(ctx context.Context) (Sample, error) {
			return b.On(ctx, func(s *Stand) (Sample, error) { return b.officersWait(s, cards) })
		}},
		{readers, func(ctx context.Context) (Sample, error) {
			return b.On(ctx, func(s *Stand) (Sample, error) {
				start := time.Now()
				mounts := plug(s, cards, cameraRate)
				plugged := time.Since(start)
				script := `for d; do cat "$d"/* >/dev/null & done; wait`
				sample, _, err := Timed(ctx, exec.Command("sh", append([]string{"-ec", script, "sh"}, mounts...)...), nil)
				sample.Seconds += plugged.Seconds()
				sample.Peak, sample.Extra = 0, map[string]float64{needed: needs(cards)}
				return sample, err
			})
		}},
	}, nil, nil
}

// officersWait plugs cameras into a dock that runs and waits for the bays.
func (b *Bench) officersWait(s *Stand, cards []*Source) (Sample, error) {
	for _, c := range cards {
		if err := c.ready(); err != nil {
			return Sample{}, err
		}
	}
	d := b.daemon(s, "policy: dock\n"+roots(s), nil)
	syscall.Sync()
	start := time.Now()
	plug(s, cards, cameraRate)
	var read time.Duration
	_, err := d.await(s.Context(), func(st ingest.Status) (bool, error) {
		if read == 0 && allRead(st, cards) {
			read = time.Since(start)
		}
		return mayAllGo(len(cards), waitClips)(st)
	})
	sample := Sample{Seconds: time.Since(start).Seconds(), Extra: map[string]float64{needed: needs(cards), lastByte: read.Seconds()}}
	if err != nil {
		return sample, err
	}
	r, err := d.end()
	sample.CPU, sample.Peak = r.CPU.Seconds(), r.Peak
	return sample, err
}
