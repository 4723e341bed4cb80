package usb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/custodock/custodock/internal/durable"
)

// remember notes what the defaults of the root hubs are before they are changed.
// What a guard that crashed has noted in Kept comes first: the defaults of now
// are its own.
func (g *Guard) remember(roots []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.before == nil {
		kept, err := g.kept()
		if err != nil {
			return err
		}
		g.before = kept
	}
	grown := false
	for _, root := range roots {
		for _, name := range defaults {
			path := filepath.Join(root, name)
			if _, ok := g.before[path]; ok {
				continue
			}
			b, err := os.ReadFile(g.Sysfs.device(path))
			if gone(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("guard USB bus %s: %w", root, err)
			}
			g.before[path] = strings.TrimSpace(string(b))
			grown = true
		}
	}
	if !grown || g.Kept == "" {
		return nil
	}
	b, err := json.Marshal(g.before)
	if err == nil {
		err = durable.WriteFile(g.Kept, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("guard USB: remember the kernel's defaults: %w", err)
	}
	return nil
}

// kept reads what was noted. A file that was cut short by a crash says nothing.
func (g *Guard) kept() (map[string]string, error) {
	before := map[string]string{}
	if g.Kept == "" {
		return before, nil
	}
	b, err := os.ReadFile(g.Kept)
	if errors.Is(err, fs.ErrNotExist) {
		return before, nil
	}
	if err != nil {
		return nil, fmt.Errorf("guard USB: read the kernel's defaults: %w", err)
	}
	if json.Unmarshal(b, &before) != nil {
		return map[string]string{}, nil
	}
	maps.DeleteFunc(before, func(path, value string) bool {
		return !IsRoot(filepath.Dir(path)) || !slices.Contains(defaults, filepath.Base(path)) || len(value) > 3
	})
	return before, nil
}

// Restore puts the kernel's defaults back. Devices stay as they were judged.
func (g *Guard) Restore() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	// The interfaces' default is the first in which a new device must be right.
	paths := slices.Sorted(maps.Keys(g.before))
	slices.SortStableFunc(paths, func(a, b string) int {
		return slices.Index(defaults, filepath.Base(b)) - slices.Index(defaults, filepath.Base(a))
	})
	var failed error
	for _, path := range paths {
		if err := g.set(path, g.before[path]); err != nil && !gone(err) {
			failed = fmt.Errorf("restore USB default %s: %w: %s", path, err, advice(err))
		}
	}
	if failed != nil {
		return failed
	}
	g.before = nil
	if g.Kept != "" {
		if err := os.Remove(g.Kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("guard USB: %w", err)
		}
	}
	return nil
}

// set writes an attribute below the devices folder.
func (g *Guard) set(path, value string) error { return g.put(g.Sysfs.device(path), value) }

func (g *Guard) put(path, value string) error {
	if g.write != nil {
		return g.write(path, value)
	}
	return writeAttribute(path, value)
}

// writeAttribute makes no file where the kernel shows none.
func writeAttribute(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// advice says what to do about a write that failed.
func advice(err error) string {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "run the guard as root with a /sys that may be written, or set usb.guard to off"
	}
	return "take the device out and plug it in again"
}
