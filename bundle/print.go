package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/program"
)

const (
	printTime = time.Minute
	maxPrint  = 32 << 20 // bytes of a printed certificate
)

// memory is where files are in memory and on no disk, where a Linux has such a place,
// and printRoom the bytes that must be free there: a profile has 4 MiB.
const (
	memory    = "/dev/shm"
	printRoom = 2 * maxPrint
)

// print has Chromium print the certificate on paper, so to speak. It gets one
// file, which has no script and no link, and no network.
func (w *writer) print(ctx context.Context, page []byte) (pdf []byte, err error) {
	dir, err := printDir(memory, printRoom)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, out := filepath.Join(dir, "certificate.html"), filepath.Join(dir, "certificate.pdf")
	if err := os.WriteFile(in, page, filePerm); err != nil {
		return nil, err
	}
	args := []string{
		w.Chromium, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync", "--disable-component-update",
		"--disable-background-networking", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--no-pdf-header-footer", "--print-to-pdf=" + out, "file://" + in,
	}
	if os.Geteuid() == 0 {
		args = append(args[:1:1], append([]string{"--no-sandbox"}, args[1:]...)...) // which root cannot have
	}
	words := program.Head{Most: 512}
	err = program.Run(ctx, program.Command{
		Args: args, Env: []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + dir}, Errors: &words, Timeout: printTime,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, words.Text)
	}
	f, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	pdf, err = io.ReadAll(io.LimitReader(f, maxPrint+1))
	if err == nil && (len(pdf) > maxPrint || !bytes.HasPrefix(pdf, []byte("%PDF-"))) {
		err = errors.New("what was printed is no certificate")
	}
	return pdf, err
}

// printDir is a folder for one print, in memory where there is room: Chromium syncs the
// many files of its profile one by one, and on a disk each of these syncs waits for the
// clips that are being written to it, and holds them up.
func printDir(memory string, room uint64) (string, error) {
	const name = "custodock-certificate-"
	var st unix.Statfs_t
	if unix.Statfs(memory, &st) == nil && st.Bavail*uint64(st.Bsize) >= room {
		if dir, err := os.MkdirTemp(memory, name); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", name)
}
