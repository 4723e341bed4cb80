package profile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUSB(t *testing.T) {
	s := shipped(t)
	if got := s.USB(0x2672, 0x0042); !cmp.Equal(got, []string{"gopro"}) {
		t.Errorf("2672:0042 is %q", got)
	}
	for _, product := range []uint16{0xa4a5, 0x0001} {
		if got := s.USB(0x0525, product); got != nil {
			t.Errorf("a Linux gadget is %q", got)
		}
	}
	if got := s.USB(0x4255, 0x0001); got != nil {
		t.Errorf("what speaks many protocols is %q", got)
	}
}
