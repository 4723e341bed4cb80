package console

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/ingest"
)

// line is one line of a streamed answer; exactly one field is set. The last
// line is a Summary, an End or an Error, so a cut stream is known as one.
type line struct {
	Clip    *ingest.ClipView `json:"clip,omitempty"`
	Event   *ingest.Event    `json:"event,omitempty"`
	Summary *ingest.Summary  `json:"summary,omitempty"`
	End     *empty           `json:"end,omitempty"`
	Error   *fault           `json:"error,omitempty"`
}

// lineWriter writes lines, each at once where somebody watches. After the
// first error it only returns that error.
type lineWriter struct {
	mu      sync.Mutex
	enc     *json.Encoder
	control *http.ResponseController
	err     error
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	w.Header().Set("Content-Type", "application/x-ndjson")
	return &lineWriter{enc: json.NewEncoder(w), control: http.NewResponseController(w)}
}

func (l *lineWriter) write(v line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.enc.Encode(v)
	}
	if l.err == nil && v.Clip == nil { // a list of clips may gather in the buffer
		l.err = l.control.Flush()
	}
	return l.err
}

func (s *server) clips(w http.ResponseWriter, r *http.Request) {
	var f ingest.Filter
	if err := readJSON(r.Body, &f); err != nil {
		s.fail(w, err)
		return
	}
	out := newLineWriter(w)
	err := s.Desk.Clips(r.Context(), f, func(c ingest.ClipView) error {
		return out.write(line{Clip: &c})
	})
	last := line{End: &empty{}}
	if err != nil {
		last = line{Error: faultOf(err)}
	}
	_ = out.write(last) // a client that left needs no answer
}

// ingest runs for as long as the client stays: http.Server ends the request's
// context with the connection.
func (s *server) ingest(w http.ResponseWriter, r *http.Request) {
	folder, err := takeFolder(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	var q ingest.Request
	if err := readJSON(r.Body, &q); err != nil {
		_ = folder.Close()
		s.fail(w, err)
		return
	}
	if err := s.mayTakeIn(r.Context(), &q, folder); err != nil {
		_ = folder.Close()
		s.fail(w, err)
		return
	}
	q.Tags = ownWords(q.Tags)
	// The server notices that a client left only once the body is read whole.
	_, _ = io.Copy(io.Discard, r.Body)
	q.Folder = folder
	out := newLineWriter(w)
	sum, err := s.Desk.Ingest(r.Context(), q, func(e ingest.Event) {
		_ = out.write(line{Event: &e}) // the context ends with the connection
	})
	last := line{Summary: &sum}
	if err != nil {
		last = line{Error: faultOf(err)}
	}
	_ = out.write(last)
}

// mayTakeIn settles who signs, and that others than admins could read the folder
// themselves.
func (s *server) mayTakeIn(ctx context.Context, q *ingest.Request, folder *os.File) error {
	if err := s.signAs(ctx, opIngest, &q.Actor, &q.By); err != nil {
		return err
	}
	peer := connOf(ctx).peer
	if slices.Contains(s.Access().Roles(peer), access.Admin) {
		return nil
	}
	return readable(folder, peer)
}
