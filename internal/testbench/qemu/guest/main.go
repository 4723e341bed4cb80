//go:build linux

// Command guest is the first process of the bench's machine. It mounts what
// every Linux has, loads the modules it finds and then does what it is told
// over a virtio-serial port; see package wire.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

func main() {
	err := boot()
	if err == nil {
		err = serve()
	}
	// The kernel panics when its first process ends, and the machine with it.
	fmt.Fprintln(os.Stderr, "guest:", err)
}

func boot() error {
	for name, value := range map[string]string{"PATH": "/bin", "HOME": "/tmp", "TZ": "UTC"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	for _, m := range []struct{ kind, point, data string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""},
		{"tmpfs", "/tmp", ""}, {"tmpfs", "/run", ""}, {"tmpfs", "/var", ""},
	} {
		if err := os.MkdirAll(m.point, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.point, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.point, err)
		}
	}
	order, err := os.ReadFile(wire.Order)
	if err != nil {
		return err
	}
	if err := load(strings.Fields(string(order))); err != nil {
		return err
	}
	// A disk is there when it was found, not a second later.
	return os.WriteFile("/sys/module/usb_storage/parameters/delay_use", []byte("0"), 0o644)
}

// load loads modules by name. One that is there already is no error.
func load(names []string) error {
	for _, name := range names {
		f, err := os.Open(filepath.Join(wire.Modules, name+".ko"))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		_ = f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load module %s: %w", name, err)
		}
	}
	return nil
}

// port opens the agent's port. Its number is the kernel's affair.
func port() (*os.File, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, path := range names {
			name, err := os.ReadFile(path)
			if err == nil && strings.TrimSpace(string(name)) == wire.PortName {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(path)), os.O_RDWR, 0)
			}
		}
		if time.Now().After(deadline) {
			return nil, errors.New("no port of the bench")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// agent answers requests. Each runs in a goroutine of its own, so that one that
// hangs holds up no other.
type agent struct {
	out io.Writer

	mu   sync.Mutex // of out and pids
	pids map[int64]int
}

func serve() error {
	p, err := port()
	if err != nil {
		return err
	}
	a := &agent{out: p, pids: map[int64]int{}}
	in := bufio.NewReaderSize(p, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			time.Sleep(time.Millisecond) // the bench is not connected yet
			continue
		}
		if err != nil {
			return fmt.Errorf("read the port: %w", err)
		}
		var r wire.Request
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("request %q: %w", line, err)
		}
		go a.answer(r)
	}
}

func (a *agent) answer(r wire.Request) {
	last := wire.Reply{ID: r.ID, Done: true}
	var err error
	switch r.Op {
	case wire.Ping:
	case wire.Load:
		err = load(r.Args)
	case wire.Run:
		last.Code, err = a.run(r)
	case wire.Signal:
		err = a.signal(r)
	case wire.Read:
		last.Stdout, err = os.ReadFile(r.Path)
	case wire.Write:
		err = write(r)
	case wire.Ask:
		last.Code, err = a.ask(r)
	case wire.Uevents:
		err = a.uevents(r)
	default:
		err = fmt.Errorf("unknown request %q", r.Op)
	}
	if err != nil {
		last.Error = err.Error()
	}
	a.send(last)
}

func (a *agent) send(r wire.Reply) {
	r.At = time.Now()
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.out.Write(append(b, '\n')); err != nil {
		fmt.Fprintln(os.Stderr, "guest: answer:", err)
	}
}
