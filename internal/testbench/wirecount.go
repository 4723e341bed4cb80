package testbench

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Carriage is one request that came to a line, and what became of it.
type Carriage struct {
	Method, URI string
	Body        int64    // bytes of its body that were taken from the client
	Fault       WireKind // Refused, LostReply or ResetRequest where one made it fail, else ""
}

// carriage is one that may still be under way.
type carriage struct {
	Carriage
	body atomic.Int64
}

// Carried lists the requests so far, in the order in which they came.
func (f *wireFaults) Carried() []Carriage {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Carriage, 0, len(f.carried))
	for _, c := range f.carried {
		c.Body = c.body.Load()
		list = append(list, c.Carriage)
	}
	return list
}

// meter notes a request and counts its body.
func (f *wireFaults) meter(r *http.Request) (*http.Request, *carriage) {
	c := &carriage{Carriage: Carriage{Method: r.Method, URI: r.URL.RequestURI()}}
	f.mu.Lock()
	f.carried = append(f.carried, c)
	f.mu.Unlock()
	if r.Body == nil || r.Body == http.NoBody {
		return r, c
	}
	metered := r.Clone(r.Context())
	metered.Body = &countedBody{ReadCloser: r.Body, n: &c.body}
	return metered, c
}

// failed notes what made a request fail.
func (f *wireFaults) failed(c *carriage, why WireKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Fault = why
}

// countedBody is a body whose bytes are counted as they are read.
type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
