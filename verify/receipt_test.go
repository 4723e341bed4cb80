package verify_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// docked is a log with a docking of two clips among another docking's, and what
// its dock could say of it.
func docked(t testing.TB) (*verifytest.Log, manifest.Receipt) {
	t.Helper()
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	other := l.Append("docking.opened", manifest.Object{"device": "c002"}, nil)
	opened := l.Append("docking.opened", manifest.Object{"device": "c001", "bay": "bay 1"}, nil)
	clip := func(docking int64, content string) {
		stored := l.Clip("stored "+content, content)
		sum := l.Entry(stored).Fields.Str("sha256")
		l.Append("clip.ingested", manifest.Object{"sha256": sum, "size": int64(len(content)), "role": "main", "docking": docking}, nil)
	}
	clip(opened, "one")
	clip(other, "of another camera")
	clip(opened, "two")
	l.Append("docking.closed", manifest.Object{
		"docking": opened, "device": "c001", "end": "complete", "listed": int64(4), "read": int64(2), "known": int64(1),
	}, nil)
	l.Append("run.started", nil, nil)
	l.Publish()
	return l, manifest.Receipt{
		Time: time.Date(2026, 11, 22, 8, 1, 0, 0, time.UTC), Docking: opened, Device: "c001", Bay: "bay 1", End: "complete",
		Clips: 4, Safe: 3, Central: 2, Confirmed: 1,
	}
}

// TestReceipt: a receipt proves the clips of its docking and no other, and is
// refused when the log does not say the same.
func TestReceipt(t *testing.T) {
	l, good := docked(t)
	mem := l.Memory()
	path := filepath.Join(t.TempDir(), "receipt")
	run := func(r manifest.Receipt, size int64) outcome {
		t.Helper()
		write(t, path, l.Receipt(r, size))
		return runFile(t, mem, l.Key, path)
	}
	want := map[string]string{"dk3v9q-4": verify.OK, "dk3v9q-8": verify.OK}
	for _, size := range []int64{l.Size() - 1, l.Size()} { // an older log and the newest
		if got := run(good, size); got.err != nil || !cmp.Equal(want, got.says()) {
			t.Fatal(got.err, got.says())
		}
	}
	for name, c := range map[string]struct {
		change func(*manifest.Receipt)
		says   string
	}{
		"more safe":      {func(r *manifest.Receipt) { r.Safe = 4 }, "say other things of docking 2"},
		"another end":    {func(r *manifest.Receipt) { r.End = "gone" }, "say other things of docking 2"},
		"another camera": {func(r *manifest.Receipt) { r.Device = "c002" }, "entry 2 is not the docking"},
		"another bay":    {func(r *manifest.Receipt) { r.Bay = "" }, "entry 2 is not the docking"},
		"no docking":     {func(r *manifest.Receipt) { r.Docking = 3 }, "entry 3 is not the docking"},
		"not ended":      {func(r *manifest.Receipt) { r.Docking, r.Device, r.Bay = 1, "c002", "" }, "no docking.closed in the log is of the receipt's docking 1"},
	} {
		r := good
		c.change(&r)
		if got := run(r, l.Size()); !errors.Is(got.err, verify.ErrMismatch) || !strings.Contains(got.err.Error(), c.says) {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	msg := l.Receipt(good, l.Size())
	for i := range msg {
		msg[i] ^= 1 << (i * 5 % 8)
		write(t, path, msg)
		if got := runFile(t, mem, l.Key, path); !errors.Is(got.err, verify.ErrMismatch) {
			t.Errorf("byte %d changed: %v", i, got.err)
		}
		msg[i] ^= 1 << (i * 5 % 8)
	}
	if got := run(good, 9); !errors.Is(got.err, verify.ErrMismatch) { // before its docking.closed
		t.Error(got.err)
	}
	delete(mem, l.Object(4))
	if got := run(good, l.Size()); !errors.Is(got.err, verify.ErrMismatch) || got.says()["dk3v9q-4"] != verify.Missing {
		t.Error(got.err, got.says())
	}
}

// TestReceiptOfAnotherHistory: of two logs by one key a receipt proves one.
func TestReceiptOfAnotherHistory(t *testing.T) {
	l, good := docked(t)
	fork := l.Fork(t.TempDir())
	for n := range l.Size() {
		e := l.Entry(n)
		fork.Append(e.Type, e.Fields, nil)
	}
	path := filepath.Join(t.TempDir(), "receipt")
	write(t, path, fork.Receipt(good, l.Size()))
	got := runFile(t, l.Memory(), l.Key, path)
	if !errors.Is(got.err, verify.ErrMismatch) || !strings.Contains(got.err.Error(), "of another history") {
		t.Error(got.err)
	}
	l.Append("run.started", nil, nil)
	write(t, path, l.Receipt(good, l.Size()))
	got = runFile(t, l.Memory(), l.Key, path)
	if !errors.Is(got.err, verify.ErrMismatch) || !strings.Contains(got.err.Error(), "cut short, or is behind") {
		t.Error(got.err)
	}
}
