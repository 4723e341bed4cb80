package qemu

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

const busybox = "/bin/busybox"

// initrd writes what the machine boots into: the programs, the agent as its first
// process, busybox under all its names, and the modules of the kernel.
func initrd(ctx context.Context, k *kernel, dir string, programs map[string]string) (string, error) {
	agent := filepath.Join(dir, "guest")
	err := Build(ctx, "./internal/testbench/qemu/guest", agent, false)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "initrd")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	out := bufio.NewWriterSize(f, 1<<20)
	c := newCpio(out)
	c.tree("bin", "dev", "etc", "media", "modules", "proc", "run", "sys", "tmp", "var")
	files := map[string]string{"init": agent, busybox[1:]: busybox}
	for name, from := range programs {
		files["bin/"+name] = from
		libs, err := libraries(ctx, from)
		if err != nil {
			return "", err
		}
		for _, lib := range libs {
			files[lib[1:]] = lib
		}
	}
	for name, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("fill the initrd: %w: run tools/need.sh usb", err)
		}
		c.tree(filepath.Dir(name))
		c.file(name, 0o755, b)
	}
	if err := addApplets(ctx, c); err != nil {
		return "", err
	}
	if err := addModules(c, k); err != nil {
		return "", err
	}
	c.file("etc/passwd", 0o644, []byte("root:x:0:0::/tmp:/bin/sh\ncustodock:x:900:900::/tmp:/bin/sh\n"))
	c.file("etc/group", 0o644, []byte("root:x:0:\ncustodock:x:900:\n"))
	if err := c.close(); err != nil {
		return "", err
	}
	if err := out.Flush(); err != nil {
		return "", err
	}
	return path, f.Close()
}

// libraries are the files that a program is linked with, as this machine has
// them; none when it is static.
func libraries(ctx context.Context, program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	linked, err := f.ImportedLibraries()
	if err := errors.Join(err, f.Close()); err != nil || len(linked) == 0 {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("ask for the libraries of %s: %w", program, err)
	}
	var libs []string
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			libs = append(libs, word)
		}
	}
	return libs, nil
}

// Build builds a package of this module into a program, which without cgo needs
// nothing but a kernel.
func Build(ctx context.Context, pkg, to string, cgo bool) error {
	root, err := testbench.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", to, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if cgo {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, out)
	}
	return nil
}

// addApplets gives busybox all its names.
func addApplets(ctx context.Context, c *cpio) error {
	out, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("ask busybox for its names: %w", err)
	}
	for _, name := range strings.Fields(string(out)) {
		if name != "busybox" {
			c.link("bin/"+name, busybox)
		}
	}
	return nil
}

// addModules adds every module and names those to load at boot.
func addModules(c *cpio, k *kernel) error {
	base, err := k.resolve(baseModules...)
	if err != nil {
		return err
	}
	all, err := k.resolve(append(append([]string(nil), baseModules...), GadgetModules...)...)
	if err != nil {
		return err
	}
	for _, m := range all {
		c.file(wire.Modules[1:]+"/"+m.name+".ko", 0o644, m.file)
	}
	c.file(wire.Order[1:], 0o644, []byte(strings.Join(names(base), "\n")+"\n"))
	return nil
}

func names(list []module) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.name)
	}
	return out
}
