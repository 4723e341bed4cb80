package usb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const loop = "/sys/block/loop0/uevent"

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ask makes the kernel send an event that carries the token.
func ask(t testing.TB, token string) {
	t.Helper()
	must(t, os.WriteFile(loop, []byte("add "+token+" DOCK=1"), 0))
}

// watching runs watch until the test ends and hands out what fn was told. Once
// it returns, the watch has begun.
func watching(t *testing.T, queue int) <-chan Event {
	t.Helper()
	events := make(chan Event)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- watch(ctx, queue, func(e Event) error {
			select {
			case events <- e:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	})
	if e := next(t, events); e.Action != Started || !e.Rescan() {
		t.Fatalf("the first event is %+v", e)
	}
	return events
}

func next(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("no event")
		return Event{}
	}
}

// until returns the first event that fits; other programs make events too.
func until(t *testing.T, events <-chan Event, fits func(Event) bool) Event {
	t.Helper()
	for {
		if e := next(t, events); fits(e) {
			return e
		}
	}
}

func TestWatchTellsTheKernelsEvents(t *testing.T) {
	events := watching(t, queueSize)
	token := uuid()
	ask(t, token)
	e := until(t, events, func(e Event) bool { return e.Token == token })
	want := Event{Action: "add", Subsystem: "block", DevType: "disk", DevPath: "/devices/virtual/block/loop0", DevID: "7:0", Token: token}
	if e != want {
		t.Errorf("got  %+v\nwant %+v", e, want)
	}
}

// TestSpoofedEventIsIgnored sends an event as a program would, sees a plain
// listener receive it, then has the kernel send one: Watch tells the second only.
func TestSpoofedEventIsIgnored(t *testing.T) {
	events := watching(t, queueSize)
	plain, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	must(t, err)
	defer func() { _ = unix.Close(plain) }()
	must(t, unix.SetsockoptTimeval(plain, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 60}))
	must(t, unix.Bind(plain, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}))

	sender, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	must(t, err)
	defer func() { _ = unix.Close(sender) }()
	false1, real1 := uuid(), uuid()
	spoof := "add@/devices/x/usb1/1-1\x00ACTION=add\x00DEVPATH=/devices/x/usb1/1-1\x00SUBSYSTEM=usb\x00SYNTH_UUID=" + false1 + "\x00"
	must(t, unix.Sendto(sender, []byte(spoof), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}))

	buf := make([]byte, maxEvent)
	for {
		n, from, err := unix.Recvfrom(plain, buf, 0)
		must(t, err)
		if !strings.Contains(string(buf[:n]), false1) {
			continue
		}
		if fromKernel(from) {
			t.Fatalf("the forged event bears the kernel's sender: %+v", from)
		}
		break
	}
	ask(t, real1)
	until(t, events, func(e Event) bool {
		if e.Token == false1 {
			t.Fatal("a forged event was told")
		}
		return e.Token == real1
	})
}

func TestOverrunIsTold(t *testing.T) {
	events := watching(t, 1) // the kernel's least
	token := uuid()
	ask(t, token)
	until(t, events, func(e Event) bool { return e.Token == token })
	for range 64 { // nobody takes them
		ask(t, uuid())
	}
	e := until(t, events, func(e Event) bool { return e.Action == Lost })
	if !e.Rescan() {
		t.Error("lost events do not ask for a new scan")
	}
	last := uuid() // the watch must hear again at once, or it would be lost for good
	ask(t, last)
	until(t, events, func(e Event) bool {
		if e.Action == Lost { // by events of other programs
			ask(t, last)
		}
		return e.Token == last
	})
}

func TestWatchEndsWithItsCaller(t *testing.T) {
	var calls atomic.Int32
	stop := errors.New("enough")
	err := Watch(t.Context(), func(Event) error { calls.Add(1); return stop })
	if !errors.Is(err, stop) || calls.Load() != 1 {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
}

// TestWatchEndsInSilence runs itself in a network of its own, owned by a user
// namespace of its own, to which the kernel sends no events: so nothing but the
// end of the context can wake the watch.
func TestWatchEndsInSilence(t *testing.T) {
	const inside = "CUSTODOCK_SILENCE"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestWatchEndsInSilence$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := Watch(ctx, func(e Event) error {
		if e.Action != Started {
			t.Errorf("it is not silent here: %+v", e)
		}
		time.AfterFunc(50*time.Millisecond, cancel) // the watch has gone to sleep by then
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestParseEvent(t *testing.T) {
	join := func(s ...string) string { return strings.Join(s, "\x00") + "\x00" }
	usb := "/devices/pci0000:00/usb1/1-1/1-1.4"
	for name, tt := range map[string]struct {
		raw  string
		want Event
	}{
		"usb": {join("add@"+usb, "ACTION=add", "DEVPATH="+usb, "SUBSYSTEM=usb", "MAJOR=189", "MINOR=4", "DEVTYPE=usb_device", "SEQNUM=9"),
			Event{Action: "add", Subsystem: "usb", DevType: "usb_device", DevPath: usb}},
		"block": {join("remove@"+usb+"/x", "ACTION=remove", "DEVPATH="+usb+"/x", "SUBSYSTEM=block", "MAJOR=8", "MINOR=17"),
			Event{Action: "remove", Subsystem: "block", DevPath: usb + "/x", DevID: "8:17"}},
		"a value with a sign": {join("add@/a", "ACTION=add", "DEVPATH=/a", "NAME=x=y"), Event{Action: "add", DevPath: "/a"}},
		"the first counts":    {join("add@/a", "ACTION=add", "DEVPATH=/a", "SUBSYSTEM=usb", "SUBSYSTEM=block", "DEVPATH=/b"), Event{Action: "add", DevPath: "/a", Subsystem: "usb"}},
		"udev's":              {"libudev\x00\xfe\xed\xca\xfe", Event{}},
		"empty":               {"", Event{}},
		"no end":              {"add@/a\x00ACTION=add\x00DEVPATH=/a", Event{}},
		"head of another":     {join("add@/b", "ACTION=add", "DEVPATH=/a"), Event{}},
		"no path":             {join("add@", "ACTION=add", "DEVPATH="), Event{}},
		"no sign":             {join("add@/a", "ACTION=add", "DEVPATH=/a", "X"), Event{}},
		"an action of ours":   {join("start@/a", "ACTION=start", "DEVPATH=/a"), Event{}},
		"long":                {join("add@/a", "ACTION=add", "DEVPATH=/a", "X="+strings.Repeat("x", maxEvent)), Event{}},
	} {
		got, err := parseEvent([]byte(tt.raw))
		if got != tt.want || (err == nil) != (tt.want != Event{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got := (Event{DevPath: usb + "/1-1.4:1.0/host3/target3:0:0/3:0:0:0/block/sdb"}).Port(); got != "1-1.4" {
		t.Errorf("port %q", got)
	}
	if got := (Event{DevPath: "/devices/virtual/block/loop0"}).Port(); got != "" {
		t.Errorf("port %q", got)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte("add@/devices/x/usb1/1-1\x00ACTION=add\x00DEVPATH=/devices/x/usb1/1-1\x00SUBSYSTEM=usb\x00"))
	f.Add([]byte("libudev\x00\xfe\xed\xca\xfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEvent(b)
		if err != nil {
			if e != (Event{}) {
				t.Fatalf("%v with %+v", err, e)
			}
			return
		}
		if e.Rescan() || !strings.HasPrefix(string(b), e.Action+"@"+e.DevPath+"\x00") {
			t.Fatalf("%+v", e)
		}
		if p := e.Port(); p != "" && !IsPort(p) {
			t.Fatalf("port %q", p)
		}
	})
}
