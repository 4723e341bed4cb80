// Package usb puts the real program into a real kernel and docks cameras there
// as emulated USB hardware: found, read, pulled out, broken and plugged in
// again. Each journey starts from the same frozen machine.
package usb

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

func TestMain(m *testing.M) { testbench.Main(m) }

type journey struct {
	name string
	run  func(*testing.T, *qemu.Image)
}

// journeys are what happens to cameras, each on a dock of its own.
var journeys = []journey{
	{"how soon", howSoon},
	{"found in its bay", foundExFAT},
	{"pulled out in mid-read, read on in another bay", resumes},
	{"a stale mount that lists as empty", staleMount},
	{"six at once behind a hub", sixAtOnce},
	{"an MTP camera", speaksMTP},
	{"a bad sector", badSector},
	{"two cameras with one identity", twins},
	{"erased, and pulled out meanwhile", erases},
	{"a keyboard in a bay", guarded},
	{"mounted for the dock alone", mountedAlone},
}

// TestUSB boots the machine once and lets every journey start from there.
func TestUSB(t *testing.T) {
	begin := time.Now()
	probe := filepath.Join(t.TempDir(), "probe")
	if err := qemu.Build(t.Context(), "./internal/testbench/usb/probe", probe, true); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "custodock")
	if err := qemu.Build(t.Context(), "./cmd/custodock", program, true); err != nil {
		t.Fatal(err)
	}
	image := qemu.New(t, map[string]string{"custodock": program, "probe": probe})
	t.Logf("built, booted and frozen in %v", time.Since(begin).Round(10*time.Millisecond))
	quiet := beginIdle(t, image)
	for _, j := range append(journeys, journey{"an idle dock", quiet.end}) {
		t.Run(j.name, func(t *testing.T) { j.run(t, image) })
	}
}
