package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/longlog"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// The sides of rows 6 and 9 about a long log, and the figures in them, in
// milliseconds.
const (
	appends   = "append"
	publishes = "publish"
	proves    = "prove"
	starts    = "daemon"
	checks    = "verify --all"

	longAppend  = "append to the long log"
	emptyAppend = "append to an empty log"
	mostProofs  = "19 of 20 proofs"
	slowProof   = "slowest proof"
	entryRate   = "entries/s"
)

// longLog is row 9 and the last part of row 6.
func longLog() Row {
	extra := func(side, what string) func(Round) float64 {
		return func(r Round) float64 { return r[side].Extra[what] }
	}
	bars := []Bar{
		{Name: "9: append p50 / an empty log's", Of: func(r Round) float64 {
			return r[appends].Extra[longAppend] / r[appends].Extra[emptyAppend]
		}, Most: 2},
		{Name: "9: 19 of 20 proofs, ms", Of: extra(proves, mostProofs), Most: 5},
		{Name: "9: log prove, the whole process, ms", Of: func(r Round) float64 { return 1000 * r[proves].Seconds }},
		{Name: "9: start of the daemon, s", Of: func(r Round) float64 { return r[starts].Seconds }, Most: 1},
		{Name: "9: full check, entries/s", Of: extra(checks, entryRate), Least: 200_000},
	}
	for _, side := range []string{starts, appends, proves, publishes, checks} {
		bars = append(bars, Bar{Name: "6: peak MiB, " + side, Of: peakOf(side), Most: mostMemory})
	}
	return Row{ID: "6 9", Title: "a log of 1,000,000 entries", Rounds: 3, Make: makeLongLog, Bars: bars}
}

// longState is a dock whose log is long.
type longState struct {
	b            *Bench
	state, key   string
	empty, other string // a state without entries, and its key
	first        int64  // peak of the first publishing
}

func makeLongLog(b *Bench) (Sides, func(), error) {
	dir, done, err := b.Scratch()
	if err != nil {
		return nil, nil, err
	}
	l := &longState{b: b, state: filepath.Join(dir, "state"), empty: filepath.Join(dir, "empty")}
	if err := l.fill(); err != nil {
		return nil, done, err
	}
	return Sides{
		{appends, l.appendBoth}, {publishes, l.publish}, {proves, l.prove}, {starts, l.daemon}, {checks, l.check},
	}, done, nil
}

// fill makes both states and publishes the long log for the first time.
func (l *longState) fill() error {
	for state, key := range map[string]*string{l.state: &l.key, l.empty: &l.other} {
		out, err := l.b.command("--state", state, "init")
		if err != nil {
			return err
		}
		*key = strings.TrimSpace(string(out))
	}
	start := time.Now()
	err := l.with(l.state, l.key, func(log *longlog.Log) error {
		return log.Lengthen(l.b.ctx, int(l.b.Scaled(1_000_000)))
	})
	if err != nil {
		return err
	}
	l.b.Note("made the log in %.0f s", time.Since(start).Seconds())
	if err := longlog.Objects(filepath.Join(l.state, "central")); err != nil {
		return err
	}
	s, err := l.run(l.b.ctx, "log", "checkpoint")
	l.first = s.Peak
	l.b.Note("published it in %.0f s", s.Seconds)
	return err
}

// with opens the log of a state that no program has open.
func (l *longState) with(state, key string, do func(*longlog.Log) error) error {
	log, err := longlog.Open(state, key)
	if err != nil {
		return err
	}
	if err := do(log); err != nil {
		_ = log.Close()
		return err
	}
	return log.Close()
}

// run runs a command on the long log to its end.
func (l *longState) run(ctx context.Context, args ...string) (Sample, error) {
	s, _, err := Timed(ctx, exec.Command(l.b.Bin, append([]string{"--state", l.state}, args...)...), nil)
	return s, err
}

// appendBoth commits single entries to both logs in turn, and takes the memory
// of a process that takes in a clip.
func (l *longState) appendBoth(ctx context.Context) (Sample, error) {
	const times = 200
	var long, empty []float64
	err := l.with(l.state, l.key, func(a *longlog.Log) error {
		return l.with(l.empty, l.other, func(b *longlog.Log) error {
			for range times {
				for log, all := range map[*longlog.Log]*[]float64{a: &long, b: &empty} {
					took, err := appendOne(ctx, log)
					if err != nil {
						return err
					}
					*all = append(*all, took)
				}
			}
			return nil
		})
	})
	if err != nil {
		return Sample{}, err
	}
	dir, done, err := l.b.Scratch()
	if err != nil {
		return Sample{}, err
	}
	defer done()
	if _, err := testbench.MakeClips(dir, 1, 1<<20, uint64(time.Now().UnixNano())); err != nil {
		return Sample{}, err
	}
	s, err := l.run(ctx, "ingest", dir)
	s.Extra = map[string]float64{longAppend: spreadOf(long).Median, emptyAppend: spreadOf(empty).Median}
	return s, err
}

// appendOne commits one entry and gives the milliseconds until it was durable.
func appendOne(ctx context.Context, l *longlog.Log) (float64, error) {
	start := time.Now()
	err := l.Commit(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(manifest.Draft{Type: "test.appended", Actor: "dock"})
		return err
	})
	return float64(time.Since(start)) / float64(time.Millisecond), err
}

// publish is the memory of publishing what came since the last time, or of the
// first time where that took more.
func (l *longState) publish(ctx context.Context) (Sample, error) {
	err := l.with(l.state, l.key, func(log *longlog.Log) error { return log.Lengthen(ctx, 1000) })
	if err != nil {
		return Sample{}, err
	}
	s, err := l.run(ctx, "log", "checkpoint")
	s.Peak = max(s.Peak, l.first)
	return s, err
}

// prove takes the time of proofs all over the log within a process that has just
// opened it, so that most pages of a proof are new to it, and of a process that
// gives one.
func (l *longState) prove(ctx context.Context) (Sample, error) {
	const proofs = 100
	var all []float64
	err := l.with(l.state, l.key, func(log *longlog.Log) error {
		size, _ := log.Sealed()
		for i := range int64(proofs) {
			start := time.Now()
			if _, err := log.Prove(i * (size - 1) / (proofs - 1)); err != nil {
				return err
			}
			all = append(all, float64(time.Since(start))/float64(time.Millisecond))
		}
		return nil
	})
	if err != nil {
		return Sample{}, err
	}
	s, err := l.run(ctx, "log", "prove", strconv.FormatInt(l.b.Scaled(1_000_000)/3, 10))
	slices.Sort(all)
	s.Extra = map[string]float64{mostProofs: all[proofs*19/20], slowProof: all[proofs-1]}
	return s, err
}

// daemon takes the time from its start to ready, and its memory while it is
// asked for a proof.
func (l *longState) daemon(ctx context.Context) (Sample, error) {
	return l.b.On(ctx, func(s *Stand) (Sample, error) {
		start := time.Now()
		d := l.b.daemonIn(s, l.state, "", nil)
		sample := Sample{Seconds: time.Since(start).Seconds()}
		if _, err := d.client.Prove(s.Context(), "0"); err != nil {
			return sample, err
		}
		r, err := d.end()
		sample.CPU, sample.Peak = r.CPU.Seconds(), r.Peak
		return sample, err
	})
}

// check proves the whole store; of objects there are few and small ones.
func (l *longState) check(ctx context.Context) (Sample, error) {
	var size int64
	err := l.with(l.state, l.key, func(log *longlog.Log) error {
		size = log.Size()
		return nil
	})
	if err != nil {
		return Sample{}, err
	}
	s, err := l.run(ctx, "verify", "--all", "--json")
	s.Extra = map[string]float64{entryRate: float64(size) / s.Seconds}
	if err != nil {
		return s, fmt.Errorf("check a log of %d entries: %w", size, err)
	}
	return s, nil
}
