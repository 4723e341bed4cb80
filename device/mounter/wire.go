package mounter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// errMalformed is wrapped by what is wrong with a line.
var errMalformed = errors.New("malformed line")

// maxDescriptors is how many a reply may carry: the root and the mount.
const maxDescriptors = 2

// wire reads and writes lines and the descriptors that travel with them. One
// goroutine reads and one writes.
type wire struct {
	conn  *net.UnixConn
	rest  []byte // what was read beyond the last line
	files []*os.File
}

// line returns the next line without its end. An end of the stream before the
// first byte of a line is io.EOF.
func (w *wire) line() ([]byte, error) {
	for {
		if head, tail, ok := bytes.Cut(w.rest, []byte{'\n'}); ok {
			w.rest = tail
			return head, nil
		}
		if len(w.rest) >= maxLine {
			return nil, fmt.Errorf("%w: longer than %d bytes", errMalformed, maxLine)
		}
		// Never more than one line's worth: whoever sends faster than it is
		// answered waits in the socket's own buffer.
		room := make([]byte, maxLine-len(w.rest))
		oob := make([]byte, unix.CmsgSpace(maxDescriptors*4))
		n, oobn, _, _, err := w.conn.ReadMsgUnix(room, oob)
		if oobn > 0 {
			w.keep(oob[:oobn])
		}
		w.rest = append(w.rest, room[:max(n, 0)]...)
		if n > 0 {
			continue
		}
		if err == nil || errors.Is(err, io.EOF) {
			if len(w.rest) > 0 {
				return nil, fmt.Errorf("%w: it breaks off", errMalformed)
			}
			return nil, io.EOF
		}
		return nil, err
	}
}

// keep collects descriptors; those beyond the limit the kernel has dropped.
func (w *wire) keep(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			w.files = append(w.files, os.NewFile(uintptr(fd), "mounted volume"))
		}
	}
}

// drop closes descriptors that nobody took.
func (w *wire) drop() {
	for _, f := range w.files {
		_ = f.Close() // nothing was written through it
	}
	w.files = nil
}

// send writes one line with descriptors, which stay the caller's.
func (w *wire) send(v any, files ...*os.File) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if len(line) > maxLine {
		return fmt.Errorf("%w: longer than %d bytes", errMalformed, maxLine)
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	n, _, err := w.conn.WriteMsgUnix(line, oob, nil)
	if err == nil && n < len(line) {
		_, err = w.conn.Write(line[n:])
	}
	runtime.KeepAlive(files) // the numbers above are theirs until here
	return err
}

// decode reads one JSON object strictly: an unknown key, a second value or
// anything behind it is refused.
func decode(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something stands behind the object", errMalformed)
	}
	return nil
}
