package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// The line of row 10.
const (
	uplinkRate   = 50_000_000 / 8 // bytes a second, each way
	uplinkDelay  = 20 * time.Millisecond
	uplinkFailed = 0.01
)

// What is told of a run over the line.
const (
	lineSent   = "line up, MB"
	bodyFailed = "failed bodies, MB"
	failures   = "failed requests"
	lineUse    = "throughput / limit"
	sentTwice  = "clip bytes sent / clip bytes"
)

// uplink is row 10.
func uplink() Row {
	return Row{
		ID: "10", Title: "4 × 40 MiB and 200 × 256 KiB to versitygw over 50 Mbit/s, 20 ms, 1 % of requests failing", Rounds: 3, Make: makeUplink,
		Bars: []Bar{
			{Name: lineUse, Of: func(r Round) float64 { return r[ours].Extra[lineUse] }, Least: 0.95},
			{Name: sentTwice, Of: func(r Round) float64 { return r[ours].Extra[sentTwice] }, Most: 1},
		},
	}
}

func makeUplink(b *Bench) (Sides, func(), error) {
	src, err := b.mixed()
	if err != nil {
		return nil, nil, err
	}
	var seed atomic.Uint64
	return Sides{{ours, func(ctx context.Context) (Sample, error) {
		return b.On(ctx, func(s *Stand) (Sample, error) { return b.overUplink(s, src, seed.Add(1)) })
	}}}, nil, nil
}

// mixed is one card with clips of parts and clips of one piece.
func (b *Bench) mixed() (*Source, error) {
	src := &Source{Dir: filepath.Join(b.Dir, "mixed")}
	if err := os.Mkdir(src.Dir, 0o700); err != nil {
		return nil, err
	}
	for i, c := range []struct {
		dir  string
		n    int
		size int64
	}{{"large", 4, b.Scaled(40) << 20}, {"small", int(b.Scaled(200)), 256 << 10}} {
		files, err := testbench.MakeClips(filepath.Join(src.Dir, c.dir), c.n, c.size, uint64(200+i))
		if err != nil {
			return nil, err
		}
		src.Files, src.Bytes = append(src.Files, files...), src.Bytes+int64(c.n)*c.size
	}
	return src, nil
}

// overUplink is one run. The faults fall on other requests with another seed.
func (b *Bench) overUplink(s *Stand, src *Source, seed uint64) (Sample, error) {
	server := fresh(s, testbench.VersityGW)
	line := testbench.Proxy(s, server.Endpoint())
	line.Seed(seed)
	line.Throttle(uplinkRate)
	// Half of what fails was refused, half was done and the reply lost; the
	// second is asked only where the first did not act.
	half := uplinkFailed / 2
	line.Inject(
		testbench.WireFault{Kind: testbench.Latency, Delay: uplinkDelay},
		testbench.WireFault{Kind: testbench.Refused, Chance: half},
		testbench.WireFault{Kind: testbench.LostReply, Chance: half / (1 - half)},
	)
	store := testbench.StoreURL(line.URL, bucket, prefix) + "&lock=governance&days=1"
	sample, err := b.custodock(s.Context(), src, []string{"--store", store}, server.Env())
	if err != nil {
		return sample, err
	}
	sample.Extra = told(line, src, sample.Seconds)
	if sample.Extra[failures] == 0 && b.scale >= 1 {
		return sample, errors.New("no request failed: the line was a better one than it should be")
	}
	return sample, src.uploaded(server, prefix+"/object/")
}

// told are the figures of a line after a run. What had to be sent are the clips,
// and what had been sent of the requests that failed.
func told(line *testbench.Relay, src *Source, seconds float64) map[string]float64 {
	good, bad, n := bodies(line.Carried())
	up, _ := line.Moved()
	const mb = 1e6
	return map[string]float64{
		lineSent: float64(up) / mb, bodyFailed: float64(bad) / mb, failures: float64(n),
		lineUse:   float64(src.Bytes+bad) / (seconds * uplinkRate),
		sentTwice: float64(good) / float64(src.Bytes),
	}
}

// bodies adds up what clips took on the line, and what of it was in vain because
// the line failed; n requests of any kind did.
func bodies(list []testbench.Carriage) (good, bad int64, n int) {
	objects := fmt.Sprintf("/%s/%s/object/", bucket, prefix)
	for _, c := range list {
		if c.Fault != "" {
			n++
		}
		switch {
		case c.Method != http.MethodPut || !strings.HasPrefix(c.URI, objects):
		case c.Fault != "":
			bad += c.Body
		default:
			good += c.Body
		}
	}
	return good, bad, n
}
