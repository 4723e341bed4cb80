package qemu

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// TestCpio: busybox, which is not ours, reads what we write.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	c := newCpio(&b)
	c.tree("bin", "bin")
	c.file("bin/odd", 0o755, []byte("12345"))
	c.link("bin/link", "odd")
	c.file("end", 0o600, nil)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), busybox, "cpio", "-i")
	cmd.Dir, cmd.Stdin = dir, &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "cd "+dir+` && stat -c '%A %s %n' bin bin/odd bin/link end | sed 's/^\(d[^ ]*\) [0-9]*/\1/' && cat bin/link`).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "drwxr-xr-x bin\n-rwxr-xr-x 5 bin/odd\nlrwxrwxrwx 3 bin/link\n-rw------- 0 end\n12345"
	if string(out) != want {
		t.Errorf("unpacked is %q, want %q", out, want)
	}
}

// TestResolve: each module stands behind all it needs, once.
func TestResolve(t *testing.T) {
	k, err := openKernel()
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.resolve(append(slices.Clone(baseModules), GadgetModules...)...)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"": true}
	for _, m := range list {
		needs, err := depends(m.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range needs {
			if !seen[moduleName(n)] {
				t.Errorf("%s comes before %s, which it needs", m.name, n)
			}
		}
		if seen[m.name] {
			t.Errorf("%s comes twice", m.name)
		}
		seen[m.name] = true
	}
	if !seen["usbcore"] || !seen["fat"] {
		t.Errorf("only %v", names(list))
	}
	if _, err := k.resolve("no_such_module"); err == nil || !strings.Contains(err.Error(), "no_such_module") {
		t.Errorf("a module that is not there: %v", err)
	}
}

// TestQMP: answers find their questions, events are kept, an end ends all waits.
func TestQMP(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testbench.Patience)
	defer cancel()
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- monitor(theirs) }()
	q, err := newQMP(ctx, ours)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Status string }
	if err := q.do(ctx, "query-status", nil, &got); err != nil || got.Status != "running" {
		t.Errorf("query-status: %+v %v", got, err)
	}
	if err := q.do(ctx, "nonsense", nil, nil); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an error of QEMU's: %v", err)
	}
	if err := q.await(ctx, func(e event) bool { return e.has("path", "/machine/x") }); err != nil {
		t.Errorf("an event that came before: %v", err)
	}
	if err := q.do(ctx, "quit", nil, nil); !errors.Is(err, errEnded) {
		t.Errorf("a command that is not answered: %v", err)
	}
	if err := q.await(ctx, func(event) bool { return false }); !errors.Is(err, errEnded) {
		t.Errorf("an event that does not come: %v", err)
	}
	if err := errors.Join(q.close(), <-ended); err != nil {
		t.Error(err)
	}
}

// monitor plays QEMU.
func monitor(conn net.Conn) error {
	answers := []string{
		`{"return":{},"id":1}`,
		`{"event":"DEVICE_DELETED","data":{"path":"/machine/x"}}` + "\n" + `{"return":{"status":"running"},"id":2}`,
		`{"error":{"class":"CommandNotFound","desc":"not found"},"id":3}`,
	}
	if _, err := conn.Write([]byte(`{"QMP":{}}` + "\n")); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	for _, a := range answers {
		if _, err := conn.Read(buf); err != nil {
			return err
		}
		if _, err := conn.Write([]byte(a + "\n")); err != nil {
			return err
		}
	}
	if _, err := conn.Read(buf); err != nil {
		return err
	}
	return conn.Close()
}
