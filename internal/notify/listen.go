package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// firstInherited is the descriptor of the first socket that the manager hands
// over, sd_listen_fds(3).
const firstInherited = 3

// Listener returns the stream socket that the manager listens on for this
// process, nil when there is none. It is handed over once. More than one is an
// error, for nobody would serve the others.
func Listener(env func(string) string) (net.Listener, error) {
	if env("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(env("LISTEN_FDS"))
	if err != nil || n < 0 {
		return nil, fmt.Errorf("take the manager's socket: LISTEN_FDS is %q, no number", env("LISTEN_FDS"))
	}
	if n == 0 {
		return nil, nil
	}
	if n > 1 {
		return nil, fmt.Errorf("take the manager's socket: it hands over %d: leave one ListenStream in the socket unit", n)
	}
	syscall.CloseOnExec(firstInherited)
	f := os.NewFile(firstInherited, "socket of the service manager")
	l, err := net.FileListener(f) // a copy
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("take the manager's socket: %w", err)
	}
	return l, nil
}
