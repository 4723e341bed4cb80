package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// DefaultTimeout is how long one witness may take for all its answers.
const DefaultTimeout = 10 * time.Second

// Options say whom to ask about which log.
type Options struct {
	Policy    *manifest.Policy // each of its witnesses has a URL
	Key       note.Verifier    // of the log
	Timeout   time.Duration    // 0: DefaultTimeout
	Transport http.RoundTripper
	Now       func() time.Time // nil: time.Now
}

// Client asks the witnesses of one policy about one log. Its methods may be
// called from many goroutines.
type Client struct {
	o    Options
	http *http.Client
	own  *http.Transport // nil where the caller gave one

	turn chan struct{} // one token: one checkpoint at a time

	mu    sync.Mutex
	known map[string]Standing // by the witness's name in the policy
}

// Standing is how it went with a witness last.
type Standing struct {
	Witness string
	URL     string
	Size    int64     // that it cosigned last, as far as this process knows
	At      time.Time // of that cosignature, by the witness's clock; zero for none
	Asked   time.Time // last, zero for never
	Err     error     // of that time
}

// New makes a client; it asks nobody yet.
func New(o Options) (*Client, error) {
	for _, w := range o.Policy.Witnesses {
		u, err := url.Parse(w.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("witness %q: url %q: write the https:// address that its admin gave, without a password", w.Name, w.URL)
		}
	}
	if !o.Policy.Knows(o.Key) {
		return nil, fmt.Errorf("policy: it names other logs than %s: add a log line with the key that custodock key show prints", o.Key.Name())
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{o: o, turn: make(chan struct{}, 1), known: map[string]Standing{}}
	if o.Transport == nil {
		c.own = http.DefaultTransport.(*http.Transport).Clone()
		c.own.ResponseHeaderTimeout = o.Timeout
		o.Transport = c.own
	}
	c.http = &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close gives up idle connections.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// Standings tell of each witness in the order of the policy.
func (c *Client) Standings() []Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Standing
	for _, w := range c.o.Policy.Witnesses {
		s := c.known[w.Name]
		s.Witness, s.URL = w.Name, w.URL
		out = append(out, s)
	}
	return out
}

// PartlyError says who did not cosign.
type PartlyError struct {
	Answers []error // of each witness that did not, naming it
	Lacking error   // a *manifest.UnwitnessedError where the policy is not satisfied, else nil
}

// Error is one line.
func (e *PartlyError) Error() string {
	text := ""
	for i, err := range e.Answers {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	if e.Lacking != nil {
		text += "; " + e.Lacking.Error()
	}
	return text
}

// Unwrap gives all of it.
func (e *PartlyError) Unwrap() []error {
	if e.Lacking == nil {
		return e.Answers
	}
	return append([]error{e.Lacking}, e.Answers...)
}

// Cosign asks all witnesses at once to cosign a signed checkpoint of size
// entries. prove gives the consistency proof from a smaller size to this one and
// is called from several goroutines. What it returns is the checkpoint with every
// cosignature that came and verified; with a *PartlyError it may be none.
// ErrAhead and ErrContradicts are wrapped where a witness knows another history.
func (c *Client) Cosign(ctx context.Context, size int64, msg []byte, prove func(old int64) (tlog.TreeProof, error)) ([]byte, error) {
	head, err := manifest.OpenCheckpoint(msg, c.o.Key.Name(), c.o.Key)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	if head.Size != size {
		return nil, fmt.Errorf("cosign: the checkpoint has %d entries, not %d", head.Size, size)
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	q := question{head: head, note: msg, prove: prove}
	witnesses := c.o.Policy.Witnesses
	sigs, errs := make([]manifest.Cosignature, len(witnesses)), make([]error, len(witnesses))
	var asked sync.WaitGroup
	for i, w := range witnesses {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
			defer cancel()
			sigs[i], errs[i] = c.ask(ctx, w, q)
			c.settle(w, head.Size, sigs[i], errs[i])
		})
	}
	asked.Wait()
	var good []manifest.Cosignature
	partly := &PartlyError{}
	for i, err := range errs {
		if err != nil {
			partly.Answers = append(partly.Answers, fmt.Errorf("witness %q at %s: %w", witnesses[i].Name, witnesses[i].URL, err))
			continue
		}
		good = append(good, sigs[i])
	}
	out := manifest.WithCosignatures(msg, good...)
	if len(partly.Answers) == 0 {
		return out, nil
	}
	partly.Lacking = c.o.Policy.Satisfied(good)
	return out, partly
}

// settle remembers how it went.
func (c *Client) settle(w manifest.PolicyWitness, size int64, sig manifest.Cosignature, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[w.Name]
	s.Asked, s.Err = c.o.Now(), err
	if err == nil {
		s.Size, s.At = size, sig.Time
	} else if !errors.Is(err, errSilent) {
		s.Size = 0 // what it has now it will tell
	}
	c.known[w.Name] = s
}
