package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// Daemon is a custodock that runs until its stand is closed.
type Daemon struct {
	*testbench.Process
	client *console.Client
}

// daemon starts one on a fresh state, with this text as its configuration, and returns when
// cameras may be docked. More arguments stand before the command.
func (b *Bench) daemon(s *Stand, conf string, env []string, args ...string) *Daemon {
	return b.daemonIn(s, filepath.Join(s.TempDir(), "state"), conf, env, args...)
}

// daemonIn is daemon on a state that may be there already.
func (b *Bench) daemonIn(s *Stand, state, conf string, env []string, args ...string) *Daemon {
	file := filepath.Join(s.TempDir(), "custodock.yaml")
	text := "board: \"\"\nmounter: \"\"\nunknown: take\n" + conf
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	args = append([]string{"--state", state, "--config", file}, args...)
	d := &Daemon{Process: testbench.Cmd{Bin: b.Bin, Args: append(args, "run", "--json"), Env: env}.Start(s)}
	d.Await(`"ready"`)
	client, err := console.Dial(console.Places{State: state})
	if err != nil {
		s.Fatal(err)
	}
	d.client = client
	return d
}

// lookEvery is how often a daemon is asked for what it shows: often enough for
// seconds, and rarely enough to cost it nothing.
const lookEvery = 100 * time.Millisecond

// await asks until its status is what is wanted, and gives that.
func (d *Daemon) await(ctx context.Context, wanted func(ingest.Status) (bool, error)) (ingest.Status, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		st, err := d.client.Status(ctx)
		if err != nil {
			return st, err
		}
		if ok, err := wanted(st); ok || err != nil {
			return st, err
		}
		select {
		case <-tick.C:
		case <-d.Done():
			_, stderr := d.Output()
			return st, fmt.Errorf("custodock run ended: %s", stderr)
		case <-ctx.Done():
			return st, ctx.Err()
		}
	}
}

// end stops it as its service manager does.
func (d *Daemon) end() (testbench.Result, error) {
	d.Signal(syscall.SIGTERM)
	r := d.Wait()
	if r.Code != 0 {
		return r, fmt.Errorf("custodock run ended with %d: %s", r.Code, r.Stderr)
	}
	return r, nil
}

// mayAllGo is whether so many bays with so many clips each say that their camera
// may be taken; a bay that stopped for another reason is an error.
func mayAllGo(bays, clips int) func(ingest.Status) (bool, error) {
	return func(st ingest.Status) (bool, error) {
		free := 0
		for _, b := range st.Bays {
			switch {
			case b.State == ingest.BayDone && b.MayTake && b.Done == clips:
				free++
			case b.State == ingest.BayScanning, b.State == ingest.BayCopying:
			default:
				return false, fmt.Errorf("bay %s is %q with %d of %d clips: %w", b.Path, b.State, b.Done, clips, errors.New(b.Reason))
			}
		}
		return free == bays, nil
	}
}
