package testbench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// RSS watches the anonymous memory of a process. The kernel's own high-water
// mark also counts mapped files, which are page cache and cost nothing.
type RSS struct {
	peak atomic.Int64
	stop chan struct{}
	done chan struct{}
}

// SampleRSS watches a process every 5 ms until Stop.
func SampleRSS(pid int) *RSS {
	r := &RSS{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, ok := rssAnon(pid); ok {
				r.peak.Store(max(r.peak.Load(), now))
			}
			select {
			case <-r.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return r
}

// Peak is the largest RssAnon seen so far, in bytes.
func (r *RSS) Peak() int64 { return r.peak.Load() }

// Stop ends the watch and gives the peak in bytes.
func (r *RSS) Stop() int64 {
	close(r.stop)
	<-r.done
	return r.Peak()
}

// rssAnon reads one field of proc_pid_status(5); an ended process has none.
func rssAnon(pid int) (int64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, b, found := bytes.Cut(b, []byte("\nRssAnon:"))
	if !found {
		return 0, false
	}
	b, _, _ = bytes.Cut(b, []byte(" kB\n"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return kib << 10, err == nil
}

// processorTime reads two fields of proc_pid_stat(5), in hundredths of a second
// on every Linux.
func processorTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("read /proc/%d/stat: %q", pid, b)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil
}
