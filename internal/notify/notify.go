// Package notify tells systemd how a service is, by the protocol of
// sd_notify(3). Without systemd every call succeeds and does nothing.
package notify

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Send passes lines such as READY=1 to the manager named in NOTIFY_SOCKET.
func Send(env func(string) string, state string) error {
	name := env("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:] // the abstract namespace of unix(7)
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// interval is how often the manager wants a sign of life at least, 0 when it
// wants none (sd_watchdog_enabled(3)).
func interval(env func(string) string) time.Duration {
	if pid := env("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	usec, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

// Watchdog gives a sign of life twice an interval for as long as alive answers
// well within it, until ctx ends. A program that lives and no longer works
// gives none: that silence is the message, and the manager starts it again.
func Watchdog(ctx context.Context, env func(string) string, alive func(context.Context) error) {
	every := interval(env)
	if every == 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked, cancel := context.WithTimeout(ctx, every/2)
		if alive(asked) == nil {
			_ = Send(env, "WATCHDOG=1")
		}
		cancel()
	}
}
