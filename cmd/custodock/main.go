// Custodock takes in the recordings of docked cameras, hashes each into a
// signed, append-only manifest, keeps them in central storage, and proves
// years later that they are what came off the camera.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a dock's system may have no zones, and zone: names one
)

// memoryLimit is what the collector keeps the heap to, in bytes: a camera with a
// hundred thousand files must fit a small dock.
const memoryLimit = 72 << 20

// heapGrowth lets the heap grow to five times what lives before it is collected,
// as long as it is far from memoryLimit: many small clips make much garbage.
const heapGrowth = 400

func main() {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(heapGrowth)
	os.Exit(run(os.Args[1:]))
}

// run is the program; its result is the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the work in order; a second one ends the process.
	defer context.AfterFunc(ctx, stop)()
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return a.run(ctx, args)
}
