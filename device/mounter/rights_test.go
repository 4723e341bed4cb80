package mounter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bareServer is the helper as the unit starts it, but for loop devices.
func bareServer(job string) error {
	var ask struct{ Socket, Users string }
	if err := json.Unmarshal([]byte(job), &ask); err != nil {
		return err
	}
	users, err := OpenIDMap(ask.Users)
	if err != nil {
		return err
	}
	l, err := Listen(ask.Socket, daemonUID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready")
	return Serve(ctx, l, Options{
		UID: daemonUID, GID: daemonUID, Erase: true, AllowLoop: true, Users: users,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// TestTheUnitsRightsAreEnough runs the helper with the capabilities that its unit
// leaves it and no others, in the unit's group.
func TestTheUnitsRightsAreEnough(t *testing.T) {
	unit, err := os.ReadFile("../../systemd/custodock-mounter.service")
	must(t, err)
	m := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.+)$`).FindSubmatch(unit)
	if m == nil || strings.Contains(string(unit), "SecureBits=noroot") {
		t.Fatal("the unit names no capabilities, or has root lose them")
	}
	bounds := "-all"
	for _, name := range strings.Fields(string(m[1])) {
		bounds += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
	}
	dir := folder(t)
	socket, pin := filepath.Join(dir, "socket"), filepath.Join(dir, "users")
	for range 2 { // the second takes the place of the first
		must(t, PinIDMap(daemonUID, daemonUID, pin))
	}
	defer func() { must(t, unix.Unmount(pin, 0)) }()
	if _, err := OpenIDMap(socket); err == nil {
		t.Error("an id map where none was pinned")
	}
	self, err := os.Executable()
	must(t, err)
	job, err := json.Marshal(map[string]string{"Socket": socket, "Users": pin})
	must(t, err)
	cmd := exec.Command("setpriv", fmt.Sprintf("--regid=%d", daemonUID), "--clear-groups", "--no-new-privs", "--bounding-set="+bounds, self)
	cmd.Env = append(os.Environ(), serverEnv+"="+string(job))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { must(t, cmd.Wait()) }()
	defer func() { _ = in.Close() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the helper says %q, %v", line, err)
	}

	c := newCamera(t, func(root string) {
		put(t, root+"/DCIM/a.mp4", "clip", 0o600)
		put(t, root+"/theirs/b.mp4", clip, 0o644)
		must(t, os.Chown(root+"/theirs/b.mp4", 1000, 1000))
		must(t, os.Chown(root+"/theirs", 1000, 1000))
	})
	s, p := as(t, daemonUID, socket, c.dev)
	if s.Err != "" || s.Files["DCIM/a.mp4"] != "clip" || len(s.Notes) > 0 {
		t.Errorf("%+v", s)
	}
	p.end()
	c.free(t)
	mounted := mount(t, socket, c.dev)
	must(t, mounted.Erase(t.Context(), requestOf("theirs/b.mp4", clip)))
	c.closed(t, mounted)
	must(t, mounted.Close())
	c.free(t)
}
