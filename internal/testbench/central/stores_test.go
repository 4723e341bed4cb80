package central

import (
	"fmt"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// pair is a dock with two stores, one of which a test takes away.
type pair struct {
	*dock
	well, ill *centre
}

func newPair(t testing.TB, bin string) *pair {
	t.Helper()
	s := testbench.S3(t, testbench.S3Options{})
	p := &pair{well: bucketOf(t, s, "well", false), ill: bucketOf(t, s, "ill", false)}
	// The one that fails comes first: nobody may wait for it.
	p.dock = newDock(t, bin, s.Env(), "", storeText("ill", p.ill.url(), unlocked), storeText("well", p.well.url(), unlocked))
	return p
}

// soon is far less than a store that fails is given to answer.
const soon = 10 * time.Second

// drainsApart is P12 for stores: one that is away holds up neither the other
// nor the start of the dock, and gets everything when it comes.
func drainsApart(t testing.TB, bin string, away, back func(*testbench.Relay)) error {
	p := newPair(t, bin)
	away(p.ill.line)
	began := time.Now()
	daemon := p.daemon()
	if took := time.Since(began); took > soon {
		return fmt.Errorf("the dock was ready after %v", took)
	}
	cam, files := camera(t, 4, small, 1)
	began = time.Now()
	ingest := p.cmd("ingest", "--json", "--wait", "10m", cam).Start(t)
	await(t, "one store has all", func() bool { return p.waiting("well") == 0 && p.waiting("ill") == len(files) })
	await(t, "one store shows the log", func() bool { return p.well.once(files...) == nil })
	if took := time.Since(began); took > soon {
		return fmt.Errorf("the store that is well had all after %v", took)
	}
	back(p.ill.line)
	if err := p.hear(ingest.WaitFor(2 * testbench.Patience)).complete(len(files)); err != nil {
		return err
	}
	p.awaitQuiet()
	for _, c := range []*centre{p.ill, p.well} {
		if err := p.settled(c, files...); err != nil {
			return err
		}
	}
	p.end(daemon)
	return nil
}

// The ways in which a store is away.
var absences = []struct {
	name       string
	away, back func(*testbench.Relay)
}{
	{"refused", func(r *testbench.Relay) { r.Refuse(true) }, func(r *testbench.Relay) { r.Refuse(false) }},
	{"black hole", func(r *testbench.Relay) { r.Stall(true) }, func(r *testbench.Relay) { r.Stall(false) }},
	{"throttling", func(r *testbench.Relay) { r.Inject(testbench.WireFault{Kind: testbench.Refused}) }, func(r *testbench.Relay) { r.Heal() }},
}

// TestStoresApart: of two stores one is away when the dock starts.
func TestStoresApart(t *testing.T) {
	bin := testbench.Build(t)
	for _, a := range absences {
		t.Run(a.name, func(t *testing.T) {
			if err := drainsApart(t, bin, a.away, a.back); err != nil {
				t.Error(err)
			}
		})
	}
}
