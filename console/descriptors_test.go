package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/ingest"
)

// openFiles names what this process holds open, sockets and pollers aside.
func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/proc/") {
			out = append(out, to)
		}
	}
	slices.Sort(out)
	return out
}

// sendRights sends one raw request with any descriptors and reads the answer.
func sendRights(t *testing.T, state, path string, fds ...int) string {
	t.Helper()
	conn, err := dialOne(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := `{"dir":"/x"}`
	if path != pathIngest {
		body = `{}`
	}
	req := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: custodock\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	if _, _, err := conn.WriteMsgUnix([]byte(req), unix.UnixRights(fds...), nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, conn); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// openFile is a file that can be handed over.
func openFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "made"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestDescriptorsThatAreNoFolder(t *testing.T) {
	desk := &fakeDesk{}
	desk.ingest = func(context.Context, ingest.Request, func(ingest.Event)) (ingest.Summary, error) {
		return ingest.Summary{Files: 77}, nil
	}
	state, _ := start(t, desk)
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	blind, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blind.Close() }()
	path, err := unix.Open(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(path) }()
	before := openFiles(t)
	for _, c := range []struct {
		name, path string
		fds        []int
		want       string
	}{
		{"a file", pathIngest, []int{int(file.Fd())}, "400 Bad Request"},
		{"a name only", pathIngest, []int{path}, "400 Bad Request"},
		{"a folder", pathIngest, []int{int(folder.Fd())}, `"files":77`},
		{"surplus", pathIngest, []int{int(folder.Fd()), int(file.Fd()), path}, `"files":77`},
		{"a file to derive", pathDerive, []int{int(file.Fd())}, `"entry":"dk3-9"`},
		{"no file to derive", pathDerive, nil, "400 Bad Request"},
		{"a folder to derive", pathDerive, []int{int(folder.Fd())}, "400 Bad Request"},
		{"a name only to derive", pathDerive, []int{path}, "400 Bad Request"},
		{"a file for writing only to derive", pathDerive, []int{int(blind.Fd())}, "400 Bad Request"},
		{"on another request", pathStatus, []int{int(folder.Fd())}, "200 OK"},
		{"on an unknown path", "/v1/none", []int{int(folder.Fd())}, "404"},
	} {
		if got := sendRights(t, state, c.path, c.fds...); !strings.Contains(got, c.want) {
			t.Errorf("%s: answer %q, want %q", c.name, got, c.want)
		}
	}
	// A request that never ends leaves its descriptor to the connection.
	conn, err := dialOne(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.WriteMsgUnix([]byte("POST "), unix.UnixRights(int(folder.Fd())), nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !slices.Equal(openFiles(t), before) }, func() string { return "no descriptor came" })
	_ = conn.Close()
	waitFor(t, func() bool { return slices.Equal(openFiles(t), before) }, func() string {
		return cmp.Diff(before, openFiles(t))
	})
}
