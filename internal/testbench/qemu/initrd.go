package qemu

import (
	"bufio"
	"context"
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
	err := BuildStatic(ctx, "./internal/testbench/qemu/guest", agent)
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
	c := &cpio{w: out}
	for _, d := range []string{"bin", "dev", "etc", "media", "modules", "proc", "run", "sys", "tmp", "var"} {
		c.dir(d)
	}
	files := map[string]string{"init": agent, busybox[1:]: busybox}
	for name, from := range programs {
		files["bin/"+name] = from
	}
	for name, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("fill the initrd: %w: run tools/need.sh usb", err)
		}
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

// BuildStatic builds a package of this module into a program that needs nothing
// but a kernel.
func BuildStatic(ctx context.Context, pkg, to string) error {
	root, err := testbench.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", to, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
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
