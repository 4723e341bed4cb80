//go:build !cgo

package ptp

import "fmt"

// Dial returns ErrNoLibrary: this program was built without cgo.
func Dial(t Target) (Pipe, error) {
	return nil, fmt.Errorf("open USB device %d of bus %d: %w", t.Number, t.Bus, ErrNoLibrary)
}
