package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestBoardOnTheManagersSocket(t *testing.T) {
	port := func(l net.Listener) string { _, p, _ := net.SplitHostPort(l.Addr().String()); return p }
	for _, tt := range []struct {
		name, listen string
		board        func(port string) string
		says         string
	}{
		{"the same port", "127.0.0.1:0", func(p string) string { return "localhost:" + p }, ""},
		{"another port", "127.0.0.1:0", func(string) string { return "127.0.0.1:1" }, "the same port"},
		{"everywhere", "0.0.0.0:0", func(p string) string { return "127.0.0.1:" + p }, "own screen only"},
		{"none wanted", "127.0.0.1:0", func(string) string { return "" }, ""},
	} {
		given, err := net.Listen("tcp", tt.listen)
		if err != nil {
			t.Fatal(err)
		}
		a := newApp(nil, nil, nil, os.Getenv)
		a.cfg.Board = tt.board(port(given))
		l, err := a.boardListener(func(func(string) string) (net.Listener, error) { return given, nil })
		if (err != nil) != (tt.says != "") || err != nil && (!errors.Is(err, errUsage) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		if kept := l != nil; kept != (tt.name == "the same port") {
			t.Errorf("%s: kept %t", tt.name, kept)
		}
		if l != nil {
			_ = l.Close()
		}
		if err := given.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the socket stays open: %v", tt.name, err)
		}
	}
	a := newApp(nil, nil, nil, os.Getenv)
	if _, err := a.boardListener(func(func(string) string) (net.Listener, error) { return nil, os.ErrInvalid }); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a socket that cannot be taken: %v", err)
	}
}

// TestRunTakesTheManagersSocket starts the program as systemd does: with the
// socket as descriptor 3.
func TestRunTakesTheManagersSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	conf := dir + "/c.yaml"
	if err := os.WriteFile(conf, []byte("roots: []\nmounter: \"\"\nboard: "+addr+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The shell is replaced, so that LISTEN_PID is the program's own number.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec custodock --config "$0" --state "$1" run`, conf, dir+"/state")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), "LISTEN_FDS=1"), []*os.File{f}
	var out bytes.Buffer
	cmd.Stderr = &out
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	text := make([]byte, 1024)
	n, _ := ready.Read(text) // with the first line the board is there
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Errorf("the board at %s: %v; said %q %q", addr, err, text[:n], out.String())
	} else {
		_ = c.Close()
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("run: %v: %s", err, out.String())
	}
}
