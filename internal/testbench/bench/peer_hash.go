package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// peerHash prints the SHA-256 of each file as sha256sum(1) does, in no order.
func peerHash(ctx context.Context, paths []string) error {
	return onCores(ctx, paths, func(path string, buf []byte) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		sum := sha256.New()
		if _, err := io.CopyBuffer(sum, struct{ io.Reader }{f}, buf); err != nil {
			return fmt.Errorf("hash %s: %w", path, err)
		}
		_, err = fmt.Printf("%x  %s\n", sum.Sum(nil), path)
		return err
	})
}
