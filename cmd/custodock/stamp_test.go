package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/custodock/custodock/internal/testbench"
)

// TestStamps runs the program with a real time-stamp authority beside it, and
// openssl over what the store has.
func TestStamps(t *testing.T) {
	a, stranger := testbench.NewTSA(t, 400), testbench.NewTSA(t, 400)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/stamp",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("S", e.WorkDir+"/state")
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TSA", a.URL)
			e.Setenv("ROOTS", a.Roots)
			e.Setenv("OTHER", stranger.Roots)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"flip": flip},
	})
}
