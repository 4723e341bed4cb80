package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// knob is a flag of a peer and the values worth trying, the usual one first.
type knob struct {
	flag   string
	values []string
}

// tune finds the flags with which a peer is fastest here: it turns one knob
// after another and keeps what was best, one run a value.
func (b *Bench) tune(peer string, knobs []knob, run func(context.Context, []string) (Sample, error)) ([]string, error) {
	at := make([]int, len(knobs))
	if b.untuned {
		return flagsOf(knobs, at), nil
	}
	best, err := b.try(peer, knobs, at, run)
	if err != nil {
		return nil, err
	}
	for i, k := range knobs {
		kept := at[i]
		for v := 1; v < len(k.values); v++ {
			at[i] = v
			s, err := b.try(peer, knobs, at, run)
			if err != nil {
				return nil, err
			}
			if s < best {
				best, kept = s, v
			}
		}
		at[i] = kept
	}
	flags := flagsOf(knobs, at)
	b.Note("%s was fastest, of %d settings tried once each, with `%s`.", peer, tries(knobs), strings.Join(flags, " "))
	return flags, nil
}

func (b *Bench) try(peer string, knobs []knob, at []int, run func(context.Context, []string) (Sample, error)) (float64, error) {
	flags := flagsOf(knobs, at)
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	s, err := run(b.ctx, flags)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", peer, strings.Join(flags, " "), err)
	}
	_, _ = fmt.Fprintf(b.out, "setting: %s %s: %.2f s, %.2f s of CPU\n", peer, strings.Join(flags, " "), s.Seconds, s.CPU)
	return s.Seconds, nil
}

func flagsOf(knobs []knob, at []int) []string {
	var flags []string
	for i, k := range knobs {
		flags = append(flags, k.flag+"="+k.values[at[i]])
	}
	return slices.Clip(flags)
}

// tries is how many settings tune runs.
func tries(knobs []knob) int {
	n := 1
	for _, k := range knobs {
		n += len(k.values) - 1
	}
	return n
}
