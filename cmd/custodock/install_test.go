package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/mounter"
)

// install runs make in the root of the source with a program that is no dock's.
func install(t *testing.T, target, dest, prefix string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "custodock")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("make", "--no-print-directory", target, "DESTDIR="+dest, "PREFIX="+prefix)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "BINARY="+binary, "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %s: %v: %s", target, err, out)
	}
	return string(out)
}

// files are those below dir with their modes.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		found[strings.TrimPrefix(path, dir)] = fmt.Sprintf("%o", info.Mode().Perm())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestInstallAndUninstall(t *testing.T) {
	for _, prefix := range []string{"/usr", "/usr/local"} {
		dest := t.TempDir()
		said := install(t, "install", dest, prefix)
		for _, command := range []string{"custodock --state /var/lib/custodock init", "systemctl enable --now custodock-mounter.service custodock.socket custodock.service", "custodock doctor"} {
			if !strings.Contains(said, command) {
				t.Errorf("the person is not told %q: %s", command, said)
			}
		}
		want := map[string]string{
			prefix + "/bin/custodock":                                "755",
			prefix + "/lib/systemd/system/custodock.service":         "644",
			prefix + "/lib/systemd/system/custodock.socket":          "644",
			prefix + "/lib/systemd/system/custodock-mounter.service": "644",
			prefix + "/lib/udev/rules.d/60-custodock.rules":          "644",
			prefix + "/lib/sysusers.d/custodock.conf":                "644",
			prefix + "/share/doc/custodock/custodock.example.yaml":   "644",
			"/etc/custodock/custodock.yaml":                          "644",
		}
		if diff := cmp.Diff(want, files(t, dest)); diff != "" {
			t.Error(diff)
		}
		verifyUnits(t, dest, prefix)

		config := dest + "/etc/custodock/custodock.yaml"
		shipped := configs.Default()
		shipped.USB.Guard = configs.GuardBays
		if got, err := configs.Load(config); err != nil || cmp.Diff(shipped, got) != "" {
			t.Errorf("the configuration that is installed: %+v, %v", got, err)
		}
		const own = "authority: mine\n"
		if err := os.WriteFile(config, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		install(t, "install", dest, prefix)
		if b, err := os.ReadFile(config); err != nil || string(b) != own {
			t.Errorf("the configuration was replaced: %q, %v", b, err)
		}
		install(t, "uninstall", dest, prefix)
		if diff := cmp.Diff(map[string]string{"/etc/custodock/custodock.yaml": "644"}, files(t, dest)); diff != "" {
			t.Error(diff)
		}
	}
}

// verifyUnits has systemd read the installed units. They name the program by its
// place on the dock, which is looked up below dest here.
func verifyUnits(t *testing.T, dest, prefix string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, name := range []string{"custodock.service", "custodock.socket", "custodock-mounter.service"} {
		b, err := os.ReadFile(filepath.Join(dest, prefix, "lib/systemd/system", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), prefix+"/bin/custodock", dest+prefix+"/bin/custodock")
		if strings.HasSuffix(name, ".service") && text == string(b) {
			t.Errorf("%s does not run %s/bin/custodock", name, prefix)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
	// Hints are no failure by themselves: each would be about a file of ours.
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "custodock") {
			t.Errorf("systemd says: %s", line)
		}
	}
}

// TestUnitsAreHardened prints how exposed systemd thinks each unit is, out of 10.
func TestUnitsAreHardened(t *testing.T) {
	figure := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for unit, most := range map[string]float64{"custodock-mounter.service": 2.0, "custodock.service": 1.5} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "../../systemd/"+unit).CombinedOutput()
		m := figure.FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("systemd-analyze security %s: %v: %s", unit, err, out)
		}
		got, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil || got > most {
			t.Errorf("%s: exposure %s, at most %.1f: %s", unit, m[1], most, out)
		}
		t.Logf("%s: exposure %s, at most %.1f", unit, m[1], most)
	}
}

// TestUnitsAgreeWithTheProgram: paths that stand in a unit and in the program.
func TestUnitsAgreeWithTheProgram(t *testing.T) {
	if configs.DefaultMounter != mounter.DefaultSocket {
		t.Errorf("the daemon looks at %s, the helper listens on %s", configs.DefaultMounter, mounter.DefaultSocket)
	}
	for file, lines := range map[string][]string{
		"custodock-mounter.service": {"RuntimeDirectory=" + filepath.Base(filepath.Dir(mounter.DefaultSocket)), "RuntimeDirectoryPreserve=yes", "Group=" + dockUser},
		"custodock.service":         {"User=" + dockUser},
		"custodock.socket":          {"ListenStream=" + configs.Default().Board},
	} {
		b, err := os.ReadFile("../../systemd/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(b), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", file, line)
			}
		}
	}
	rules, err := os.ReadFile("../../systemd/60-custodock.rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{`SUBSYSTEM=="block", SUBSYSTEMS=="usb"`, `ENV{UDISKS_IGNORE}="1"`, `ENV{UDISKS_AUTO}="0"`} {
		if !strings.Contains(string(rules), rule) {
			t.Errorf("the udev rules lack %s", rule)
		}
	}
}
