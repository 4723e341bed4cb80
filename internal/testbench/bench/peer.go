package main

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// bufferSize is that of custodock's reader.
const bufferSize = 512 << 10

// peer is this program as a plain one that does a part of the work and no more:
// what nothing that does all of it can beat by much.
func peer(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "hash":
		return peerHash(ctx, args[1:])
	case "copy":
		return peerCopy(ctx, args[1:])
	case "upload":
		return peerUpload(ctx, args[1:])
	case "evidence":
		return peerEvidence(ctx, args[1:])
	}
	return fmt.Errorf("peer %q is none of hash, copy, upload and evidence", args[0])
}

// onCores does one thing to each path, as many at once as there are cores, each
// with a buffer of its own.
func onCores(ctx context.Context, paths []string, do func(path string, buf []byte) error) error {
	g, gctx := errgroup.WithContext(ctx)
	todo := make(chan string)
	g.Go(func() error {
		defer close(todo)
		for _, p := range paths {
			select {
			case todo <- p:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range runtime.NumCPU() {
		g.Go(func() error {
			buf := make([]byte, bufferSize)
			for p := range todo {
				if err := do(p, buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
