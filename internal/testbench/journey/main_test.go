// Package journey puts the real program through the bad days of a dock: it is
// killed, cut off from power, denied system calls, memory, descriptors and
// room, and handed hostile cameras. After each of them the promises of the
// dock are checked from outside, on what it printed and what it published.
//
// A check is a function that returns an error. Each is also run against a
// build with a bug planted in it, and must fail there.
package journey

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }

// scaled is full, or short under go test -short.
func scaled(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// random is seeded from the clock, or from JOURNEY_SEED to repeat a run as far
// as its timing can be repeated.
func random(t testing.TB) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("JOURNEY_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("JOURNEY_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}
