package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Starved is how long the machine's processor has been ready and had to wait
// for a processor of this computer so far (Documentation/scheduler/
// sched-stats.rst): what a span of the machine's time holds of it was no time
// to the programs in it.
func (m *Machine) Starved() time.Duration {
	m.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", m.process.PID()))
	if err != nil {
		m.t.Fatal(err)
	}
	var most, waited int64 // the thread that ran most is the processor
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var run, wait int64
		if _, err := fmt.Sscan(string(b), &run, &wait); err != nil {
			m.t.Fatalf("%s: %v", path, err)
		}
		if run > most {
			most, waited = run, wait
		}
	}
	if most == 0 {
		m.t.Fatal("no thread of the machine has run")
	}
	return time.Duration(waited)
}
