package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/internal/testbench"
)

// What everyone uploads to: a bucket with object lock, below a prefix.
const (
	bucket = "evidence"
	prefix = "dock"
)

// serverCPU is what the server used, which no side's own CPU counts.
const serverCPU = "server CPU s"

// fresh is a server of its own for one run, with an empty bucket.
func fresh(s *Stand, kind string) *testbench.S3Server {
	server := testbench.S3(s, testbench.S3Options{Kind: kind})
	server.MakeBucket(bucket, true)
	return server
}

// uploading runs a command that brings a source to a fresh server, and checks
// that each file of it is one object below the folder within.
func (b *Bench) uploading(ctx context.Context, kind string, src *Source, within string, command func(*Stand, *testbench.S3Server) *exec.Cmd) (Sample, error) {
	return b.On(ctx, func(s *Stand) (Sample, error) {
		server := fresh(s, kind)
		cmd := command(s, server)
		before := server.CPU()
		sample, _, err := Timed(ctx, cmd, src)
		if err != nil {
			return sample, err
		}
		sample.Extra = map[string]float64{serverCPU: (server.CPU() - before).Seconds()}
		return sample, src.uploaded(server, within)
	})
}

// uploaded is an error unless as many objects and bytes are in the bucket. What was
// sent twice is a second version, which is the peer's own affair.
func (s *Source) uploaded(server *testbench.S3Server, within string) error {
	sizes, total := map[string]int64{}, int64(0)
	for _, v := range server.Versions(bucket, within) {
		sizes[v.Key] = v.Size
	}
	for _, size := range sizes {
		total += size
	}
	if len(sizes) != len(s.Files) || total != s.Bytes {
		return fmt.Errorf("the bucket has %d objects and %d bytes, want %d and %d", len(sizes), total, len(s.Files), s.Bytes)
	}
	return nil
}

// custodockTo takes a source into a fresh state and to a fresh server, with what
// a bucket for evidence has: a lock, and each object confirmed.
func (b *Bench) custodockTo(ctx context.Context, kind string, src *Source) (Sample, error) {
	return b.On(ctx, func(s *Stand) (Sample, error) {
		server := fresh(s, kind)
		before := server.CPU()
		sample, err := b.custodock(ctx, src, []string{"--store", lockedStore(server)}, server.Env())
		if err != nil {
			return sample, err
		}
		sample.Extra = map[string]float64{serverCPU: (server.CPU() - before).Seconds()}
		return sample, src.uploaded(server, prefix+"/object/")
	})
}

// lockedStore is the bucket as --store takes it.
func lockedStore(server *testbench.S3Server) string {
	return server.URL(bucket, prefix) + "&lock=governance&days=1"
}

// rcloneTo uploads with rclone and these flags.
func (b *Bench) rcloneTo(ctx context.Context, kind string, src *Source, flags []string) (Sample, error) {
	rclone, err := b.Program("rclone")
	if err != nil {
		return Sample{}, err
	}
	return b.uploading(ctx, kind, src, prefix+"/", func(s *Stand, server *testbench.S3Server) *exec.Cmd {
		conf := filepath.Join(s.TempDir(), "rclone.conf")
		text := fmt.Sprintf("[s3]\ntype = s3\nprovider = Other\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\nregion = us-east-1\n",
			server.AccessKey, server.SecretKey, server.Endpoint())
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		args := append([]string{"--config", conf, "copy"}, flags...)
		return exec.Command(rclone, append(args, src.Dir, "s3:"+bucket+"/"+prefix)...)
	})
}

// mcTo uploads with MinIO's client.
func (b *Bench) mcTo(ctx context.Context, kind string, src *Source, flags []string) (Sample, error) {
	mc, err := b.Program("mc")
	if err != nil {
		return Sample{}, err
	}
	return b.uploading(ctx, kind, src, prefix+"/", func(s *Stand, server *testbench.S3Server) *exec.Cmd {
		args := append([]string{"--config-dir", s.TempDir(), "--quiet", "cp", "-r"}, flags...)
		cmd := exec.Command(mc, append(args, src.Dir+"/", "bench/"+bucket+"/"+prefix+"/")...)
		host := strings.Replace(server.Endpoint(), "//", "//"+server.AccessKey+":"+server.SecretKey+"@", 1)
		cmd.Env = append(os.Environ(), "MC_HOST_bench="+host)
		return cmd
	})
}

// uploadOnly is the peer that uploads, with these flags.
func (b *Bench) uploadOnly(ctx context.Context, kind string, src *Source, flags []string) (Sample, error) {
	return b.uploading(ctx, kind, src, prefix+"/", func(_ *Stand, server *testbench.S3Server) *exec.Cmd {
		args := append([]string{"peer", "upload"}, flags...)
		cmd := exec.Command(b.self, append(args, server.Endpoint(), bucket, prefix, src.Dir)...)
		cmd.Env = append(os.Environ(), server.Env()...)
		return cmd
	})
}

// withoutLog is the peer that does all that evidence wants but a log, with these flags.
func (b *Bench) withoutLog(ctx context.Context, kind string, src *Source, flags []string) (Sample, error) {
	return b.uploading(ctx, kind, src, prefix+"/", func(s *Stand, server *testbench.S3Server) *exec.Cmd {
		args := append([]string{"peer", "evidence"}, flags...)
		cmd := exec.Command(b.self, append(args, server.Endpoint(), bucket, prefix, src.Dir, filepath.Join(s.TempDir(), "spool"))...)
		cmd.Env = append(os.Environ(), server.Env()...)
		return cmd
	})
}
