package profile

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestUSB(t *testing.T) {
	s := shipped(t)
	if got := s.USB(0x4255, 0x0001); !cmp.Equal(got, []string{"ambarella-b"}) {
		t.Errorf("4255:0001 is %q", got)
	}
	if got := s.USB(0x0525, 0xa4a5); got != nil {
		t.Errorf("a Linux gadget is %q", got)
	}
	for _, id := range []string{"4255:1", "4255-0001", "0x4255:0001", "ABCD:0001", ""} {
		_, err := Load(fstest.MapFS{
			"generic.yaml": {Data: []byte("name: generic\n")},
			"x.yaml":       {Data: []byte("name: x\nmatch:\n  usb: ['" + id + "']\n")},
		})
		if err == nil || !strings.Contains(err.Error(), "x.yaml:3:9: usb ") {
			t.Errorf("%q: %v", id, err)
		}
	}
}
