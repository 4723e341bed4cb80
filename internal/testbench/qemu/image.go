package qemu

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

// Image is a machine that was booted once and frozen: every Machine starts
// from it. It lasts as long as the test that made it.
type Image struct {
	kernel *kernel
	dir    string
	frozen string // file with the state of the booted machine
}

// New boots the kernel with these programs, by name, in its /bin and freezes it.
// The libraries that they are linked with come along.
func New(t testing.TB, programs map[string]string) *Image {
	t.Helper()
	k, err := openKernel()
	if err != nil {
		t.Fatal(err)
	}
	image := &Image{kernel: k, dir: shortDir(t)}
	ctx, cancel := context.WithTimeout(t.Context(), testbench.Patience)
	defer cancel()
	path, err := initrd(ctx, k, image.dir, programs)
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, image, "-kernel", k.vmlinux, "-initrd", path,
		"-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on mitigations=off")
	defer m.End()
	frozen := filepath.Join(image.dir, "frozen")
	if err := m.freeze(ctx, frozen); err != nil {
		t.Fatalf("%v; the machine said %s", err, m.Log())
	}
	image.frozen = frozen
	return image
}

// shortDir is a folder whose sockets have names short enough for the kernel.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "qemu-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Boot starts a machine of its own for a test, which ends with the test.
func (i *Image) Boot(t testing.TB) *Machine {
	t.Helper()
	m := start(t, i, "-incoming", "defer")
	ctx, cancel := m.bounded()
	defer cancel()
	if err := m.thaw(ctx, i.frozen); err != nil {
		t.Fatalf("start from the frozen machine: %v; it said %s", err, m.Log())
	}
	return m
}

// freeze waits for the agent, stops the machine and writes its state to a file.
func (m *Machine) freeze(ctx context.Context, file string) error {
	if _, err := m.agent.do(ctx, wire.Request{Op: wire.Ping}); err != nil {
		return err
	}
	if err := m.qmp.do(ctx, "stop", nil, nil); err != nil {
		return err
	}
	// QEMU is done when its last bytes are in the pipe. The file has its name when
	// all of them are in it.
	if err := m.migrate(ctx, "migrate", "exec:cat > "+file+".part && mv "+file+".part "+file); err != nil {
		return err
	}
	return poll(ctx, func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
}

// thaw takes the state of a frozen machine over and lets it run.
func (m *Machine) thaw(ctx context.Context, file string) error {
	if err := m.migrate(ctx, "migrate-incoming", "exec:cat "+file); err != nil {
		return err
	}
	if err := m.qmp.do(ctx, "cont", nil, nil); err != nil {
		return err
	}
	_, err := m.agent.do(ctx, wire.Request{Op: wire.Ping})
	return err
}

// migrate runs one half of a migration to its end.
func (m *Machine) migrate(ctx context.Context, command, uri string) error {
	events := map[string]any{"capabilities": []any{map[string]any{"capability": "events", "state": true}}}
	if err := m.qmp.do(ctx, "migrate-set-capabilities", events, nil); err != nil {
		return err
	}
	// The default limit is meant for a network.
	if err := m.qmp.do(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": 1 << 40}, nil); err != nil {
		return err
	}
	if err := m.qmp.do(ctx, command, map[string]any{"uri": uri}, nil); err != nil {
		return err
	}
	failed := false
	err := m.qmp.await(ctx, func(e event) bool {
		failed = e.has("status", "failed")
		return e.Name == "MIGRATION" && (failed || e.has("status", "completed"))
	})
	if err == nil && failed {
		err = errors.New(command + ": failed")
	}
	return err
}

func listen(path string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
}
