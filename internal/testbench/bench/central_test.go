package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// pairs is how often each side runs.
const pairs = 5

// BenchmarkCentral measures an ingest to a bucket of a server on this machine,
// from the first byte read to the last clip stored and published, against
// rclone (tools/need.sh servers peers), in pairs. Once is enough:
//
//	go test -run '^$' -bench Central -benchtime 1x ./internal/testbench/bench
func BenchmarkCentral(b *testing.B) {
	rclone := filepath.Join(root(b), "bin", "servers", "rclone")
	if _, err := os.Stat(rclone); err != nil {
		b.Fatal("no rclone in bin/servers: run tools/need.sh peers")
	}
	bin := testbench.Build(b)
	for _, kind := range []string{testbench.VersityGW, testbench.MinIO} {
		b.Run(kind, func(b *testing.B) {
			src := filepath.Join(b.TempDir(), "source")
			r := Report{Mode: "large to " + kind, Peer: "rclone", Files: 8, Size: 128 << 20}
			if _, err := testbench.MakeClips(src, r.Files, r.Size, 1); err != nil {
				b.Fatal(err)
			}
			for i := range pairs {
				r.Rounds = append(r.Rounds, pair(b, kind, bin, rclone, src, r.Files, i%2 == 1))
			}
			r.print(os.Stdout)
			b.ReportMetric(r.ratio().median, "ratio")
		})
	}
}

func root(b *testing.B) string {
	b.Helper()
	dir, err := testbench.Root()
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

// pair runs both sides against a server of their own each, the other one first
// when turned.
func pair(b *testing.B, kind, bin, rclone, src string, files int, turned bool) Round {
	b.Helper()
	var round Round
	sides := []func(){
		func() { round.A = ours(b, kind, bin, src, files) },
		func() { round.B = theirs(b, kind, rclone, src) },
	}
	if turned {
		sides[0], sides[1] = sides[1], sides[0]
	}
	for _, side := range sides {
		side()
	}
	b.Logf("custodock %.2f s, rclone %.2f s", round.A.Seconds, round.B.Seconds)
	return round
}

// served is a fresh server with one bucket, on a disk at rest.
func served(b *testing.B, kind string) *testbench.S3Server {
	b.Helper()
	s := testbench.S3(b, testbench.S3Options{Kind: kind})
	s.MakeBucket("evidence", true)
	return s
}

func ours(b *testing.B, kind, bin, src string, files int) Sample {
	b.Helper()
	s := served(b, kind)
	defer s.Stop()
	state := b.TempDir()
	cmd := exec.Command(bin, "--state", state, "--store", s.URL("evidence", "dock")+"&lock=governance&days=1", "ingest", "--json", src)
	cmd.Env = append(os.Environ(), s.Env()...)
	sample, out, err := timed(cmd)
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Summary struct{ Stored int }
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.Summary.Stored != files {
		b.Fatalf("stored %d of %d: %v", last.Summary.Stored, files, err)
	}
	return sample
}

func theirs(b *testing.B, kind, rclone, src string) Sample {
	b.Helper()
	s := served(b, kind)
	defer s.Stop()
	conf := filepath.Join(b.TempDir(), "rclone.conf")
	text := fmt.Sprintf("[s3]\ntype = s3\nprovider = Other\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\nregion = us-east-1\n",
		s.AccessKey, s.SecretKey, s.Endpoint())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	sample, _, err := timed(exec.Command(rclone, "--config", conf, "copy", "--transfers", "4", "--s3-upload-concurrency", "4",
		"--s3-chunk-size", "16M", src, "s3:evidence/dock"))
	if err != nil {
		b.Fatal(err)
	}
	return sample
}
