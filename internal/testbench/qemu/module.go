package qemu

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// baseModules are what a dock with cameras needs.
var baseModules = []string{
	"virtio_pci", "virtio_console", "xhci_pci", "usb_storage", "sd_mod",
	"nls_cp437", "nls_iso8859_1", "nls_utf8", "nls_ascii", "vfat", "exfat", "crc32c_generic", "ext4",
}

// GadgetModules make a USB port whose devices the machine itself plays.
var GadgetModules = []string{"dummy_hcd", "libcomposite", "usb_f_mass_storage", "usb_f_hid", "usbhid", "hid_generic"}

// module is one module of the kernel, unpacked.
type module struct {
	name string
	file []byte
}

// resolve gives the modules of these names and all they depend on, each behind
// what it needs. Debian's package has no modules.dep: the modules say it.
func (k *kernel) resolve(names ...string) ([]module, error) {
	var order []module
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		name = moduleName(name)
		if name == "" || seen[name] {
			return nil
		}
		seen[name] = true
		path, found := k.modules[name]
		if !found {
			return fmt.Errorf("module %s: not in bin/kernel: remove that folder and run tools/need.sh usb", name)
		}
		file, err := readModule(path)
		if err != nil {
			return err
		}
		needs, err := depends(file)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return err
			}
		}
		order = append(order, module{name, file})
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// readModule reads a module, which newer Debian packs by xz.
func readModule(path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	out, err := exec.CommandContext(context.Background(), "xz", "--decompress", "--stdout", path).Output()
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	return out, nil
}

// depends reads the depends= line of .modinfo.
func depends(file []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	info := f.Section(".modinfo")
	if info == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	text, err := info.Data()
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(text), "\x00") {
		if list, found := strings.CutPrefix(line, "depends="); found {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
