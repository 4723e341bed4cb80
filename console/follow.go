package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/custodock/custodock/ingest"
)

// events streams what happens to the dock, one event a line. Each line has to be
// taken within s.writing; a reader that is slower is left, and may come back
// behind the last id it has. The desk waits for none of them.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	after, err := readAfter(r.URL.Query())
	if err != nil {
		s.fail(w, err)
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.fail(w, fmt.Errorf("follow the dock: %w: end one of %d streams and ask again", errBusy, maxStreams))
		return
	}
	out, began := http.NewResponseController(w), false
	write := func(v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if !began {
			w.Header().Set("Content-Type", "application/x-ndjson")
			began = true
		}
		if err := out.SetWriteDeadline(time.Now().Add(s.writing)); err != nil {
			return err
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return err
		}
		return out.Flush()
	}
	err = s.Desk.Events(r.Context(), after, func(e ingest.StreamEvent) error { return write(e) })
	if !began {
		s.fail(w, err)
		return
	}
	_ = write(map[string]*fault{"error": faultOf(err)}) // a client that left needs no answer
}

// readAfter reads the query: nothing but one after.
func readAfter(q url.Values) (*int64, error) {
	for name, values := range q {
		if name != "after" || len(values) != 1 {
			return nil, fmt.Errorf("%w: query %q: only one after is known", errRequest, name)
		}
	}
	if !q.Has("after") {
		return nil, nil
	}
	n, err := strconv.ParseInt(q.Get("after"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: after %q: give the id of an event, or -1", errRequest, q.Get("after"))
	}
	return &n, nil
}

// Events implements Desk.
func (c *Client) Events(ctx context.Context, after *int64, each func(ingest.StreamEvent) error) error {
	path := pathEvents
	if after != nil {
		path += "?after=" + strconv.FormatInt(*after, 10)
	}
	resp, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.scan(ctx, resp.Body, func(raw []byte) (bool, error) {
		var l struct {
			ingest.StreamEvent
			Error *fault `json:"error"`
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber() // entries hold integers of 64 bits
		if err := dec.Decode(&l); err != nil {
			return false, errors.Join(errCut, err)
		}
		if l.Error != nil {
			return true, l.Error.err()
		}
		return false, each(l.StreamEvent)
	})
}
