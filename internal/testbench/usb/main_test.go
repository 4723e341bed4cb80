// Package usb puts the real program into a real kernel and docks cameras there
// as emulated USB hardware: found, read, pulled out and broken.
package usb

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }
