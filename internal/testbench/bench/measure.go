package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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

// Timed runs a command on a disk at rest and, with a source, on memory that was in
// use a moment before; the source is in the page cache unless it is a cold one. It
// gives what the command printed. An end of ctx kills that with its children.
func Timed(ctx context.Context, cmd *exec.Cmd, src *Source) (Sample, []byte, error) {
	if src != nil {
		if err := src.ready(); err != nil {
			return Sample{}, nil, err
		}
		if err := warm(3 * src.Bytes); err != nil { // spool, parts at a server, and what it makes of them
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

// warm uses so many bytes of the memory that is free, and frees them again. The
// host of a virtual machine takes back what is free for long, and a page that it
// must give anew costs more than the work that is done in it: whoever ran first
// would pay for all.
func warm(bytes int64) error {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return err
	}
	bytes = min(bytes, int64(s.Freeram)*int64(s.Unit)/4*3)
	if bytes <= 0 {
		return nil
	}
	used, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("use %d bytes of memory: %w", bytes, err)
	}
	return unix.Munmap(used)
}
