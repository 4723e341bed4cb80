package mounter

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	daemonUID = 65533
	otherUID  = 65532
)

func isRefusal(err error) bool { return errors.Is(err, ErrNotAllowed) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// folder is one that other users may enter.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mounter-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// camera is an image with a file system, and the loop device it is behind.
type camera struct {
	image, node, dev string
}

// newCamera makes an ext4 card and lets fill put files on it.
func newCamera(t testing.TB, fill func(root string)) *camera {
	t.Helper()
	c := blank(t)
	run(t, "mkfs.ext4", "-q", "-F", "-U", "0a1b2c3d-0001-0002-0003-0123456789ab", "-L", "BODYCAM",
		"-E", "lazy_itable_init=0,lazy_journal_init=0", c.image)
	c.on(t, fill)
	c.attach(t)
	return c
}

func blank(t testing.TB) *camera {
	t.Helper()
	c := &camera{image: filepath.Join(folder(t), "card.img")}
	must(t, os.WriteFile(c.image, nil, 0o600))
	must(t, os.Truncate(c.image, 16<<20))
	return c
}

// on mounts the card as any machine would, before the dock has it.
func (c *camera) on(t testing.TB, fill func(root string)) {
	t.Helper()
	root := filepath.Join(filepath.Dir(c.image), "mnt")
	must(t, os.MkdirAll(root, 0o755))
	loop := run(t, "losetup", "--find", "--show", c.image)
	defer run(t, "losetup", "--detach", loop)
	must(t, setReadWrite(loop)) // a loop device keeps the lock of whoever had it before
	run(t, "mount", loop, root)
	defer run(t, "umount", root)
	fill(root)
}

func (c *camera) attach(t testing.TB, args ...string) {
	t.Helper()
	c.node = run(t, "losetup", append(args, "--find", "--show", c.image)...)
	t.Cleanup(func() {
		must(t, setReadWrite(c.node)) // or the next card behind this loop device would be read-only
		run(t, "losetup", "--detach", c.node)
	})
	var st unix.Stat_t
	must(t, unix.Stat(c.node, &st))
	c.dev = number(st.Rdev)
}

// sum is the digest of every byte of the card.
func (c *camera) sum(t testing.TB) [32]byte {
	t.Helper()
	b, err := os.ReadFile(c.image)
	must(t, err)
	return sha256.Sum256(b)
}

// free waits until nothing has the card mounted.
func (c *camera) free(t testing.TB) {
	t.Helper()
	eventually(t, "the card stays in use", func() bool {
		fd, err := unix.Open(c.node, unix.O_RDONLY|unix.O_EXCL, 0)
		if err == nil {
			must(t, unix.Close(fd))
		}
		return err == nil
	})
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal(what)
		}
	}
}

// serve runs a helper until the test ends and returns its socket.
func serve(t testing.TB, change func(*Options)) string {
	t.Helper()
	socket := filepath.Join(folder(t), "socket")
	users, err := IDMap(daemonUID, daemonUID)
	must(t, err)
	o := Options{UID: daemonUID, GID: daemonUID, Erase: true, AllowLoop: true, Users: users, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	l, err := Listen(socket, daemonUID)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve = %v", err)
		}
		must(t, users.Close())
	})
	return socket
}

// mount mounts as root and lets go when the test ends.
func mount(t testing.TB, socket, dev string) *Mounted {
	t.Helper()
	c, err := Dial(t.Context(), socket)
	must(t, err)
	m, err := c.Mount(t.Context(), dev)
	if err != nil {
		_ = c.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// refused asks for a volume and returns why it was not given.
func refused(t testing.TB, socket, dev string) error {
	t.Helper()
	c, err := Dial(t.Context(), socket)
	must(t, err)
	defer func() { _ = c.Close() }()
	m, err := c.Mount(t.Context(), dev)
	if err == nil {
		_ = m.Close()
		t.Fatalf("%s was mounted", dev)
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("not one plain line: %q", err)
	}
	return err
}

// process is a client of its own.
type process struct {
	cmd *exec.Cmd
	in  io.Closer
}

// as runs a client under another user and returns what it sees.
func as(t testing.TB, uid uint32, socket, dev string) (sight, *process) {
	t.Helper()
	job, err := json.Marshal(map[string]string{"Socket": socket, "Dev": dev})
	must(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+string(job))
	cmd.Stderr = os.Stderr
	// The group opens the socket's folder to others too: the user decides.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: daemonUID}}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd: cmd, in: in}
	t.Cleanup(func() { p.end() })
	var s sight
	must(t, json.NewDecoder(out).Decode(&s))
	return s, p
}

func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // killed, or ended already
}

// speak sends raw bytes and returns the first line of the answer, "" for none.
func speak(t testing.TB, socket, line string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, line) // the helper may have hung up
	must(t, conn.(*net.UnixConn).CloseWrite())
	answer, _ := io.ReadAll(conn)
	return string(answer)
}
