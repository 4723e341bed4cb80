package notify

import (
	"os"
	"strconv"
	"testing"
)

func TestListenerIsForUsAlone(t *testing.T) {
	us := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		pid, fds string
		fails    bool
	}{
		{"", "", false}, {"1", "1", false}, {us, "0", false}, {us, "2", true}, {us, "", true}, {us, "-1", true},
	} {
		env := func(k string) string { return map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds}[k] }
		if l, err := Listener(env); l != nil || (err != nil) != c.fails {
			t.Errorf("%+v: %v, %v", c, l, err)
		}
	}
}
