package testbench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// Way is a direction of packets, seen from inside a namespace.
type Way string

// The ways. What is lost Outof a server's namespace is its replies.
const (
	Into  Way = "into"
	Outof Way = "outof"
)

// Net is a network namespace and the one line to it.
type Net struct {
	Name    string // as `ip netns` knows it
	Inside  string // address of the end within
	Outside string // address of the end on this side

	t     testing.TB
	inner string // interface within
	outer string
}

// Netns makes a network namespace until the test ends. A pair of interfaces
// joins it to this one; nothing else is to be reached from within, which has no
// default route, and the line carries no name service.
func Netns(t testing.TB) *Net {
	t.Helper()
	needRoot(t, "a network namespace")
	id := random(t, 4)
	n := &Net{Name: "testbench-" + id, t: t, inner: "tb" + id + "i", outer: "tb" + id + "o"}
	n.Outside, n.Inside = freePair(t)
	tool(t, "ip", "netns", "add", n.Name)
	t.Cleanup(n.close)
	tool(t, "ip", "link", "add", n.outer, "type", "veth", "peer", "name", n.inner, "netns", n.Name)
	tool(t, "ip", "address", "add", n.Outside+"/30", "dev", n.outer)
	tool(t, "ip", "link", "set", n.outer, "up")
	tool(t, "ip", "-n", n.Name, "address", "add", n.Inside+"/30", "dev", n.inner)
	tool(t, "ip", "-n", n.Name, "link", "set", "lo", "up")
	n.Link(true)
	n.rules("add table inet testbench",
		"add counter inet testbench into", "add counter inet testbench outof",
		"add chain inet testbench into { type filter hook input priority 0; }",
		"add chain inet testbench outof { type filter hook output priority 0; }")
	return n
}

// freePair gives two neighbours of the range that RFC 2544 sets apart for
// tests of networks.
func freePair(t testing.TB) (one, two string) {
	t.Helper()
	used, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for {
		at := rand.IntN(1<<15) * 4
		block := net.IPNet{IP: net.IPv4(198, byte(18+at>>16), byte(at>>8), byte(at)).To4(), Mask: net.CIDRMask(30, 32)}
		clash := false
		for _, a := range used {
			other, ok := a.(*net.IPNet)
			clash = clash || ok && (block.Contains(other.IP) || other.Contains(block.IP))
		}
		if !clash {
			return fmt.Sprintf("198.%d.%d.%d", block.IP[1], block.IP[2], block.IP[3]+1),
				fmt.Sprintf("198.%d.%d.%d", block.IP[1], block.IP[2], block.IP[3]+2)
		}
	}
}

// Within gives a command that runs inside the namespace. It has the mounts that
// we have: `ip netns exec` would give it copies of them, and a disk of which a
// copy is mounted cannot be let go.
func (n *Net) Within(c Cmd) Cmd {
	within := n.enter(c.Bin)
	c.Bin, c.Args = within[0], append(within[1:], c.Args...)
	return c
}

func (n *Net) enter(command ...string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + n.Name}, command...)
}

func (n *Net) nft(args ...string) string {
	n.t.Helper()
	within := n.enter("nft")
	return tool(n.t, within[0], append(within[1:], args...)...)
}

// Link plugs the line in or pulls it, at the end within: on this side the
// address and its route stay, so nothing strays to another network.
func (n *Net) Link(up bool) {
	n.t.Helper()
	state := "down"
	if up {
		state = "up"
	}
	tool(n.t, "ip", "-n", n.Name, "link", "set", n.inner, state)
}

// Lose drops so many of a hundred packets that go one way: 100 is one-way loss,
// 0 ends it. Lost counts them.
func (n *Net) Lose(way Way, percent int) {
	n.t.Helper()
	// One transaction: there is no moment without either rule.
	rules := []string{"flush chain inet testbench " + string(way)}
	match := map[Way]string{Into: "iifname ", Outof: "oifname "}[way] + n.inner
	if percent < 100 { // nft refuses a comparison that always holds
		match += fmt.Sprintf(" numgen random mod 100 < %d", percent)
	}
	if percent > 0 {
		rules = append(rules, fmt.Sprintf("add rule inet testbench %s %s counter name %s drop", way, match, way))
	}
	n.rules(rules...)
}

// Lost says how many packets Lose has dropped on one way.
func (n *Net) Lost(way Way) int {
	n.t.Helper()
	out := n.nft("--json", "list", "counter", "inet", "testbench", string(way))
	var reply struct {
		Nftables []struct {
			Counter *struct{ Packets int }
		}
	}
	if err := json.Unmarshal([]byte(out), &reply); err != nil {
		n.t.Fatalf("counter of %q: %v", out, err)
	}
	for _, one := range reply.Nftables {
		if one.Counter != nil {
			return one.Counter.Packets
		}
	}
	n.t.Fatalf("no counter in %q", out)
	return 0
}

func (n *Net) rules(list ...string) {
	n.t.Helper()
	n.nft(strings.Join(list, "; "))
}

// close takes the line away and then the namespace; who still runs in there
// keeps it, without a line or a name.
func (n *Net) close() {
	// The test's context is over by now, so tool cannot run this.
	if _, err := net.InterfaceByName(n.outer); err == nil {
		n.undo("link", "delete", n.outer)
	}
	n.undo("netns", "delete", n.Name)
}

func (n *Net) undo(args ...string) {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
