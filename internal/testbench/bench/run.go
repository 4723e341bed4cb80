package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// Sample is one measured run.
type Sample struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"` // user and system, children too
	Peak    int64   `json:"peak_rss_anon,omitempty"`
}

// ingest measures custodock on a fresh state, and checks that it did the work.
func ingest(bin, tmp, src string, files int) (Sample, error) {
	state := filepath.Join(tmp, "state")
	defer func() { _ = os.RemoveAll(state) }()
	s, out, err := timed(exec.Command(bin, "--state", state, "ingest", "--json", src))
	if err != nil {
		return s, err
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Summary struct{ Files, Stored int }
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return s, fmt.Errorf("last line of ingest --json: %w", err)
	}
	if last.Summary.Files != files || last.Summary.Stored != files {
		return s, fmt.Errorf("ingest stored %d of %d files, want %d", last.Summary.Stored, last.Summary.Files, files)
	}
	return s, nil
}

// byHand measures the plain tools.
func byHand(mode, tmp, src string) (Sample, error) {
	dst := filepath.Join(tmp, "copy")
	defer func() { _ = os.RemoveAll(dst) }()
	script := `cp -r "$1" "$2" && sync -f "$2"`
	if mode == "large" {
		script = `openssl dgst -sha256 "$1"/* >/dev/null && ` + script
	}
	s, _, err := timed(exec.Command("sh", "-c", script, "sh", src, dst))
	s.Peak = 0 // of the shell alone
	return s, err
}

// timed runs a command on a disk at rest.
func timed(cmd *exec.Cmd) (Sample, []byte, error) {
	syscall.Sync()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Sample{}, nil, err
	}
	rss := testbench.SampleRSS(cmd.Process.Pid)
	err := cmd.Wait()
	s := Sample{Seconds: time.Since(start).Seconds(), Peak: rss.Stop()}
	s.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if err != nil {
		return s, nil, fmt.Errorf("%v: %w: %s", cmd.Args, err, stderr.Bytes())
	}
	return s, stdout.Bytes(), nil
}
