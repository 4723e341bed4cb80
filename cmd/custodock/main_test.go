package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/custodock/custodock/console"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"custodock": main})
}

// long are the scripts that take most of the time; a short run leaves them out.
var long = []string{"auditor.txtar", "authority.txtar", "derive.txtar", "rotate.txtar"}

func scripts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	short := slices.DeleteFunc(slices.Clone(all), func(path string) bool { return slices.Contains(long, filepath.Base(path)) })
	if len(short)+len(long) != len(all) {
		t.Fatalf("%q, of which %q are long", all, long)
	}
	if testing.Short() {
		return short
	}
	return all
}

// TestScripts runs the program as its users do: officer, admin, auditor.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("S", e.WorkDir+"/state")
			e.Setenv("LANG", "C.UTF-8")
			return printer(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"listening": listening,
			"flip":      flip,
		},
	})
}

// printer puts before all other programs one that prints certificates at once, under the
// name that is looked for first.
func printer(e *testscript.Env) error {
	dir := filepath.Join(e.WorkDir, ".programs")
	e.Setenv("PATH", dir+string(filepath.ListSeparator)+e.Getenv("PATH"))
	const script = "#!/bin/sh\nfor a; do case $a in --print-to-pdf=*) echo %PDF-1.7 >\"${a#*=}\";; esac; done\n"
	return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, printers[0]), []byte(script), 0o700))
}

// listening waits until a daemon answers on a state, or with ! until none does.
func listening(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] listening STATE")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		_, err := console.Dial(console.Places{State: ts.MkAbs(args[0])})
		if neg == errors.Is(err, console.ErrNoDaemon) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			ts.Fatalf("listening %s: %v", args[0], err)
		}
	}
}

// flip changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if len(b) == 0 {
		ts.Fatalf("flip %s: it is empty", args[0])
	}
	b[len(b)/2] ^= 1
	ts.Check(os.Chmod(path, 0o600))
	ts.Check(os.WriteFile(path, b, 0o600))
}
