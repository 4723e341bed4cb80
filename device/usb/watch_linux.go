package usb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kernelGroup = 1       // udev sends its own copies to group 2
	queueSize   = 8 << 20 // bytes; some thousand events, more than 30 cameras make at once
)

// Watch calls fn with an event Started once the kernel's events can no longer be
// missed, then with each event of the kernel, until ctx ends or fn returns an
// error, which it returns. Events of every subsystem are told. While fn works
// they queue up; when the queue runs over, fn is told Lost.
//
// Only what the kernel itself sent is taken: sender 0, group 1
// (NETLINK_KOBJECT_UEVENT). The socket needs the address family AF_NETLINK and
// no privilege. An event may come before the node in /dev is there.
func Watch(ctx context.Context, fn func(Event) error) error {
	return watch(ctx, queueSize, fn)
}

func watch(ctx context.Context, queue int, fn func(Event) error) error {
	socket, err := listen(queue)
	if err != nil {
		return fmt.Errorf("watch USB: listen to the kernel's events: %w: allow AF_NETLINK to this program", err)
	}
	defer func() { _ = socket.Close() }()
	// A deadline in the past ends a read that waits; closing would race with it.
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch USB: %w", err)
	}
	if err := fn(Event{Action: Started}); err != nil {
		return err
	}
	buf := make([]byte, maxEvent)
	for ctx.Err() == nil {
		e, ok, err := receive(raw, buf)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("watch USB: read the kernel's events: %w", err)
		}
		if !ok {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// listen opens a socket that the runtime's poller waits for, so that an idle
// watch costs nothing.
func listen(queue int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, err
	}
	// Beyond the system's limit only with CAP_NET_ADMIN; else as much as it gives.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queue) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, queue)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "uevent"), nil
}

// reader is the part of syscall.RawConn that is needed.
type reader interface {
	Read(func(fd uintptr) bool) error
}

// receive waits for one datagram; ok is false for one that is not taken.
func receive(raw reader, buf []byte) (e Event, ok bool, err error) {
	var n, flags int
	var from unix.Sockaddr
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, flags, from, failed = take(int(fd), buf)
		if errors.Is(failed, unix.ENOBUFS) {
			drain(int(fd), buf)
		}
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case err != nil:
		return Event{}, false, err
	case errors.Is(failed, unix.ENOBUFS):
		return Event{Action: Lost}, true, nil
	case failed != nil:
		return Event{}, false, failed
	case !fromKernel(from):
		return Event{}, false, nil
	case flags&unix.MSG_TRUNC != 0:
		return Event{Action: Lost}, true, nil // the kernel's, and not understood
	}
	e, err = parseEvent(buf[:n])
	if err != nil {
		return Event{Action: Lost}, true, nil
	}
	return e, true, nil
}

func take(fd int, buf []byte) (n, flags int, from unix.Sockaddr, err error) {
	for {
		n, _, flags, from, err = unix.Recvmsg(fd, buf, nil, 0)
		if !errors.Is(err, unix.EINTR) {
			return n, flags, from, err
		}
	}
}

// drain empties the queue after it ran over. Until it is empty the kernel drops
// every further event without a second error, so one that comes after the caller
// has been told would be missed. What is drained is older than the scan to come.
func drain(fd int, buf []byte) {
	for {
		_, _, _, err := take(fd, buf)
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
	}
}

// fromKernel refuses what another program sent to the group, and what udev sends
// to its own.
func fromKernel(from unix.Sockaddr) bool {
	sender, ok := from.(*unix.SockaddrNetlink)
	return ok && sender.Pid == 0 && sender.Groups == kernelGroup
}
