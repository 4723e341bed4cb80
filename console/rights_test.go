package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
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

// fullDesk answers every call at once.
func fullDesk() *fakeDesk {
	d := &fakeDesk{changed: make(chan struct{}, 1000)}
	for range cap(d.changed) {
		d.changed <- struct{}{}
	}
	d.ingest = func(_ context.Context, r ingest.Request, _ func(ingest.Event)) (ingest.Summary, error) {
		r.Folder = nil
		return ingest.Summary{}, d.ask(r)
	}
	d.events = func(_ context.Context, _ *int64, each func(ingest.StreamEvent) error) error {
		return errors.Join(each(ingest.StreamEvent{Event: ingest.StreamBeat}), errors.New("enough"))
	}
	return d
}

func TestEveryCallHasALineInTheTable(t *testing.T) {
	var served []string
	for _, r := range newServer(options(nil)).routes() {
		served = append(served, r.op)
	}
	slices.Sort(served)
	if d := cmp.Diff(access.Operations(), served); d != "" {
		t.Errorf("table and routes differ (-table +routes):\n%s", d)
	}
}

func TestRolesMayWhatTheTableSays(t *testing.T) {
	state := startPublic(t, fullDesk())
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	has := map[string][]access.Role{
		"root": {access.Admin}, "officer": {access.Officer}, "officer by group": {access.Officer}, "auditor": {access.Auditor},
		"admin": {access.Admin}, "officer, auditor": {access.Auditor, access.Officer}, "nobody": {}, "nobody in many": {},
		"officer in many": {access.Officer},
	}
	for name, p := range people(t) {
		for _, r := range newServer(options(nil)).routes() {
			var fds []int
			body := "{}"
			switch {
			case r.op == opIngest:
				fds = []int{int(folder.Fd())}
			case r.method == http.MethodGet:
				body = ""
			}
			status, got := ask(t, p, state, r.method, r.path, body, fds...)
			want := http.StatusForbidden
			if slices.Contains(access.Rights(has[name]), r.op) {
				want = http.StatusOK
			}
			if status != want {
				t.Errorf("%s asks for %s: %d %s, want %d", name, r.op, status, got, want)
			}
			if want == http.StatusForbidden {
				err := readFault("403", []byte(got))
				if !strings.Contains(got, `{"error":{"code":"denied"`) || !errors.Is(err, access.ErrDenied) {
					t.Errorf("%s asks for %s: %s", name, r.op, got)
				}
			}
		}
		if len(has[name]) == 0 {
			continue
		}
		_, got := ask(t, p, state, http.MethodGet, pathVersion, "")
		var v Version
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			t.Fatal(err)
		}
		want := Version{API: 1, Version: "1.2.3", UID: uint32(p.uid), Roles: has[name], Rights: access.Rights(has[name])}
		if d := cmp.Diff(want, v); d != "" {
			t.Errorf("%s is told (-want +got):\n%s", name, d)
		}
	}
}

func TestEntriesNameTheTrueActor(t *testing.T) {
	desk := fullDesk()
	state := startPublic(t, desk)
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	all := people(t)
	for _, c := range []struct {
		who, op, actor, by  string
		wantActor, wantSaid string // "" is denied
	}{
		{"officer", opTag, "", "", "officer", "officer"},
		{"officer", opTag, "officer", "officer", "officer", "officer"},
		{"officer", opTag, "admin", "", "", ""},
		{"officer", opTag, "", "admin", "", ""},
		{"officer", opTag, "officer", "admin", "", ""},
		{"officer", opTag, "", "device", "", ""},
		{"officer", opIngest, "", "", "officer", "officer"},
		{"officer", opIngest, "admin", "admin", "", ""},
		{"officer", opIngest, "dock", "", "", ""},
		{"officer", opIngest, "", "roster", "", ""},
		{"officer, auditor", opTag, "", "", "officer", "officer"},
		{"officer, auditor", opTag, "auditor", "", "", ""},
		{"officer, auditor", opExport, "", "", "auditor", ""},
		{"auditor", opExport, "admin", "", "", ""},
		{"admin", opTag, "", "", "admin", "admin"},
		{"root", opIngest, "", "", "admin", "admin"},
		{"root", opTag, "officer", "", "", ""}, // root is no officer unless it is named one
	} {
		body := map[string]any{"actor": c.actor}
		if c.op != opExport {
			body["by"] = c.by
		}
		tags := map[string]any{"place": map[string]any{"text": "x"}, "times": []any{map[string]any{"raw": "1", "source": "device"}}, "sources": map[string]any{"place": "device"}}
		var fds []int
		switch c.op {
		case opTag:
			body["change"] = tags
		case opIngest:
			body["tags"], fds = tags, []int{int(folder.Fd())}
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		desk.takeAsked()
		status, got := ask(t, all[c.who], state, http.MethodPost, apiRoot+c.op, string(b), fds...)
		var actor, said string
		switch q := desk.takeAsked().(type) {
		case ingest.TagRequest:
			actor, said = q.Actor, q.By
			if q.Change.Sources != nil || q.Change.Times[0].Source != "" {
				t.Errorf("%s: %s may say what a device said: %+v", c.who, c.op, q.Change)
			}
		case ingest.Request:
			actor, said = q.Actor, q.By
			if q.Tags.Sources != nil || q.Tags.Times[0].Source != "" {
				t.Errorf("%s: %s may say what a device said: %+v", c.who, c.op, q.Tags)
			}
		case ingest.ExportRequest:
			actor = q.Actor
		}
		if actor != c.wantActor || said != c.wantSaid || (c.wantActor == "") != (status == http.StatusForbidden) {
			t.Errorf("%s %s as %q by %q: %d %s; actor %q by %q, want %q by %q", c.who, c.op, c.actor, c.by, status, got, actor, said, c.wantActor, c.wantSaid)
		}
	}
}

func TestWrongCallsAreTold(t *testing.T) {
	state := startPublic(t, fullDesk())
	all := people(t)
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		code                    string
	}{
		{"officer", "POST", "/v2/status", "{}", 404, codeVersion},
		{"officer", "GET", "/", "", 404, codeVersion},
		{"officer", "POST", "/v1/erase", "{}", 404, codeCall},
		{"officer", "POST", "/v1/status/", "{}", 404, codeCall},
		{"officer", "POST", "/v1/../v1/status", "{}", 404, codeCall},
		{"officer", "GET", pathStatus, "", 405, codeMethod},
		{"officer", "POST", pathVersion, "{}", 405, codeMethod},
		{"officer", "GET", pathEvents + "?before=3", "", 400, codeRequest},
		{"officer", "GET", pathEvents + "?after=x", "", 400, codeRequest},
		{"officer", "GET", pathEvents + "?after=1&after=2", "", 400, codeRequest},
		{"officer", "POST", pathStatus, `{"all":true}`, 400, codeRequest},
		{"nobody", "POST", "/v1/erase", "{}", 403, codeDenied}, // is told of no call at all
		{"nobody", "GET", "/", "", 403, codeDenied},
	} {
		status, got := ask(t, all[c.who], state, c.method, c.path, c.body)
		var f struct{ Error *fault }
		if err := json.Unmarshal([]byte(got), &f); err != nil || status != c.status || f.Error == nil || f.Error.Code != c.code || strings.Contains(f.Error.Message, "\n") {
			t.Errorf("%s %s %s: %d %s; want %d %s", c.who, c.method, c.path, status, got, c.status, c.code)
		}
	}
}

func TestTheStateIsEnteredByNobodyElse(t *testing.T) {
	state, _ := start(t, fullDesk())
	public := startPublic(t, fullDesk())
	p := people(t)["officer"]
	if _, err := as(t, p, Places{State: state}); !errors.Is(err, access.ErrDenied) {
		t.Errorf("the socket of a state with mode 0700: %v, want ErrDenied", err)
	}
	c, err := as(t, p, Places{State: state, Public: public})
	if err != nil {
		t.Fatalf("the public socket: %v", err)
	}
	_ = c.Close()
	// Another state without a daemon is not the one of the public socket.
	if _, err := as(t, p, Places{State: filepath.Join(public, "other"), Public: public}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("a state that is not there: %v, want ErrNoDaemon", err)
	}
	if c, err = as(t, p, Places{State: filepath.Join(public, "other"), Public: public, Same: true}); err != nil {
		t.Errorf("a state that has this public socket: %v", err)
	} else {
		_ = c.Close()
	}
	if _, err := as(t, p, Places{State: state, Public: filepath.Join(public, "none")}); !errors.Is(err, access.ErrDenied) || !strings.Contains(err.Error(), "start the daemon") {
		t.Errorf("no public socket: %v", err)
	}
}

func TestOneUserCannotUseUpTheDaemon(t *testing.T) {
	state := startPublic(t, fullDesk())
	all := people(t)
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for range maxConns {
		c, err := as(t, all["nobody"], Places{State: state})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	one, err := as(t, all["nobody"], Places{State: state})
	if err != nil {
		t.Fatal(err)
	}
	// Sooner than the daemon gives up on somebody who asks for nothing.
	if err := one.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("one too many: %v, want it closed", err)
	}
	_ = one.Close()
	if status, _ := ask(t, all["admin"], state, "GET", pathVersion, ""); status != http.StatusOK {
		t.Errorf("another user: %d", status)
	}
	_ = held[0].Close()
	waitFor(t, func() bool {
		c, err := as(t, all["nobody"], Places{State: state})
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(c)
		return err == nil && strings.Contains(string(b), "403")
	}, func() string { return "a connection that ended still counts" })
}
