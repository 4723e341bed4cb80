package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// measure runs all rounds of a row. The first of a round may find a busier
// disk, so each side is first in its turn.
func (b *Bench) measure(r Row) (Report, error) {
	_, _ = fmt.Fprintf(b.out, "\nrow %s: %s\n", r.ID, r.Title)
	b.notes = nil
	sides, undo, err := r.Make(b)
	if undo != nil {
		defer undo()
	}
	if err != nil {
		return Report{}, err
	}
	rounds := r.Rounds
	if b.rounds > 0 {
		rounds = b.rounds
	}
	var all []Round
	for i := range rounds {
		round := Round{}
		for j := range sides {
			side := sides[(i+j)%len(sides)]
			if err := b.ctx.Err(); err != nil {
				return Report{}, err
			}
			s, err := side.Run(b.ctx)
			if err != nil {
				return Report{}, fmt.Errorf("%s, round %d: %w", side.Name, i+1, err)
			}
			_, _ = fmt.Fprintf(b.out, "round %d: %s %.2f s, %.2f s of CPU, %s\n", i+1, side.Name, s.Seconds, s.CPU, sized(s.Peak))
			round[side.Name] = s
		}
		all = append(all, round)
	}
	return newReport(r, sides, all, b.notes), nil
}

// Timed runs a command on a disk at rest, with the source in the page cache
// unless it is a cold one, and gives what it printed. An end of ctx kills it with
// its children.
func Timed(ctx context.Context, cmd *exec.Cmd, src *Source) (Sample, []byte, error) {
	if src != nil {
		if err := src.ready(); err != nil {
			return Sample{}, nil, err
		}
	}
	syscall.Sync()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Sample{}, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	rss := testbench.SampleRSS(cmd.Process.Pid)
	err := cmd.Wait()
	s := Sample{Seconds: time.Since(start).Seconds(), Peak: rss.Stop()}
	stop()
	s.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if ctx.Err() != nil {
		return s, nil, ctx.Err()
	}
	if err != nil {
		return s, nil, fmt.Errorf("%v: %w: %s", cmd.Args, err, stderr.Bytes())
	}
	return s, stdout.Bytes(), nil
}
