package usb

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience is how long a scan waits for the strings of all devices together.
const patience = 500 * time.Millisecond

// words is what a device calls itself.
type words struct {
	serial, maker, name string
	err                 error
}

// ask reads the strings of a device. The kernel gives them under a lock that it
// also holds while it resets the device, which can take a minute, and nothing
// ends such a read: it is left behind and ends by itself. All else that a scan
// reads needs no such lock.
func (s Sysfs) ask(name string) <-chan words {
	answer := make(chan words, 1)
	go func() {
		a := attributes{dir: s.device(name)}
		w := words{serial: a.maybe("serial"), maker: a.maybe("manufacturer"), name: a.maybe("product")}
		w.err = a.err
		answer <- w
	}()
	return answer
}

// hear takes the answer, or finds the device busy when ctx ends first.
func (d *Device) hear(ctx context.Context, asked <-chan words) error {
	var w words
	select {
	case w = <-asked:
	case <-ctx.Done():
		select {
		case w = <-asked:
		default:
			d.Busy = true
		}
	}
	d.Serial, d.Maker, d.Name = w.serial, w.maker, w.name
	return w.err
}

// attributes reads the small text files of one folder and keeps the first error.
type attributes struct {
	dir string
	err error
}

// maxAttribute is far above what sysfs gives, which is a page.
const maxAttribute = 64 << 10

// text returns an attribute without the newline that the kernel adds.
func (a *attributes) text(name string) string {
	b, err := readBounded(filepath.Join(a.dir, name), maxAttribute)
	if err != nil && a.err == nil {
		a.err = err
	}
	return strings.TrimSuffix(string(b), "\n")
}

// maybe is text for an attribute that need not be there.
func (a *attributes) maybe(name string) string {
	before := a.err
	s := a.text(name)
	if gone(a.err) {
		a.err = before
	}
	return s
}

func (a *attributes) number(name string, base, bits int) uint64 {
	s := a.text(name)
	if a.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), base, bits)
	if err != nil {
		a.err = fmt.Errorf("%s is %q, no number", filepath.Join(a.dir, name), s)
	}
	return n
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit))
}
