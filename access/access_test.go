package access

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestManage(t *testing.T) {
	for _, c := range []struct {
		name       string
		peer, self uint32
		denied     bool
	}{
		{"root", 0, 990, false},
		{"the daemon's own user", 990, 990, false},
		{"somebody", 1000, 990, true},
		{"somebody, daemon is root", 1000, 0, true},
	} {
		if err := Manage(c.peer, c.self); errors.Is(err, ErrDenied) != c.denied {
			t.Errorf("%s: Manage = %v, want denied %v", c.name, err, c.denied)
		}
	}
}

func TestPeerUID(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	far, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	uid, err := PeerUID(far)
	if err != nil || int(uid) != os.Getuid() {
		t.Errorf("PeerUID = %d, %v; want %d", uid, err, os.Getuid())
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := PeerUID(far); err == nil {
		t.Error("PeerUID of a closed socket gave no error")
	}
}
