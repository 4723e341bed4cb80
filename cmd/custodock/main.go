// Custodock takes in the recordings of docked cameras, hashes each into a
// signed, append-only manifest, keeps them in central storage, and proves
// years later that they are what came off the camera.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a dock's system may have no zones, and zone: names one
)

func main() { os.Exit(run(os.Args[1:])) }

// run is the program; its result is the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the work in order; a second one ends the process.
	defer context.AfterFunc(ctx, stop)()
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return a.run(ctx, args)
}
