package testbench

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// answers reports whether the server lists its buckets within so long.
func answers(s *S3Server, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := s.Core().ListBuckets(ctx)
	return err
}

func TestNetns(t *testing.T) {
	n := Netns(t)
	s := S3(t, S3Options{Net: n, TLS: true})
	s.MakeBucket("bucket", false)
	n.Link(false)
	if err := answers(s, 200*time.Millisecond); err == nil {
		t.Error("an answer over a line that was pulled")
	}
	n.Link(true)
	if err := answers(s, Patience); err != nil {
		t.Error(err)
	}
	for way, other := range map[Way]Way{Into: Outof, Outof: Into} {
		before, spared := n.Lost(way), n.Lost(other)
		n.Lose(way, 100)
		s.transport.CloseIdleConnections()
		if err := answers(s, 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("all packets %s are lost: %v", way, err)
		}
		if lost := n.Lost(way); lost == before { // more are lost while we look: they are sent again
			t.Errorf("%s: %d packets were lost, %d before", way, lost, before)
		}
		if lost := n.Lost(other); lost != spared {
			t.Errorf("%s: %d packets were lost the other way, %d before", way, lost, spared)
		}
		n.Lose(way, 0)
		if err := answers(s, Patience); err != nil {
			t.Error(err)
		}
	}
}

func TestNetnsHeavyLoss(t *testing.T) {
	n := Netns(t)
	s := S3(t, S3Options{Net: n})
	s.MakeBucket("bucket", false)
	n.Lose(Into, 10)
	n.Lose(Outof, 10)
	b := noise(t, 256<<10)
	put(t, s.Core(), "bucket", "key", b, minio.PutObjectOptions{})
	if got, err := get(s.Core(), "bucket", "key", ""); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// Packets are as large as 64 KiB on such a line, so there are few.
	until(t, "packets are lost each way", func() bool {
		if err := answers(s, Patience); err != nil {
			t.Fatal(err)
		}
		return n.Lost(Into) > 0 && n.Lost(Outof) > 0
	})
}

func TestNetnsClientWithin(t *testing.T) {
	n := Netns(t)
	s := S3(t, S3Options{Host: n.Outside})
	r := n.Within(Cmd{Bin: "bash", Args: []string{"-c", "exec 3<>/dev/tcp/" + strings.Replace(s.addr(), ":", "/", 1) + " && echo connected"}}).Start(t).Wait()
	if r.Code != 0 || r.Stdout != "connected\n" {
		t.Errorf("%+v", r)
	}
	routes := tool(t, "ip", "-n", n.Name, "route")
	if strings.Contains(routes, "default") || strings.Count(routes, "\n") > 0 {
		t.Errorf("more than its line is to be reached from within:\n%s", routes)
	}
}

// TestNetnsHasOurMounts: what runs within keeps no copy of a disk's mount.
func TestNetnsHasOurMounts(t *testing.T) {
	d := LoopDisk(t, 8)
	n := Netns(t)
	p := n.Within(Cmd{Bin: "bash", Args: []string{"-c", "echo up; exec sleep 60"}}).Start(t)
	p.AwaitOutput(func(stdout, _ string) bool { return stdout == "up\n" })
	d.Unmount()
	d.mount()
}

func TestNetnsGoes(t *testing.T) {
	var name, outer string
	t.Run("", func(t *testing.T) {
		n := Netns(t)
		name, outer = n.Name, n.outer
	})
	if name == "" {
		t.Fatal("no namespace was made")
	}
	if _, err := net.InterfaceByName(outer); err == nil {
		t.Error("the line was left")
	}
	out, err := exec.CommandContext(t.Context(), "ip", "netns", "list").CombinedOutput()
	if err != nil || strings.Contains(string(out), name) {
		t.Errorf("%s, %v", out, err)
	}
}
