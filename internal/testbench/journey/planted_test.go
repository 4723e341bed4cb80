package journey

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// promises are the promises of the dock, each with the bugs that break it.
var promises = []struct {
	name  string
	check func(testing.TB, string) error
	bugs  []bug
}{
	{"P2 keeps its word", keepsWord, []bug{
		{"the spool is not synced", "ingest/finish.go", "err = s.spool.sync(ctx, file)", "err = ctx.Err()"},
	}},
	{"P3 takes once", takesOnce, []bug{
		{"acquisitions are not found", "ingest/catalog.go", "len(b) == 8 {", "len(b) == 9 {"},
	}},
	{"P4 takes whole", takesWhole, []bug{
		{"an early end passes", "ingest/read.go", "if read != before.Size() {", "if read > before.Size() {"},
	}},
	{"P5 copies again", copiesAgain, []bug{
		{"a failed sync is tried again", "ingest/spool.go", "err := f.syncer.Sync(ctx)", `err := f.syncer.Sync(ctx)
	if again, openErr := durable.NewSyncer(s.dir); err != nil && openErr == nil {
		err = again.Sync(ctx)
	}`},
	}},
	{"P6 extends the log", extendsLog, []bug{
		{"recovery falls back to what was sealed", "manifest/ledger/ledger.go",
			"if l.sealed.size > l.head.size {", "if l.head = l.sealed; l.sealed.size > l.head.size {"},
	}},
	{"P6 refuses a fork", refusesFork, []bug{
		{"a longer log is taken for ours", "manifest/ledger/shelf.go", "if c.Size > ours.size {", "if c.Size > ours.size {\n\t\treturn 0, nil\n\t}\n\tif c.Size > ours.size {"},
	}},
	{"P7 writes alone", writesAlone, []bug{
		{"the lock is shared", "ingest/lock.go", "unix.LOCK_EX|unix.LOCK_NB", "unix.LOCK_SH|unix.LOCK_NB"},
	}},
	{"P8 finds every bit", findsBit, []bug{
		{"objects are not compared", "verify/hashed.go", "if d == want {", "if d == want || true {"},
		{"records are not read", "verify/log.go", "s.records = newRecords(fs.records)", "s.records = nil"},
	}},
	{"P9 stays in its mount", staysBeneath, []bug{
		{"links are followed", "device/open_linux.go", "unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV", "0"},
	}},
	{"P10 prints safely", printsSafely, []bug{
		{"names go to the terminal as they are", "cmd/custodock/ingest_print.go", "message.Safe(path)", "path"},
		{"JSON is not made printable", "cmd/custodock/output.go", `manifest.Printable(bytes.TrimSuffix(b.Bytes(), []byte("\n")))`,
			`append(manifest.Printable(nil), bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)`},
	}},
	{"P11 writes its last words", writesLastWords, []bug{
		{"the reserve is not given back", "ingest/ballast.go", "return os.Truncate(b.path, 0) == nil", "return false"},
	}},
}

// bug is one text of the source put for another.
type bug struct{ name, file, old, new string }

// TestPromises: each promise holds, and a build that breaks it is found out.
func TestPromises(t *testing.T) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if err := p.check(t, testbench.Build(t)); err != nil {
				t.Error(err)
			}
			bugs := p.bugs
			if testing.Short() {
				bugs = nil // each takes a build
			}
			for _, b := range bugs {
				t.Run(b.name, func(t *testing.T) {
					err := p.check(t, testbench.PatchedBuild(t, b.file, b.old, b.new))
					if err == nil {
						t.Fatal("nothing was found")
					}
					t.Logf("found: %v", err)
				})
			}
		})
	}
}
