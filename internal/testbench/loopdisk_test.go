package testbench

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestLoopDiskPowerCut(t *testing.T) {
	d := LoopDisk(t, 16)
	kept, lost := filepath.Join(d.Mountpoint, "kept"), filepath.Join(d.Mountpoint, "lost")
	f, err := os.Create(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lost, []byte("lost"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Cut()
	if err := os.WriteFile(lost, []byte("more"), 0o600); !errors.Is(err, syscall.EIO) {
		t.Errorf("write without power: %v, want EIO", err)
	}
	d.Recover()
	if b, err := os.ReadFile(kept); err != nil || !bytes.Equal(b, []byte("kept")) {
		t.Errorf("synced file: %q, %v", b, err)
	}
	if _, err := os.Stat(lost); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file that was not synced: %v, want it lost", err)
	}
	if err := os.WriteFile(lost, nil, 0o600); err != nil {
		t.Errorf("write after power is back: %v", err)
	}
	d.Shutdown()
}

func TestLoopDiskReadOnly(t *testing.T) {
	d := LoopDisk(t, 8)
	path := filepath.Join(d.Mountpoint, "f")
	d.Remount(true)
	if err := os.WriteFile(path, nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("write: %v, want EROFS", err)
	}
	d.Remount(false)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Error(err)
	}
}

func TestLoopDiskFull(t *testing.T) {
	d := LoopDisk(t, 8, "-N", "16")
	free := d.Fill(64 << 10)
	path := filepath.Join(d.Mountpoint, "f")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write to a full disk: %v", err)
	}
	free()
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Errorf("write after room was made: %v", err)
	}
	for i := range 16 {
		if err := os.WriteFile(filepath.Join(d.Mountpoint, string(rune('a'+i))), nil, 0o600); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("16 inodes were enough for 16 files more")
}
