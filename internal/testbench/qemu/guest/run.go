//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

func (a *agent) run(r wire.Request) (int, error) {
	if len(r.Args) == 0 {
		return 0, errors.New("nothing to run")
	}
	cmd := exec.Command(r.Args[0], r.Args[1:]...)
	cmd.Stdout = stream(func(b []byte) { a.send(wire.Reply{ID: r.ID, Stdout: b}) })
	cmd.Stderr = stream(func(b []byte) { a.send(wire.Reply{ID: r.ID, Stderr: b}) })
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if r.Number != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(r.Number), Gid: uint32(r.Number)}
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	a.mu.Lock()
	a.pids[r.ID] = cmd.Process.Pid
	a.mu.Unlock()
	err := cmd.Wait()
	a.mu.Lock()
	delete(a.pids, r.ID)
	a.mu.Unlock()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = nil
	}
	return cmd.ProcessState.ExitCode(), err
}

// stream is a writer that hands each write on.
type stream func([]byte)

func (s stream) Write(b []byte) (int, error) { s(b); return len(b), nil }

// signal reaches a process and its children.
func (a *agent) signal(r wire.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	pid := a.pids[r.To]
	if pid == 0 {
		return fmt.Errorf("request %d runs nothing", r.To)
	}
	return unix.Kill(-pid, syscall.Signal(r.Number))
}

func write(r wire.Request) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if r.Append {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(r.Path, flags, 0o755)
	if err != nil {
		return err
	}
	_, err = f.Write(r.Data)
	return errors.Join(err, f.Close())
}

// ask sends one HTTP request to a unix socket.
func (a *agent) ask(r wire.Request) (int, error) {
	if len(r.Args) != 2 {
		return 0, errors.New("ask needs a method and a path")
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", r.Path)
		},
		DisableKeepAlives: true,
	}
	req, err := http.NewRequestWithContext(context.Background(), r.Args[0], "http://dock"+r.Args[1], bytes.NewReader(r.Data))
	if err != nil {
		return 0, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(stream(func(b []byte) { a.send(wire.Reply{ID: r.ID, Stdout: b}) }), resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// uevents tells what the kernel says of devices until the machine ends. The
// first line is empty: from there on nothing is missed.
func (a *agent) uevents(r wire.Request) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return err
	}
	a.send(wire.Reply{ID: r.ID, Stdout: []byte("\n")})
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		what, _, _ := strings.Cut(string(buf[:n]), "\x00")
		a.send(wire.Reply{ID: r.ID, Stdout: []byte(what + "\n")})
	}
}
