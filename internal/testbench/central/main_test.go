// Package central puts the real program before central storage on its bad
// days: a server that throttles, loses its answers, fills up, rots or refuses
// the keys, and a dock that is killed, cloned or restored from a backup. The
// servers are real ones; what goes wrong between them and the dock is done by a
// proxy, and counted.
//
// At the end of each day the same must hold, which dock.settled says.
package central

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }

var kinds = []string{testbench.VersityGW, testbench.MinIO}
