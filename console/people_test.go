package console

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
)

// testAccess gives roles to groups that every Debian has.
var testAccess = configs.Access{
	Officer: configs.Members{Groups: []string{"games", "no-such-group"}},
	Auditor: configs.Members{Groups: []string{"news"}},
	Admin:   configs.Members{Users: []string{"backup", "no-such-user"}},
}

const stranger = 4242 // a user id that stands nowhere

// who is a person who speaks to the daemon.
type who struct {
	uid, gid int
	groups   []int
}

func idOf(t *testing.T, name string) int {
	t.Helper()
	var id string
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	}
	if u, err := user.Lookup(name); name == "backup" && err == nil {
		id = u.Uid
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatalf("this machine has no %s: %v", name, err)
	}
	return n
}

// people are one of each role, and those at the edges.
func people(t *testing.T) map[string]who {
	officer, auditor := idOf(t, "games"), idOf(t, "news")
	return map[string]who{
		"root":             {},
		"officer":          {stranger, officer, nil},
		"officer by group": {stranger, stranger, []int{7, officer}},
		"auditor":          {stranger, stranger, []int{auditor}},
		"admin":            {idOf(t, "backup"), stranger, nil},
		"officer, auditor": {stranger, officer, []int{auditor}},
		"nobody":           {stranger, stranger, nil},
		"nobody in many":   {stranger, stranger, many(200)},
		"officer in many":  {stranger, stranger, append(many(200), officer)},
	}
}

func many(n int) []int {
	groups := make([]int, n)
	for i := range groups {
		groups[i] = 50_000 + i
	}
	return groups
}

// as connects in the name of somebody. Only the thread that connects becomes
// that person, and it ends with its goroutine: the rights of a connection are
// those of whoever made it.
func as(t *testing.T, p who, places Places) (*net.UnixConn, error) {
	t.Helper()
	var c *net.UnixConn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock
		if err = become(p); err == nil {
			c, err = places.dial(context.Background())
		}
	}()
	<-done
	return c, err
}

func become(p who) error {
	groups := make([]uint32, len(p.groups)+1)
	for i, g := range p.groups {
		groups[i] = uint32(g)
	}
	for _, call := range []struct {
		trap, a, b, c uintptr
	}{
		{unix.SYS_SETGROUPS, uintptr(len(p.groups)), uintptr(unsafe.Pointer(&groups[0])), 0},
		{unix.SYS_SETRESGID, uintptr(p.gid), uintptr(p.gid), uintptr(p.gid)},
		{unix.SYS_SETRESUID, uintptr(p.uid), uintptr(p.uid), uintptr(p.uid)},
	} {
		if _, _, errno := unix.RawSyscall(call.trap, call.a, call.b, call.c); errno != 0 {
			return errno
		}
	}
	return nil
}

// ask sends one raw request over a connection of somebody and returns the
// status and the body.
func ask(t *testing.T, p who, state, method, path, body string, fds ...int) (int, string) {
	t.Helper()
	c, err := as(t, p, Places{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	req := method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := c.WriteMsgUnix([]byte(req), rights, nil); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// startPublic serves desk on a socket that everyone may open.
func startPublic(t *testing.T, desk Desk) string { return startServer(t, newServer(options(desk))) }

func startServer(t *testing.T, s *server) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "public") // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := ListenPublic(folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.listen(ctx, []*net.UnixListener{l}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return folder
}
