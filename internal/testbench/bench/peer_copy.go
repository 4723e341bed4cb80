package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// peerCopy copies the files of one folder into a new one, syncs each of them
// and at last the folder.
func peerCopy(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench peer copy SRC DST")
	}
	src, dst := args[0], args[1]
	entries, err := os.ReadDir(src)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dst, 0o700); err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	err = onCores(ctx, names, func(name string, buf []byte) error {
		return copySynced(filepath.Join(src, name), filepath.Join(dst, name), buf)
	})
	if err != nil {
		return err
	}
	return syncPath(dst)
}

func copySynced(from, to string, buf []byte) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buf); err != nil {
		return err
	}
	return out.Sync()
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}
