package qemu

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/internal/testbench"
)

// kernel is Debian's, as tools/need.sh unpacked it.
type kernel struct {
	vmlinux string
	modules map[string]string // name to file
}

// openKernel finds the kernel below bin/kernel of the module.
func openKernel() (*kernel, error) {
	root, err := testbench.Root()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "bin", "kernel")
	k := &kernel{vmlinux: filepath.Join(dir, "vmlinux"), modules: map[string]string{}}
	if _, err := os.Stat(k.vmlinux); err != nil {
		return nil, fmt.Errorf("find a kernel to boot: %w: run tools/need.sh usb", err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "modules"), func(path string, e fs.DirEntry, err error) error {
		if name, _, found := strings.Cut(e.Name(), ".ko"); err == nil && found {
			k.modules[moduleName(name)] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the modules of the kernel: %w: run tools/need.sh usb", err)
	}
	return k, nil
}

// moduleName is a module's name as the kernel writes it.
func moduleName(file string) string { return strings.ReplaceAll(file, "-", "_") }
