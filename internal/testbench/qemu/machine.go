package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

// Machine is a running machine with no USB device in it.
type Machine struct {
	t       testing.TB
	image   *Image
	process *testbench.Process
	serial  string // file with what the kernel printed
	qmp     *qmp
	agent   *client
	end     sync.Once

	plugged map[string]plugged
	last    int // of the ids given to QEMU
}

// start starts QEMU with the bench's hardware and connects to it.
func start(t testing.TB, image *Image, args ...string) *Machine {
	t.Helper()
	dir := shortDir(t)
	m := &Machine{t: t, image: image, serial: filepath.Join(dir, "serial"), plugged: map[string]plugged{}}
	ctl, err := listen(filepath.Join(dir, "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ctl.Close() }()
	port, err := listen(filepath.Join(dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = port.Close() }()
	m.process = testbench.Cmd{Bin: "qemu-system-x86_64", Args: append([]string{
		"-M", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "384M",
		"-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:" + m.serial,
		"-qmp", "unix:" + filepath.Join(dir, "qmp"),
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path=" + filepath.Join(dir, "agent"),
		"-device", "virtserialport,chardev=agent,name=" + wire.PortName,
		"-device", "qemu-xhci,id=xhci,p2=8,p3=8",
	}, args...)}.Start(t)
	t.Cleanup(m.End)
	ctx, cancel := m.bounded()
	defer cancel()
	if err := m.connect(ctx, ctl, port); err != nil {
		_, stderr := m.process.Output()
		t.Fatalf("reach the machine: %v: %s", err, stderr)
	}
	return m
}

func (m *Machine) connect(ctx context.Context, ctl, port net.Listener) error {
	conn, err := accept(ctx, port, m.process.Done())
	if err != nil {
		return err
	}
	m.agent = newClient(conn)
	if conn, err = accept(ctx, ctl, m.process.Done()); err != nil {
		return err
	}
	m.qmp, err = newQMP(ctx, conn)
	return err
}

// bounded is the time that one thing may take.
func (m *Machine) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.t.Context(), testbench.Patience)
}

// End switches the machine off, which the end of the test does as well.
func (m *Machine) End() {
	m.end.Do(func() {
		m.process.Kill()
		if m.qmp != nil {
			_ = m.qmp.close() // its other end is gone
		}
		if m.agent != nil {
			_ = m.agent.close()
		}
	})
}

// Kept is how long other work on this computer has kept the machine from its
// processor so far: the longest that one of QEMU's threads was ready to run and
// did not, as the second figure of /proc/PID/task/TID/schedstat says (proc(5)).
func (m *Machine) Kept() time.Duration {
	m.t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", m.process.PID()))
	if err != nil || len(files) == 0 {
		m.t.Fatalf("QEMU has no threads: %v", err)
	}
	var longest time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // a thread that has ended
		}
		var ran, kept time.Duration
		if _, err := fmt.Sscan(string(text), &ran, &kept); err != nil {
			m.t.Fatalf("%s: %q: %v", file, text, err)
		}
		longest = max(longest, kept)
	}
	return longest
}

// Log is what the kernel printed on its console since the image was thawed,
// and what QEMU had to say.
func (m *Machine) Log() string {
	b, err := os.ReadFile(m.serial)
	_, stderr := m.process.Output()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(b) + stderr
}

// has says whether the event's data has this value under key.
func (e event) has(key, value string) bool {
	var data map[string]any
	return json.Unmarshal(e.Data, &data) == nil && data[key] == value
}
