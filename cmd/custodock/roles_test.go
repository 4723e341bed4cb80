package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
)

// person is a user of this machine who is in the groups given.
type person struct {
	uid    uint32
	groups []uint32
	home   string
	env    []string
}

// custodock runs the program as that person. /proc/self/exe reaches it although
// its folder is closed to others.
func (p person) custodock(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = append([]string{"custodock"}, args...)
	cmd.Dir, cmd.Env = "/", append([]string{"HOME=" + p.home, "LANG=C.UTF-8"}, p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.uid, Groups: p.groups}}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// sharedFolder is a folder everyone may enter; t.TempDir is for its owner alone.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shared")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func gid(t *testing.T, name string) uint32 {
	t.Helper()
	g, err := user.LookupGroup(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(g.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// startDock runs a daemon in a closed state and a public folder until the test
// ends.
func startDock(t *testing.T) (state, public string) {
	t.Helper()
	dir := sharedFolder(t)
	state, public = filepath.Join(dir, "state"), filepath.Join(dir, "run")
	config := filepath.Join(dir, "custodock.yaml")
	if err := os.Mkdir(public, 0o755); err != nil {
		t.Fatal(err)
	}
	yaml := "roots: []\nboard: \"\"\naccess:\n  officer: {users: [], groups: [games]}\n  admin: {users: [], groups: [backup]}\n  auditor: {users: [], groups: [news]}\n"
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out, errOut bytes.Buffer
	a := newApp(nil, &out, &errOut, func(name string) string {
		if name == publicEnv {
			return public
		}
		return ""
	})
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"--state", state, "--config", config, "run"}) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("the daemon ended with %d: %s", code, errOut.String())
		}
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := console.Dial(console.Places{State: public}); err == nil {
			return state, public
		}
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("the daemon ended with %d: %s", code, errOut.String())
		case <-tick.C:
		}
	}
}

func TestOfficersNeedNoRoot(t *testing.T) {
	state, public := startDock(t)
	if fi, err := os.Stat(state); err != nil || fi.Mode().Perm() != 0o700 {
		t.Fatalf("the state is open: %v, %v", fi.Mode(), err)
	}
	dir := sharedFolder(t)
	camera := filepath.Join(dir, "camera")
	if err := os.Mkdir(camera, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(camera, "0001.mp4"), []byte("clip"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{publicEnv + "=" + public}
	officer := person{uid: 4242, groups: []uint32{gid(t, "games")}, home: dir, env: env}
	auditor := person{uid: 4243, groups: []uint32{gid(t, "news")}, home: dir, env: env}
	nobody := person{uid: 4244, home: dir, env: env}
	for _, c := range []struct {
		name    string
		who     person
		args    []string
		code    int
		out     string // in what it prints
		problem string // in its one line
	}{
		{"officer looks", officer, []string{"--state", state, "status"}, 0, "daemon running, process ", ""},
		{"officer looks without --state", officer, []string{"status"}, 0, "daemon running, process ", ""},
		{"officer takes in", officer, []string{"--state", state, "ingest", "--case", "A-17", camera}, 0, "1 stored", ""},
		{"officer checks", officer, []string{"--state", state, "log", "checkpoint"}, 5, "", "it needs role auditor or admin: have the dock's admin add you to group news or backup"},
		{"auditor checks", auditor, []string{"--state", state, "log", "checkpoint"}, 0, "/", ""},
		{"officer asks for conditions", officer, []string{"doctor"}, 5, "", "it needs role auditor or admin"},
		{"auditor takes in", auditor, []string{"--state", state, "ingest", camera}, 5, "", "it needs role officer or admin"},
		{"nobody looks", nobody, []string{"--state", state, "status"}, 5, "", "user id 4244: not allowed for this user: it needs role officer or auditor or admin"},
		{"nobody looks without --state", nobody, []string{"status"}, 5, "", "not allowed for this user"},
		{"nobody in Chinese", nobody, []string{"--lang", "zh", "--state", state, "status"}, 5, "", "当前用户没有权限"},
	} {
		code, out, problem := c.who.custodock(t, c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(problem, c.problem) || (c.problem == "") != (problem == "") {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, out, problem)
		}
		if c.code == 5 && out != "" {
			t.Errorf("%s: denied, and yet told %q", c.name, out)
		}
		if c.problem != "" && strings.Count(problem, "\n") != 1 {
			t.Errorf("%s: more than one line: %q", c.name, problem)
		}
	}
	_, out, _ := auditor.custodock(t, "--state", state, "clips", "--json")
	clip, _, _ := strings.Cut(strings.TrimPrefix(out, `{"clip":"`), `"`)
	_, out, _ = auditor.custodock(t, "--state", state, "show", clip)
	if !strings.Contains(out, "A-17 (officer)") || !strings.Contains(out, "clip.ingested    officer") {
		t.Errorf("the clip does not name its officer:\n%s", out)
	}
	followUntil(t, state, `"type":"clip.stored"`)
	// A state of one's own goes before the dock's.
	own := filepath.Join(dir, ".local", "state", "custodock")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, problem := officer.custodock(t, "status"); code == 0 || strings.Contains(problem, "/var/lib") {
		t.Errorf("with a state of one's own: exit %d, %s", code, problem)
	}
}

// ending ends a command once it has written what a test waits for.
type ending struct {
	bytes.Buffer
	what string
	end  context.CancelFunc
}

func (e *ending) Write(p []byte) (int, error) {
	n, err := e.Buffer.Write(p)
	if strings.Contains(e.String(), e.what) {
		e.end()
	}
	return n, err
}

// followUntil follows the whole log until it tells what is wanted.
func followUntil(t *testing.T, state, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &ending{what: what, end: cancel}
	var errOut bytes.Buffer
	a := newApp(nil, out, &errOut, func(string) string { return "" })
	if code := a.run(ctx, []string{"--state", state, "log", "follow", "--after", "-1"}); code != 0 || errOut.Len() > 0 {
		t.Errorf("log follow: exit %d, %s", code, errOut.String())
	}
	n := 0
	for l := range strings.Lines(out.String()) {
		if strings.Contains(l, `"event":"entry"`) && !strings.HasPrefix(l, fmt.Sprintf(`{"id":%d,"event":"entry",`, n)) {
			t.Errorf("line %d: %s", n, l)
		}
		if strings.Contains(l, `"event":"entry"`) {
			n++
		}
	}
	if !strings.Contains(out.String(), what) || n < 4 {
		t.Errorf("log follow told %d entries:\n%s", n, out.String())
	}
	code := a.run(t.Context(), []string{"--state", state, "log", "follow", "--after", "999"})
	if code != 1 || !strings.Contains(errOut.String(), "the log has no such entry: it has entries 0 to") {
		t.Errorf("behind the end: exit %d, %s", code, errOut.String())
	}
	if code := a.run(t.Context(), []string{"--state", t.TempDir(), "log", "follow"}); code != 1 || !strings.Contains(errOut.String(), "no daemon listens") {
		t.Errorf("without a daemon: exit %d, %s", code, errOut.String())
	}
}

func TestCamerasAreServedWithoutThePublicSocket(t *testing.T) {
	var errOut bytes.Buffer
	folder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, public := range []string{"", filepath.Join(t.TempDir(), "none"), folder} {
		a := newApp(nil, nil, &errOut, func(string) string { return public })
		a.state = t.TempDir()
		sockets, err := a.listen(a.daemonLogger())
		if err != nil || len(sockets) != 1 {
			t.Fatalf("%q: %d sockets, %v", public, len(sockets), err)
		}
		_ = sockets[0].Close()
	}
	if !strings.Contains(errOut.String(), "listen for officers and auditors") {
		t.Errorf("nobody is told that a file stands in the way: %s", errOut.String())
	}
}

// TestUnitMakesRoomForTheSocket: the folder of the public socket is made by the
// service manager, open to everyone, and the groups of the configuration exist.
func TestUnitMakesRoomForTheSocket(t *testing.T) {
	unit, err := os.ReadFile("../../systemd/custodock.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"RuntimeDirectory=" + strings.TrimPrefix(systemPublic, "/run/"), "RuntimeDirectoryMode=0755", "StateDirectoryMode=0700"} {
		if !strings.Contains(string(unit), "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	users, err := os.ReadFile("../../systemd/custodock.sysusers")
	if err != nil {
		t.Fatal(err)
	}
	access := configs.Default().Access
	for _, m := range []configs.Members{access.Officer, access.Auditor, access.Admin} {
		for _, g := range m.Groups {
			if !strings.Contains(string(users), "\ng "+g+" -\n") {
				t.Errorf("nobody makes group %s", g)
			}
		}
	}
}
