package notify

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	abstract := "custodock-test-" + strconv.Itoa(os.Getpid())
	for name, c := range map[string]*net.UnixConn{path: manager(t, path), "@" + abstract: manager(t, "\x00"+abstract)} {
		env := func(string) string { return name }
		if err := Send(env, "READY=1"); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := read(t, c); got != "READY=1" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := Send(func(string) string { return "" }, "READY=1"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := Send(func(string) string { return path + "x" }, "READY=1"); err == nil {
		t.Error("a manager that is away gave no error")
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"30000000", "", 30 * time.Second}, {"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second},
		{"30000000", "1", 0}, {"x", "", 0}, {"-5", "", 0}, {"0", "", 0}, {"9223372036854775807", "", 0},
	} {
		env := func(k string) string {
			return map[string]string{"WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}[k]
		}
		if got := interval(env); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestWatchdogFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := func(k string) string { return map[string]string{"WATCHDOG_USEC": "10000000"}[k] }
		ctx, cancel := context.WithTimeout(t.Context(), 26*time.Second)
		defer cancel()
		asked := 0
		Watchdog(ctx, env, func(ctx context.Context) error {
			asked++
			if limit, ok := ctx.Deadline(); !ok || time.Until(limit) > 5*time.Second {
				t.Errorf("asked with %v left", time.Until(limit))
			}
			return errors.New("stuck")
		})
		if asked != 5 {
			t.Errorf("asked %d times in 26 s, want 5", asked)
		}
	})
}

func TestWatchdogGivesSigns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c := manager(t, path)
	env := func(k string) string { return map[string]string{"WATCHDOG_USEC": "2000", "NOTIFY_SOCKET": path}[k] }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watchdog(ctx, env, func(context.Context) error { return nil })
	}()
	if got := read(t, c); got != "WATCHDOG=1" {
		t.Errorf("%q", got)
	}
	cancel()
	<-ended
}
