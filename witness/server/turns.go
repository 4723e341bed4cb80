package server

import (
	"net/http"
	"net/netip"
	"sync"
)

// How many requests are served at once, and how many of them one client may have. A
// request holds its place while its body comes, at most requestTime: clients that
// are slow, or pretend to be, take no place of the others.
const (
	maxTurns  = 256
	maxClient = 16
)

// turns are the places of requests under way, by client.
type turns struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

// take is false where there is no place, for anybody or for this client.
func (t *turns) take(client string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxTurns || t.by[client] >= maxClient {
		return false
	}
	if t.by == nil {
		t.by = map[string]int{}
	}
	t.all++
	t.by[client]++
	return true
}

func (t *turns) give(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.by[client]--; t.by[client] == 0 {
		delete(t.by, client)
	}
}

// clientOf is who asks: an address, or of IPv6 the network that one machine has a
// whole one of.
func clientOf(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	net, err := addr.Prefix(64)
	if err != nil {
		return ""
	}
	return net.String()
}
