package main

import (
	"fmt"
	"path/filepath"

	"github.com/custodock/custodock/internal/testbench"
)

// cards gives so many sources, no two clips of which are alike.
func (b *Bench) cards(n, clips int, size int64, makes func(name string, seed uint64, n int, size int64) (*Source, error)) ([]*Source, error) {
	var list []*Source
	for i := range n {
		s, err := makes(fmt.Sprintf("card-%dx%d-%02d", clips, size, i), uint64(100+i), clips, size)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// plug mounts each source as a camera that gives rate bytes a second, 0 being
// without a limit, and gives the mount points.
func plug(s *Stand, cards []*Source, rate int64) []string {
	var mounts []string
	for _, c := range cards {
		var faults []testbench.Fault
		if rate > 0 {
			faults = append(faults, testbench.Fault{Path: "*", Kind: testbench.Paced, N: rate})
		}
		mounts = append(mounts, testbench.Camera(s, c.Dir, faults...).Mountpoint)
	}
	return mounts
}

// roots is the line of a configuration that makes the stand's mounts cameras.
func roots(s *Stand) string { return fmt.Sprintf("roots: [%q]\n", filepath.Clean(s.dir)) }
